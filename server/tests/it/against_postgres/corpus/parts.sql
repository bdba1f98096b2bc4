-- date_trunc, date_part and extract.
SELECT date_trunc('second', timestamp '2026-05-17 13:45:56.789')
SELECT date_trunc('minute', timestamp '2026-05-17 13:45:56.789')
SELECT date_trunc('hour', timestamp '2026-05-17 13:45:56.789')
SELECT date_trunc('day', timestamp '2026-05-17 13:45:56.789')
SELECT date_trunc('week', timestamp '2026-05-17 13:45:56.789')
SELECT date_trunc('month', timestamp '2026-05-17 13:45:56.789')
SELECT date_trunc('quarter', timestamp '2026-05-17 13:45:56.789')
SELECT date_trunc('year', timestamp '2026-05-17 13:45:56.789')
SELECT date_trunc('decade', timestamp '2026-05-17 13:45:56.789')
SELECT date_trunc('century', timestamp '2026-05-17 13:45:56.789')
SELECT date_trunc('millennium', timestamp '2026-05-17 13:45:56.789')
SELECT date_trunc('milliseconds', timestamp '2026-05-17 13:45:56.789123')
SELECT date_trunc('microseconds', timestamp '2026-05-17 13:45:56.789123')
SELECT date_trunc('DAY', timestamp '2026-05-17 13:45')
SELECT date_trunc('days', timestamp '2026-05-17 13:45')
SELECT date_trunc('fortnight', timestamp '2026-05-17 13:45')
SELECT date_trunc('month', date '2026-05-17')
SELECT date_trunc('day', timestamptz '2026-05-17 13:45+00')
SELECT date_trunc('month', timestamptz '2026-05-17 13:45+00')
SELECT date_trunc('week', date '2026-01-01')
SELECT date_trunc('week', date '2027-01-03')
SELECT date_trunc('day', '2026-05-17 13:45'::timestamp)::date
SELECT date_trunc('day', NULL::timestamp)
SELECT extract(year FROM date '2026-05-17')
SELECT extract(month FROM date '2026-05-17')
SELECT extract(day FROM date '2026-05-17')
SELECT extract(hour FROM timestamp '2026-05-17 13:45:56.789')
SELECT extract(minute FROM timestamp '2026-05-17 13:45:56.789')
SELECT extract(second FROM timestamp '2026-05-17 13:45:56.789')
SELECT extract(second FROM timestamp '2026-05-17 13:45:56')
SELECT extract(milliseconds FROM timestamp '2026-05-17 13:45:56.789')
SELECT extract(microseconds FROM timestamp '2026-05-17 13:45:56.789')
SELECT extract(dow FROM date '2026-05-17')
SELECT extract(isodow FROM date '2026-05-17')
SELECT extract(doy FROM date '2026-05-17')
SELECT extract(dow FROM date '2026-05-18')
SELECT extract(isodow FROM date '2026-05-18')
SELECT extract(week FROM date '2026-05-17')
SELECT extract(week FROM date '2027-01-01')
SELECT extract(isoyear FROM date '2027-01-01')
SELECT extract(quarter FROM date '2026-05-17')
SELECT extract(decade FROM date '2026-05-17')
SELECT extract(century FROM date '2026-05-17')
SELECT extract(millennium FROM date '2026-05-17')
SELECT extract(julian FROM date '2026-05-17')
SELECT extract(epoch FROM timestamp '2026-05-17 13:45:56.789')
SELECT extract(epoch FROM date '2026-05-17')
SELECT extract(epoch FROM timestamptz '2026-05-17 13:45:56.789+00')
SELECT extract(hour FROM time '13:45:56')
SELECT extract(epoch FROM time '13:45:56')
SELECT extract('year' FROM timestamp '2026-05-17 13:45')
SELECT extract(hour FROM date '2026-05-17')
SELECT extract(nonsense FROM timestamp '2026-05-17')
SELECT date_part('year', timestamp '2026-05-17 13:45:56.789')
SELECT date_part('second', timestamp '2026-05-17 13:45:56.789')
SELECT date_part('dow', date '2026-05-17')
SELECT date_part('epoch', timestamp '2026-05-17 13:45:56.789')
SELECT date_part('hour', timestamptz '2026-05-17 13:45+00')
SELECT extract(year FROM NULL::date)
SELECT date_part('year', NULL::timestamp)
SELECT extract(year FROM time) AS y, extract(month FROM time) AS m, count(*) FROM events GROUP BY 1, 2 ORDER BY 1, 2
SELECT extract(week FROM time), count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT extract(dow FROM time)::int AS dow, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT extract(hour FROM time), avg(revision) FROM events GROUP BY 1 ORDER BY 1
SELECT extract(epoch FROM time) FROM events ORDER BY revision LIMIT 5
SELECT extract(epoch FROM time)::bigint FROM events ORDER BY revision LIMIT 5
SELECT extract(second FROM time) FROM events ORDER BY revision LIMIT 5
SELECT extract(epoch FROM time) * 1000 FROM events ORDER BY revision LIMIT 3
SELECT extract(minute FROM time) / 15, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 10
SELECT floor(extract(minute FROM time) / 15) AS quarter, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT date_part('month', time) AS m, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT date_part('hour', time)::int % 6, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT date_trunc('hour', time) AS hour, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 10
SELECT date_trunc('day', time) AS day, count(*) FROM events GROUP BY day ORDER BY day LIMIT 10
SELECT date_trunc('day', time)::date AS day, tenant, count(*) FROM events GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 10
SELECT date_trunc('week', time)::date, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT date_trunc('month', time), count(*) FROM events GROUP BY date_trunc('month', time) ORDER BY date_trunc('month', time)
SELECT date_trunc('month', window_start), sum(value) FROM usage GROUP BY 1 ORDER BY 1
SELECT date_trunc('day', window_start) AS day, tenant, sum(value) FROM meter_tokens GROUP BY day, tenant HAVING sum(value) > 50 ORDER BY day, tenant
SELECT date_trunc('quarter', time), date_trunc('year', time), count(*) FROM events GROUP BY 1, 2 ORDER BY 1
SELECT date_trunc('hour', time) + interval '30 minutes' FROM events ORDER BY revision LIMIT 2
SELECT date_trunc('hour', time) + floor(extract(minute FROM time) / 15) * interval '15 minutes' AS slot, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 10
SELECT time - date_trunc('day', time) AS of_day FROM events ORDER BY revision LIMIT 5
SELECT (date_trunc('month', date '2026-02-10') + interval '1 month - 1 day')::date AS last_day
SELECT date_trunc('day', max(time)) - date_trunc('day', min(time)) FROM events
SELECT to_timestamp(floor(extract(epoch FROM time) / 300) * 300) AS slot, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 5
SELECT count(*) FROM events WHERE extract(isodow FROM time) IN (6, 7)
SELECT count(*) FROM events WHERE date_trunc('month', time) = timestamptz '2026-11-01 00:00+00'
SELECT count(*) FROM events WHERE extract(hour FROM time) BETWEEN 9 AND 17
SELECT count(*) FROM events WHERE extract(year FROM time) = 2026 AND extract(month FROM time) = 11
SELECT extract(day FROM time) || '/' || extract(month FROM time) FROM events ORDER BY revision LIMIT 2

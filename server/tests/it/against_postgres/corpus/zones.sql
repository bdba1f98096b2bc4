-- The session's time zone, and the zones that a statement names.
SELECT timestamptz '2026-03-01 02:00:00+00'
SELECT timestamptz '2026-03-01 12:00+00' AT TIME ZONE 'Europe/Berlin'
SELECT timestamp '2026-03-01 12:00' AT TIME ZONE 'Europe/Berlin'
SELECT timestamptz '2026-07-01 12:00+00' AT TIME ZONE 'America/New_York'
SELECT timestamptz '2026-07-01 12:00+00' AT TIME ZONE 'Asia/Kolkata'
SELECT timestamptz '2026-07-01 12:00+00' AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin'
SELECT timestamptz '2026-07-01 12:00+00' AT TIME ZONE '+02'
SELECT timestamptz '2026-07-01 12:00+00' AT TIME ZONE '-05:30'
SELECT timestamptz '2026-07-01 12:00+00' AT TIME ZONE interval '2 hours'
SELECT timestamptz '2026-07-01 12:00+00' AT TIME ZONE 'EST'
SELECT timestamptz '2026-07-01 12:00+00' AT TIME ZONE 'CET'
SELECT timestamptz '2026-07-01 12:00+00' AT TIME ZONE 'Nowhere/City'
SELECT timezone('Europe/Berlin', timestamptz '2026-03-01 12:00+00')
SELECT timestamp '2026-03-29 02:30' AT TIME ZONE 'Europe/Berlin'
SELECT timestamp '2026-10-25 02:30' AT TIME ZONE 'Europe/Berlin'
SELECT date_trunc('day', timestamptz '2026-03-01 02:00:00+00', 'America/New_York')
SELECT time AT TIME ZONE tenants.time_zone FROM events JOIN tenants USING (tenant) ORDER BY revision LIMIT 4
SET TimeZone = 'America/New_York'
SHOW TimeZone
SELECT current_setting('TimeZone')
SELECT date_trunc('day', timestamptz '2026-03-01 02:00:00+00') AS d
SELECT extract(hour FROM timestamptz '2026-03-01 02:00:00+00') AS h
SELECT (timestamptz '2026-03-01 02:00:00+00')::date AS dd
SELECT timestamptz '2026-03-01 02:00:00' AS literal
SELECT timestamptz '2026-03-01 02:00:00+00'
SELECT timestamptz '2026-07-01 02:00:00+00'
SELECT (timestamptz '2026-03-01 02:00:00+00')::text
SELECT (timestamptz '2026-07-01 02:00:00+00')::timestamp
SELECT (timestamptz '2026-07-01 02:00:00+00')::time
SELECT timestamp '2026-03-01 02:00:00'::timestamptz
SELECT date '2026-03-01'::timestamptz
SELECT timestamp '2026-03-08 02:30:00'::timestamptz
SELECT timestamp '2026-11-01 01:30:00'::timestamptz
SELECT timestamptz '2026-03-07 12:00' + interval '1 day'
SELECT timestamptz '2026-03-07 12:00' + interval '24 hours'
SELECT timestamptz '2026-11-01 12:00' - interval '1 day'
SELECT timestamptz '2026-11-01 12:00' - interval '24 hours'
SELECT timestamptz '2026-11-02 00:00' - timestamptz '2026-11-01 00:00'
SELECT date_trunc('hour', time), count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 5
SELECT date_trunc('day', time), count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 20
SELECT date_trunc('month', time), count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT date_trunc('week', time), count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT time::date, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 20
SELECT extract(hour FROM time) AS hour, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT extract(dow FROM time) AS dow, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT extract(timezone FROM timestamptz '2026-07-01 00:00+00')
SELECT extract(timezone_hour FROM timestamptz '2026-07-01 00:00+00')
SELECT extract(epoch FROM timestamptz '2026-07-01 00:00+00')
SELECT extract(epoch FROM timestamp '2026-07-01 00:00')
SELECT count(*) FROM events WHERE time >= '2026-11-01' AND time < '2026-11-02'
SELECT count(*) FROM events WHERE time::date = date '2026-11-01'
SELECT count(*) FROM events WHERE time < date '2026-11-01'
SELECT count(*) FROM events WHERE time BETWEEN date '2026-11-01' AND date '2026-11-02'
SELECT count(*) FROM meter_calls WHERE window_start = window_start::date
SELECT timestamptz '2026-03-01 05:00:00+00' = date '2026-03-01'
SELECT greatest(time, time::date), time - time::date FROM events ORDER BY revision LIMIT 2
SELECT count(*) FROM events WHERE time > timestamp '2026-11-01 00:00'
SELECT min(time), max(time) FROM events
SELECT window_start, window_end FROM usage ORDER BY window_start, window_end LIMIT 5
SELECT window_start AT TIME ZONE 'UTC', window_start::timestamp FROM usage ORDER BY window_start, window_end LIMIT 5
SELECT time AT TIME ZONE 'Asia/Tokyo' AS tokyo FROM events ORDER BY revision LIMIT 3
SELECT (time AT TIME ZONE 'Asia/Tokyo')::date AS day, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 5
SELECT date_trunc('day', time AT TIME ZONE 'Asia/Tokyo') AS day, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 5
SELECT date_trunc('day', time, 'Asia/Tokyo') AS day, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 5
SELECT to_char(time, 'YYYY-MM-DD HH24:MI TZ') FROM events ORDER BY revision LIMIT 3
SELECT to_char(timestamptz '2026-07-01 00:00+00', 'YYYY-MM-DD HH24:MI:SS OF')
SELECT to_char(timestamptz '2026-07-01 00:00+00', 'TZH:TZM')
SELECT time::text LIKE '%-04' AS summer, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT time || '' FROM events ORDER BY revision LIMIT 2
SELECT concat(time), concat_ws(',', time::date, late) FROM events ORDER BY revision LIMIT 2
SELECT max(time)::text, string_agg(time::text, ',' ORDER BY revision) FROM events WHERE revision < 20
SELECT array_agg(time ORDER BY time) FROM events WHERE id IN ('e-000', 'e-003')
SELECT json_build_object('at', time) FROM events ORDER BY revision LIMIT 1
SELECT now()::date - current_date
SELECT current_date = (now() AT TIME ZONE 'America/New_York')::date
SELECT to_timestamp(1772366400)
SELECT to_timestamp('2026-03-01 12:00', 'YYYY-MM-DD HH24:MI')
SELECT generate_series(timestamptz '2026-03-07', timestamptz '2026-03-09', interval '1 day') AS d
SELECT date_bin('1 day', timestamptz '2026-03-01 02:00:00+00', timestamptz '2026-01-01 00:00')
SET TIME ZONE 'Europe/Berlin'
SELECT timestamptz '2026-10-25 00:30+00'
SELECT timestamptz '2026-10-25 01:30+00'
SELECT timestamptz '2026-10-25 00:00' + interval '1 day'
SELECT timestamptz '2026-10-25 00:00' + interval '24 hours'
SELECT date_trunc('day', time) AS day, count(*) FROM events WHERE time >= '2026-10-24' AND time < '2026-10-27' GROUP BY 1 ORDER BY 1
SELECT date_trunc('hour', timestamptz '2026-10-25 00:30+00')
SELECT date_trunc('hour', timestamptz '2026-10-25 01:30+00')
SELECT extract(day FROM timestamptz '2026-10-31 23:30+00')
SELECT extract(month FROM timestamptz '2026-10-31 23:30+00')
SELECT tenant, date_trunc('day', window_start)::date AS day, sum(value) FROM meter_calls GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 10
SELECT date_trunc('quarter', timestamptz '2026-12-31 23:30+00')
SELECT date_trunc('year', timestamptz '2026-12-31 23:30+00')
SET TIME ZONE INTERVAL '+05:30' HOUR TO MINUTE
SET TimeZone TO 'Asia/Kolkata'
SELECT timestamptz '2026-03-01 02:00:00+00'
SELECT timestamptz '2026-03-01 02:00:00+00'::date
SELECT date_trunc('hour', time), count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 3
SELECT extract(minute FROM timestamptz '2026-03-01 02:00:00+00')
SET TimeZone TO 'nonsense'
RESET TimeZone
SHOW TimeZone
SELECT timestamptz '2026-03-01 02:00:00+00'
SET SESSION TIME ZONE 'America/Sao_Paulo'
SELECT timestamptz '2026-03-01 02:00:00+00'
SELECT timestamptz '2026-03-01 02:00:00'
SET LOCAL TimeZone = 'UTC'
SET TIME ZONE DEFAULT
SELECT timestamptz '2026-03-01 02:00:00'
SET DateStyle = 'ISO, MDY'
SELECT date '2026-03-01'
SELECT timestamptz '2026-03-01 00:00+00'
SELECT (timestamptz '2026-03-01 02:00:00+00')::timestamp
SELECT (timestamptz '2026-07-01 02:00:00+00')::timestamp(0), cast(timestamptz '2026-11-01 05:30:00+00' AS timestamp)
SELECT id, time::timestamp, date_trunc('day', time::timestamp) FROM events ORDER BY id LIMIT 20
SELECT count(*) FROM events WHERE time::timestamp <> time AT TIME ZONE current_setting('TimeZone')
SELECT max(time)::timestamp, min(time::timestamp) FROM events
SELECT now()::timestamp = localtimestamp

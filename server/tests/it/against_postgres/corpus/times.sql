-- Dates, times and timestamps.
SELECT date '2026-03-01' + 1
SELECT date '2026-03-01' - 1
SELECT 1 + date '2026-03-01'
SELECT date '2026-03-01' - date '2026-02-01'
SELECT date '2026-03-01' + interval '1 day'
SELECT date '2026-03-31' + interval '1 month'
SELECT date '2026-01-31' + interval '1 month'
SELECT date '2026-03-01' - interval '1 hour'
SELECT date '2026-03-01' + time '12:30'
SELECT timestamp '2026-03-01 12:00' + interval '90 minutes'
SELECT timestamp '2026-03-01 12:00' - interval '1 year'
SELECT timestamp '2026-03-01 12:00' - timestamp '2026-02-01 10:30'
SELECT timestamp '2026-03-01 12:00' - date '2026-02-01'
SELECT timestamptz '2026-03-01 12:00+00' - timestamptz '2026-02-28 11:00+00'
SELECT timestamp '2026-01-31 10:00' + interval '1 month'
SELECT timestamp '2024-02-29 00:00' + interval '1 year'
SELECT time '12:30' + interval '45 minutes'
SELECT time '23:30' + interval '1 hour'
SELECT time '12:30' - time '11:00'
SELECT date '2026-03-01' = timestamp '2026-03-01 00:00'
SELECT date '2026-03-01' < timestamp '2026-03-01 00:00:01'
SELECT date '2026-03-01' BETWEEN date '2026-02-01' AND date '2026-03-31'
SELECT date '2026-03-01' > '2026-02-28'
SELECT '2026-03-01' = date '2026-03-01'
SELECT timestamp '2026-03-01 12:00' > '2026-03-01'
SELECT timestamptz '2026-03-01 12:00+02' = timestamptz '2026-03-01 10:00+00'
SELECT timestamptz '2026-03-01 12:00+05:30'
SELECT timestamptz '2026-03-01 12:00-03'
SELECT timestamp '2026-03-01 12:00:00.1'
SELECT timestamp '2026-03-01 12:00:00.123456'
SELECT timestamp '2026-03-01 12:00:00.100000'
SELECT timestamp '2026-03-01 12:00:00.1234567'
SELECT timestamp '0001-01-01 00:00'
SELECT timestamp '9999-12-31 23:59:59'
SELECT date '0044-03-15 BC'
SELECT (timestamp '2026-03-01 12:00', interval '2 days') OVERLAPS (timestamp '2026-03-02', timestamp '2026-03-05')
SELECT now() > timestamptz '2020-01-01 00:00+00'
SELECT current_timestamp = now()
SELECT current_date > date '2020-01-01'
SELECT now() - interval '1 day' < now()
SELECT now()::date = current_date
SELECT localtimestamp > timestamp '2020-01-01'
SELECT clock_timestamp() > timestamptz '2020-01-01 00:00+00'
SELECT count(*) FROM events WHERE now() - time > interval '1 day'
SELECT count(*) FROM events WHERE time < now() - interval '1 day'
SELECT age(timestamp '2026-03-01', timestamp '2025-01-15')
SELECT age(timestamp '2026-03-01 12:00', timestamp '2026-02-28 13:00')
SELECT age(timestamptz '2026-03-01 00:00+00', timestamptz '2024-02-29 00:00+00')
SELECT make_date(2026, 3, 1)
SELECT make_time(12, 30, 15.5)
SELECT make_timestamp(2026, 3, 1, 12, 30, 15.5)
SELECT make_timestamptz(2026, 3, 1, 12, 30, 0)
SELECT make_date(2026, 2, 30)
SELECT make_interval(days => 3, hours => 4)
SELECT make_interval(1, 2)
SELECT date_bin('15 minutes', timestamp '2026-03-01 12:34:56', timestamp '2026-01-01')
SELECT date_bin('1 hour', time, timestamptz '2026-01-01 00:00+00') AS bin, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 5
SELECT date_bin('6 hours', time, timestamptz '2026-01-01 03:00+00') AS bin, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 5
SELECT to_timestamp(1772366400)
SELECT to_timestamp(1772366400.5)
SELECT to_timestamp(0)
SELECT extract(epoch FROM to_timestamp(1772366400))
SELECT isfinite(date '2026-03-01')
SELECT isfinite(timestamp 'infinity')
SELECT justify_days(interval '35 days')
SELECT justify_hours(interval '30 hours')
SELECT justify_interval(interval '1 month -1 hour')
SELECT min(time), max(time), max(time) - min(time) FROM events
SELECT time - lag(time) OVER (ORDER BY time) AS gap FROM events ORDER BY time LIMIT 5
SELECT max(time - admitted_at) < interval '0' FROM events
SELECT avg(window_end - window_start) FROM usage
SELECT sum(window_end - window_start) FROM meter_calls
SELECT window_end - window_start AS length, count(*) FROM usage GROUP BY 1 ORDER BY 1
SELECT time + interval '1 month', time - interval '36 hours' FROM events ORDER BY revision LIMIT 5
SELECT time::date + 1, time::date - time::date FROM events ORDER BY revision LIMIT 2
SELECT count(*) FROM events WHERE time >= '2026-11-01' AND time < '2026-11-08'
SELECT count(*) FROM events WHERE time >= '2026-11-01 00:00:00+00'
SELECT count(*) FROM events WHERE time > date '2026-11-01'
SELECT count(*) FROM events WHERE time::date = '2026-11-02'
SELECT count(*) FROM events WHERE time BETWEEN '2026-11-01' AND '2026-11-02'
SELECT count(*) FROM events WHERE time BETWEEN timestamptz '2026-11-01 00:00+00' AND timestamptz '2026-11-01 00:00+00' + interval '3 days'
SELECT count(*) FROM events WHERE time IN (timestamptz '2026-10-20 00:00+00', timestamptz '2026-10-21 00:00+00')
SELECT count(*) FROM events WHERE date(time) = date '2026-11-02'
SELECT date(time) AS day, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 5
SELECT time::date, type, count(*) FROM events GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 10
SELECT DISTINCT time::date FROM events ORDER BY 1 DESC LIMIT 5
SELECT time::time FROM events ORDER BY revision LIMIT 5
SELECT time::timestamp FROM events ORDER BY revision LIMIT 5
SELECT time::timestamp(0), time::timestamptz(3) FROM events ORDER BY id LIMIT 8
SELECT current_timestamp(0) <= now() + interval '1 second'
SELECT period_start, period_end, period_end - period_start FROM quotas ORDER BY tenant, meter, kind
SELECT period_start + interval '1 month' = period_end FROM quotas WHERE period = 'month' ORDER BY tenant, meter, kind
SELECT (period_end - period_start) / 2 FROM quotas ORDER BY tenant, meter, kind
SELECT extract(epoch FROM window_end - window_start) AS seconds, count(*) FROM usage GROUP BY 1 ORDER BY 1
SELECT (date '2026-03-01' - 30)::text
SELECT (date '2026-03-01' + interval '1 day')::text
SELECT date '2026-03-01' - timestamp '2026-02-28 12:00'
SELECT date '2026-03-01' + '1 day'
SELECT timestamp '2026-03-01' - '1 day'::interval
SELECT timestamp '2026-03-01' + 1
SELECT date '2026-03-01' + date '2026-03-01'
SELECT 'today'::date = current_date
SELECT 'tomorrow'::date - 'today'::date
SELECT 'now'::timestamptz <= clock_timestamp()
SELECT timeofday() IS NOT NULL
SELECT greatest(time, timestamptz '2026-11-01 00:00+00') FROM events ORDER BY revision LIMIT 2
SELECT x::date FROM (VALUES ('2026-03-01'), ('2026-12-31')) AS t(x) ORDER BY 1
SELECT d, d + 7 FROM (VALUES (date '2026-03-01'), (date '2026-02-22')) AS t(d) ORDER BY d
SELECT tenant, date_trunc('day', max(time) FILTER (WHERE false)), date_trunc('minute', min(time) FILTER (WHERE late)) FROM events GROUP BY tenant ORDER BY tenant

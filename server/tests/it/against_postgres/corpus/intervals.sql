-- Intervals: comparison, order, arithmetic, parts and text.
SELECT interval '1 day'
SELECT interval '36 hours'
SELECT interval '1 month'
SELECT interval '1 year 2 months 3 days 04:05:06.789'
SELECT interval '1' day
SELECT interval '2' hour
SELECT interval '3' month
SELECT interval '90' minute
SELECT interval '1-2' year to month
SELECT interval '3 4:05:06' day to second
SELECT interval 'P1Y2M3DT4H5M6S'
SELECT interval 'PT36H'
SELECT interval '1 week'
SELECT interval '1 decade'
SELECT interval '1 century'
SELECT interval '1.5 days'
SELECT interval '0.5 months'
SELECT interval '1 day ago'
SELECT interval '-1 day +2 hours'
SELECT interval '1 mon'
SELECT interval '3 mins 2 secs'
SELECT interval '0'
SELECT interval '0 days'
SELECT interval '00:00:01'
SELECT interval '1 microsecond'
SELECT interval '1.5 seconds'
SELECT interval '04:05'
SELECT interval '04:05:06'
SELECT interval '-04:05'
SELECT interval '36 hours' = interval '1 day 12 hours'
SELECT interval '30 hours' > interval '1 day'
SELECT interval '30 days' = interval '1 month'
SELECT interval '31 days' > interval '1 month'
SELECT interval '12 months' = interval '1 year'
SELECT interval '1 day' < interval '25 hours'
SELECT interval '24 hours' = interval '1 day'
SELECT interval '1 day' <> interval '1440 minutes'
SELECT interval '1 day' BETWEEN interval '1 hour' AND interval '1 week'
SELECT interval '-1 day' < interval '0'
SELECT -interval '1 day'
SELECT interval '1 day' IN (interval '24 hours')
SELECT interval '1 day' + interval '2 hours'
SELECT interval '1 day' - interval '36 hours'
SELECT interval '1 month' + interval '1 day'
SELECT interval '1 day' * 2
SELECT 2 * interval '1 day'
SELECT interval '1 day' * 1.5
SELECT interval '1 month' * 0.5
SELECT interval '1 hour' / 2
SELECT interval '1 day' / 2
SELECT interval '1 month' / 3
SELECT interval '10 minutes' * 6
SELECT interval '1 day' / 0
SELECT extract(day FROM interval '3 days 4 hours')
SELECT extract(hour FROM interval '3 days 4 hours')
SELECT extract(epoch FROM interval '1 day 1 second')
SELECT extract(epoch FROM interval '1 month')
SELECT extract(epoch FROM interval '1 year')
SELECT extract(epoch FROM interval '1.5 seconds')
SELECT extract(month FROM interval '14 months')
SELECT extract(year FROM interval '14 months')
SELECT extract(minute FROM interval '90 minutes')
SELECT extract(second FROM interval '1 minute 2.5 seconds')
SELECT extract(milliseconds FROM interval '2.5 seconds')
SELECT extract(microseconds FROM interval '2.5 seconds')
SELECT date_part('hour', interval '36 hours')
SELECT date_part('day', interval '36 hours')
SELECT date_trunc('hour', interval '3 days 4 hours 5 minutes')
SELECT date_trunc('day', interval '36 hours')
SELECT (interval '1 day 2 hours')::text
SELECT (interval '1 year')::text || '!'
SELECT 'in ' || interval '90 minutes'
SELECT '1 day'::interval + '1 hour'
SELECT interval '1 day'::text
SELECT cast('2 days' AS interval)
SELECT x FROM (VALUES (interval '1 day'), (interval '36 hours'), (interval '1 hour'), (interval '1 month'), (NULL)) AS t(x) ORDER BY x
SELECT x FROM (VALUES (interval '1 day'), (interval '36 hours'), (interval '20 days'), (interval '1 month'), (interval '29 days 30 hours')) AS t(x) ORDER BY x DESC
SELECT min(x), max(x) FROM (VALUES (interval '1 day'), (interval '36 hours'), (interval '23 hours')) AS t(x)
SELECT sum(x), avg(x), count(x) FROM (VALUES (interval '1 day'), (interval '36 hours')) AS t(x)
SELECT count(DISTINCT x) FROM (VALUES (interval '1 day'), (interval '24 hours'), (interval '2 days')) AS t(x)
SELECT x, count(*) FROM (VALUES (interval '1 day'), (interval '24 hours')) AS t(x) GROUP BY x
SELECT greatest(interval '1 day', interval '25 hours')
SELECT least(interval '1 day', interval '25 hours')
SELECT a.x FROM (VALUES (interval '1 day')) AS a(x) JOIN (VALUES (interval '24 hours')) AS b(x) ON a.x = b.x
SELECT DISTINCT x FROM (VALUES (interval '1 day'), (interval '24 hours')) AS t(x)
SELECT coalesce(NULL, interval '1 day')
SELECT nullif(interval '1 day', interval '24 hours')
SELECT rank() OVER (ORDER BY x), x FROM (VALUES (interval '1 day'), (interval '24 hours'), (interval '1 hour')) AS t(x) ORDER BY 1, 2
SELECT count(*) FROM events WHERE admitted_at - time > interval '1 day'
SELECT count(*) FROM events WHERE admitted_at - time > interval '10 days'
SELECT count(*) FROM events WHERE time - timestamptz '2026-10-20 00:00+00' BETWEEN interval '36 hours' AND interval '1 week'
SELECT count(*) FROM usage WHERE window_end - window_start = interval '1 hour'
SELECT count(*) FROM usage WHERE window_end - window_start < interval '1 day'
SELECT count(*) FROM usage WHERE window_end - window_start = interval '60 minutes'
SELECT max(window_end - window_start), min(window_end - window_start) FROM usage
SELECT time - timestamptz '2026-10-20 00:00+00' FROM events ORDER BY revision LIMIT 10
SELECT time - min(time) OVER () AS since FROM events ORDER BY since DESC LIMIT 5
SELECT max(time) - min(time) AS span FROM events GROUP BY tenant ORDER BY span
SELECT (max(time) - min(time)) / count(*) FROM events
SELECT extract(epoch FROM max(time) - min(time)) / 3600 FROM events
SELECT extract(day FROM max(time) - min(time)) FROM events
SELECT date_part('day', max(time) - min(time)), date_part('hour', max(time) - min(time)) FROM events
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) FROM (SELECT time - lag(time) OVER (ORDER BY time) AS gap FROM events) t
SELECT avg(time - lag) FROM (SELECT time, lag(time) OVER (ORDER BY time) AS lag FROM events) t
SELECT to_char(interval '1 day 2 hours', 'HH24:MI:SS')
SELECT to_char(interval '26:05', 'HH24:MI')
SELECT date '2026-03-01' + interval '1 month' * 3
SELECT timestamp '2026-03-01' + 3 * interval '1 day'
SELECT timestamp '2026-03-01' + (revision || ' days')::interval FROM events ORDER BY revision LIMIT 3
SELECT timestamp '2026-03-01' + revision * interval '1 hour' FROM events ORDER BY revision LIMIT 3
SELECT make_interval(secs => 90)
SELECT make_interval(0, 1, 0, 2)
SELECT interval '1 day' IS NULL
SELECT interval '1 day' = '1 day'
SELECT interval '2 days' > '1 day'
SELECT abs(interval '1 day')
SELECT interval '178956970 years'
SELECT interval '1 month 31 days' > interval '2 months'
SELECT interval '1 year 1 day' > interval '366 days'
SELECT justify_interval(max(time) - min(time)) FROM events
SELECT - interval '1 year 2 months'
SELECT - interval '1 day 2 hours 3 minutes'
SELECT interval '1 week' - (- interval '1 day 2 hours')
SELECT interval '1 day' + (timestamp '2026-03-05 12:00' - timestamp '2026-03-01')
SELECT coalesce(timestamp '2026-03-05 12:00' - timestamp '2026-03-01', interval '1 day')
SELECT CASE WHEN late THEN interval '1 day' ELSE time - timestamptz '2026-01-01 00:00+00' END FROM events ORDER BY revision LIMIT 2
SELECT (timestamp '2026-03-05 12:00' - timestamp '2026-03-01')::interval
SELECT timestamp '2026-03-05 12:00' - timestamp '2026-03-01' UNION ALL SELECT interval '1 day'
SELECT extract(epoch FROM timestamp '2026-03-05 12:00:00.25' - timestamp '2026-03-01')
SELECT extract(epoch FROM max(time) - min(time)) FROM events
SELECT extract(day FROM max(time) - min(time)), extract(hour FROM max(time) - min(time)) FROM events
SELECT max(extract(epoch FROM admitted_at - time)) > 0 FROM events
SELECT interval '1 day 2 hours' * 2, 2 * interval '1 month', interval '1 month 1 day' * 1.5, interval '-1 month 3 days' * 1.5
SELECT interval '1 mon' * 1.1, interval '10 days' * 0.33, interval '1 year' / 7, interval '1 day' / 7
SELECT interval '1 second' * 0.0000015, interval '1 second' / 3, interval '1 microsecond' * 0.5, interval '1 microsecond' * 1.5
SELECT interval '1 day' * 1::numeric, interval '1 day' * 1::float4, interval '1 day' * NULL::int, NULL::interval * 2
SELECT interval '1 month' * 'NaN'::float8
SELECT interval '1 month' * 1e300
SELECT interval '100000000 years' * 100
SELECT interval '1 month' / 0
SELECT interval '1 day' * interval '1 day'
SELECT 2 / interval '1 day'
SELECT interval '1 day' * true
SELECT (timestamp '2026-01-03' - timestamp '2026-01-01') * 2, (timestamp '2026-01-03' - timestamp '2026-01-01') / 2
SELECT (interval '1 day' + interval '1 hour') * 2, interval '1 day' * 2 + interval '1 hour', -interval '1 day' * 2
SELECT n * interval '1 hour' FROM generate_series(1, 3) AS n ORDER BY 1
SELECT time + n * interval '1 day' FROM events, (VALUES (1), (2)) AS t(n) ORDER BY revision, n LIMIT 4
SELECT tenant, (max(time) - min(time)) / count(*) AS pace FROM events GROUP BY tenant ORDER BY tenant
SELECT sum(value * extract(epoch FROM interval '1 hour' * 2)) FROM usage_total
SELECT justify_hours(interval '27 hours'), justify_days(interval '35 days'), justify_interval(interval '1 mon -1 hour')
SELECT justify_hours(interval '-27 hours'), justify_hours(interval '1 day -3 hours'), justify_days(interval '1 mon -35 days')
SELECT justify_interval(interval '35 days 49 hours'), justify_interval(interval '-1 mon 1 hour'), justify_interval(interval '0')
SELECT justify_hours(NULL), justify_hours(timestamp '2026-01-03' - timestamp '2026-01-01 05:00'), justify_hours('27 hours')
SELECT justify_days(1)

-- Times and intervals that are made, measured and asked of the clock.
SELECT age(timestamp '2026-03-01', timestamp '2025-12-31 12:00')
SELECT age(timestamp '2025-12-31 12:00', timestamp '2026-03-01')
SELECT age(timestamptz '2026-03-01 00:00+00', timestamptz '2025-12-31 12:00+00')
SELECT age(date '2001-04-10', date '1957-06-13')
SELECT age(date '2026-03-31', date '2026-02-28'), age(date '2026-02-28', date '2026-03-31')
SELECT age(timestamp '2026-03-01 00:00:00.5', timestamp '2026-03-01 00:00:01')
SELECT age(date '2024-03-01', date '2024-02-29')
SELECT age(NULL::timestamp, timestamp '2026-01-01')
SELECT age(timestamp '2026-01-01', timestamp '2026-01-01')
SELECT age(current_date)
SELECT age(now()) IS NULL
SELECT age(1)
SELECT extract(year FROM age(date '2026-06-01', date '2020-01-15')) AS years
SELECT age(max(time), min(time)) AS span FROM events
SELECT tenant, age(max(time), min(time)) FROM events GROUP BY tenant ORDER BY tenant
SELECT date('2026-03-01')
SELECT date(timestamp '2026-03-01 12:00')
SELECT date(timestamptz '2026-03-01 23:00+00')
SELECT date(NULL)
SELECT date('nonsense')
SELECT date(time), count(*) FROM events GROUP BY date(time) ORDER BY 1 LIMIT 5
SELECT make_interval()
SELECT make_interval(days => 3)
SELECT make_interval(years => 1, mons => 2)
SELECT make_interval(months => 2, days => 10, secs => 1.5)
SELECT make_interval(1, 2, 3, 4, 5, 6, 7.5)
SELECT make_interval(0, 1, 0, 2)
SELECT make_interval(hours => -30)
SELECT make_interval(secs => 90)
SELECT make_interval(secs => 0.0000015)
SELECT make_interval(years => 2147483647)
SELECT make_interval(days => NULL)
SELECT timestamp '2026-03-01' + make_interval(days => 10)
SELECT time + make_interval(hours => 2) FROM events ORDER BY revision LIMIT 2
SELECT make_timestamp(2026, 3, 1, 12, 5, 6.5)
SELECT make_timestamp(2026, 2, 30, 0, 0, 0)
SELECT make_timestamp(2026, 3, 1, 24, 0, 0)
SELECT make_timestamp(2026, 3, 1, 23, 59, 60)
SELECT make_timestamp(2026, 3, 1, 25, 0, 0)
SELECT make_timestamp(-44, 3, 15, 12, 30, 15)
SELECT make_timestamp(0, 3, 15, 12, 30, 15)
SELECT make_timestamp(NULL, 3, 15, 12, 30, 15)
SELECT make_timestamptz(2026, 3, 1, 12, 5, 6.5)
SELECT make_timestamptz(2026, 7, 1, 12, 0, 0, 'Europe/Zurich')
SELECT make_timestamptz(2026, 7, 1, 12, 0, 0, 'Mars/Olympus')
SELECT make_time(8, 15, 23.5)
SELECT make_time(24, 0, 0.1)
SELECT make_date(2026, 3, 1)
SELECT localtimestamp = now()::timestamp
SELECT date_trunc('day', localtimestamp) = current_date::timestamp
SELECT localtime IS NULL
SELECT clock_timestamp() >= now()
SELECT clock_timestamp() IS NULL
SELECT length(gen_random_uuid()::text)
SELECT gen_random_uuid() = gen_random_uuid()
SET TIME ZONE 'America/New_York'
SELECT age(timestamptz '2026-03-09 04:00+00', timestamptz '2026-03-08 05:00+00')
SELECT make_timestamptz(2026, 7, 1, 12, 0, 0)
SELECT date(timestamptz '2026-03-01 02:00+00')
SELECT localtimestamp = now()::timestamp
SELECT to_char(timestamptz '2026-07-01 12:00+00', 'YYYY-MM-DD HH24:MI TZ OF TZH:TZM tz')
SELECT to_char(date '2026-07-01', 'HH24 OF')

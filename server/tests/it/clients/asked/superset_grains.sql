-- Superset's grain of 5 seconds.
SELECT DATE_TRUNC('minute', window_start) + INTERVAL '5 seconds' * FLOOR(EXTRACT(SECOND FROM window_start) / 5) AS window_start,
  sum(value) AS "SUM(value)" FROM public.usage WHERE value = 13
GROUP BY DATE_TRUNC('minute', window_start) + INTERVAL '5 seconds' * FLOOR(EXTRACT(SECOND FROM window_start) / 5)
ORDER BY "SUM(value)" DESC LIMIT 1000
--> 2026-11-23 11:12:00+00|13.000000000

-- Of 30 seconds.
SELECT DATE_TRUNC('minute', window_start) + INTERVAL '30 seconds' * FLOOR(EXTRACT(SECOND FROM window_start) / 30) AS window_start,
  sum(value) AS "SUM(value)" FROM public.usage WHERE value = 13
GROUP BY DATE_TRUNC('minute', window_start) + INTERVAL '30 seconds' * FLOOR(EXTRACT(SECOND FROM window_start) / 30)
ORDER BY "SUM(value)" DESC LIMIT 1000
--> 2026-11-23 11:12:00+00|13.000000000

-- Of 5 minutes.
SELECT DATE_TRUNC('hour', window_start) + INTERVAL '5 minutes' * FLOOR(EXTRACT(MINUTE FROM window_start) / 5) AS window_start,
  sum(value) AS "SUM(value)" FROM public.usage
GROUP BY DATE_TRUNC('hour', window_start) + INTERVAL '5 minutes' * FLOOR(EXTRACT(MINUTE FROM window_start) / 5)
ORDER BY "SUM(value)" DESC LIMIT 1
--> 2026-11-23 11:55:00+00|290.000000000

-- Of 10 minutes.
SELECT DATE_TRUNC('hour', window_start) + INTERVAL '10 minutes' * FLOOR(EXTRACT(MINUTE FROM window_start) / 10) AS window_start,
  sum(value) AS "SUM(value)" FROM public.usage
GROUP BY DATE_TRUNC('hour', window_start) + INTERVAL '10 minutes' * FLOOR(EXTRACT(MINUTE FROM window_start) / 10)
ORDER BY "SUM(value)" DESC LIMIT 1
--> 2026-11-23 11:50:00+00|555.000000000

-- Of 15 minutes.
SELECT DATE_TRUNC('hour', window_start) + INTERVAL '15 minutes' * FLOOR(EXTRACT(MINUTE FROM window_start) / 15) AS window_start,
  sum(value) AS "SUM(value)" FROM public.usage
GROUP BY DATE_TRUNC('hour', window_start) + INTERVAL '15 minutes' * FLOOR(EXTRACT(MINUTE FROM window_start) / 15)
ORDER BY "SUM(value)" DESC LIMIT 1
--> 2026-11-23 11:45:00+00|795.000000000

-- Of 30 minutes.
SELECT DATE_TRUNC('hour', window_start) + INTERVAL '30 minutes' * FLOOR(EXTRACT(MINUTE FROM window_start) / 30) AS window_start,
  sum(value) AS "SUM(value)" FROM public.usage
GROUP BY DATE_TRUNC('hour', window_start) + INTERVAL '30 minutes' * FLOOR(EXTRACT(MINUTE FROM window_start) / 30)
ORDER BY "SUM(value)" DESC LIMIT 1
--> 2026-11-23 11:30:00+00|1465.000000000

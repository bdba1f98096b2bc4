-- CASE, COALESCE, NULLIF, and the type that branches of several types have together.
SELECT CASE WHEN true THEN 1 ELSE 0.5 END
SELECT CASE WHEN false THEN 1 ELSE 0.5 END
SELECT CASE 2 WHEN 1 THEN 'one' WHEN 2 THEN 'two' END
SELECT CASE 3 WHEN 1 THEN 'one' WHEN 2 THEN 'two' END
SELECT CASE 3 WHEN 1 THEN 1 END
SELECT CASE WHEN NULL THEN 1 ELSE 2 END
SELECT CASE NULL WHEN NULL THEN 1 ELSE 2 END
SELECT CASE WHEN true THEN NULL ELSE 1 END
SELECT CASE WHEN true THEN 1 ELSE 1 / 0 END
SELECT CASE WHEN 1 = 1 THEN 'a' END
SELECT CASE WHEN true THEN 1 ELSE 2::bigint END
SELECT CASE WHEN true THEN 1::smallint ELSE 2 END
SELECT CASE WHEN true THEN 1 ELSE 2::float8 END
SELECT CASE WHEN true THEN 1.5 ELSE 2::float8 END
SELECT CASE WHEN true THEN '1' ELSE 2 END
SELECT CASE WHEN true THEN 'a' ELSE 2 END
SELECT CASE WHEN true THEN date '2026-03-01' ELSE timestamp '2026-03-01 12:00' END
SELECT CASE WHEN true THEN timestamp '2026-03-01 12:00' ELSE timestamptz '2026-03-01 12:00+00' END
SELECT CASE WHEN true THEN '2026-03-01' ELSE date '2026-03-02' END
SELECT CASE WHEN true THEN 1 ELSE true END
SELECT CASE WHEN value > 50 THEN 1 ELSE 0.5 END FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 30
SELECT CASE WHEN value > 50 THEN value ELSE 0 END FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 30
SELECT CASE WHEN value > 50 THEN 'high' WHEN value > 20 THEN 'middle' ELSE 'low' END AS level, count(*) FROM usage GROUP BY 1 ORDER BY 1
SELECT CASE WHEN value > 50 THEN revision ELSE value END FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 10
SELECT CASE WHEN late THEN revision ELSE 0 END FROM events ORDER BY revision LIMIT 10
SELECT CASE WHEN late THEN 1 END FROM events ORDER BY revision LIMIT 10
SELECT sum(CASE WHEN late THEN 1 ELSE 0 END), sum(CASE WHEN late THEN 1 END) FROM events
SELECT sum(CASE WHEN late THEN 1.5 ELSE 0 END) FROM events
SELECT avg(CASE WHEN late THEN 1 ELSE 0 END) FROM events
SELECT count(CASE WHEN type = 'call' THEN 1 END) AS calls, count(CASE WHEN type = 'login' THEN 1 END) AS logins FROM events
SELECT tenant, sum(CASE WHEN meter = 'tokens' THEN value ELSE 0 END) AS tokens, sum(CASE WHEN meter = 'calls' THEN value ELSE 0 END) AS calls FROM usage GROUP BY tenant ORDER BY tenant
SELECT CASE tenant WHEN 'acme' THEN 'A' WHEN 'globex' THEN 'G' ELSE upper(tenant) END FROM tenants ORDER BY tenant
SELECT CASE WHEN plan IS NULL THEN 'none' ELSE plan END FROM tenants ORDER BY tenant
SELECT tenant FROM tenants ORDER BY CASE WHEN tenant = 'globex' THEN 0 ELSE 1 END, tenant
SELECT CASE WHEN sum(value) > 100 THEN 'big' ELSE 'small' END FROM usage GROUP BY tenant ORDER BY tenant
SELECT CASE WHEN count(*) = 0 THEN NULL ELSE sum(value) / count(*) END FROM usage WHERE false
SELECT coalesce(NULL, 1)
SELECT coalesce(NULL, NULL, 'x')
SELECT coalesce(1, 2)
SELECT coalesce(NULL, NULL)
SELECT coalesce(1, 1.5)
SELECT coalesce(NULL, 1.5, 1)
SELECT coalesce(1::bigint, 2)
SELECT coalesce(1, 2::float8)
SELECT coalesce(NULL::int, 2.5)
SELECT coalesce('a', 1)
SELECT coalesce(1, 1 / 0)
SELECT coalesce(subject, '-') AS subject, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT coalesce(subject, tenant, 'x') FROM events ORDER BY revision LIMIT 10
SELECT coalesce(sum(value), 0) FROM usage WHERE false
SELECT coalesce(sum(revision), 0), coalesce(max(revision), -1), coalesce(avg(value), 0) FROM usage WHERE false
SELECT coalesce(value, 0) FROM meter_latency ORDER BY tenant, window_start
SELECT coalesce(plan, 'none'), count(*) FROM tenants GROUP BY coalesce(plan, 'none') ORDER BY 1
SELECT coalesce(time, now()) = time FROM events LIMIT 1
SELECT nullif(1, 1)
SELECT nullif(1, 2)
SELECT nullif('a', 'b')
SELECT nullif(NULL, 1)
SELECT nullif(1, NULL)
SELECT nullif(1, 1.0)
SELECT nullif(1.0, 1)
SELECT nullif(2, 1.5)
SELECT 100 / nullif(0, 0)
SELECT 100 / nullif(5, 0)
SELECT value / nullif(value - value, 0) FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 3
SELECT nullif(type, 'call'), count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT greatest(1, 2.5, 2)
SELECT least(1, 0.5)
SELECT greatest('a', NULL, 'b')
SELECT greatest(date '2026-01-01', date '2026-02-01')
SELECT least(timestamp '2026-01-01', timestamp '2026-02-01')
SELECT greatest(value, 10), least(revision, 5) FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 5
SELECT CASE WHEN subject IS NULL THEN 'none' WHEN length(subject) > 5 THEN 'long' ELSE 'short' END AS l, count(*) FROM events GROUP BY l ORDER BY l
SELECT CASE WHEN true THEN ARRAY[1, 2] ELSE NULL END
SELECT CASE WHEN true THEN interval '1 day' ELSE interval '1 hour' END
SELECT CASE WHEN extract(hour FROM time) < 12 THEN 'am' ELSE 'pm' END AS half, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT CASE WHEN time < timestamptz '2026-11-01 00:00+00' THEN time ELSE NULL END FROM events ORDER BY revision LIMIT 3
SELECT count(*) FILTER (WHERE CASE WHEN late THEN true ELSE type = 'login' END) FROM events
SELECT coalesce(CASE WHEN value > 90 THEN 'x' END, 'y') AS c, count(*) FROM usage GROUP BY 1 ORDER BY 1
SELECT CASE WHEN value IS NULL THEN 0 ELSE value::int END FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 5
SELECT CASE WHEN a THEN b ELSE c END FROM (VALUES (true, 1, 2.5), (false, 3, 4.5)) AS t(a, b, c) ORDER BY 1
SELECT CASE a WHEN 1 THEN 'one' ELSE a::text END FROM (VALUES (1), (2), (NULL)) AS t(a) ORDER BY a
SELECT iif(true, 1, 2)
SELECT ifnull(NULL, 1)
SELECT nvl(NULL, 1)
SELECT if(true, 1, 2)
SELECT 1.5 IN (ceil(1.2), 1.5), 2.5 NOT IN (floor(2.5), round(3.5), 4), 2.0 IN (round(1.6)), 3 IN (ceil(2.5), floor(9.5))
SELECT count(*) FROM events WHERE 2.5 IN (ceil(1.2), floor(2.5), round(3.5), 4.0, 5.5)

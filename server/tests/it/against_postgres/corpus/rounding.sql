-- Rounding, truncation and the mathematics of numbers.
SELECT round(2.5)
SELECT round(3.5)
SELECT round(-2.5)
SELECT round(0.5)
SELECT round(1.5)
SELECT round(2.5::float8)
SELECT round(3.5::float8)
SELECT round(-2.5::float8)
SELECT round(0.5::float8)
SELECT round(1.005, 2)
SELECT round(0.285, 2)
SELECT round(1.255, 2)
SELECT round(1234.567, -2)
SELECT round(1250, -2)
SELECT round(1350, -2)
SELECT round(-1250, -2)
SELECT round(1234.567, 0)
SELECT round(1234.567, 1)
SELECT round(1234.567, 5)
SELECT round(42)
SELECT round(42::bigint)
SELECT round(42, 2)
SELECT round(1e10, 3)
SELECT round(12.3456::float8, 2)
SELECT round((12.3456::float8)::numeric, 2)
SELECT trunc(2.9)
SELECT trunc(-2.9)
SELECT trunc(2.987, 2)
SELECT trunc(-2.987, 1)
SELECT trunc(1299, -2)
SELECT trunc(2.9::float8)
SELECT trunc(42)
SELECT ceil(2.1)
SELECT ceil(-2.1)
SELECT ceil(2)
SELECT ceil(2.1::float8)
SELECT ceiling(2.1)
SELECT ceiling(-2.9)
SELECT floor(2.9)
SELECT floor(-2.1)
SELECT floor(2)
SELECT floor(-0.5::float8)
SELECT sign(-5)
SELECT sign(0)
SELECT sign(5.5)
SELECT sign(-2::float8)
SELECT mod(7, 3)
SELECT mod(-7, 3)
SELECT mod(7.5, 2)
SELECT mod(7::bigint, 4)
SELECT div(7, 2)
SELECT div(-7, 2)
SELECT div(7.9, 2)
SELECT power(2, 3)
SELECT power(2, 0.5)
SELECT power(2.0, 3)
SELECT power(4, -1)
SELECT power(2::float8, 10)
SELECT pow(2, 8)
SELECT sqrt(2)
SELECT sqrt(2.0)
SELECT sqrt(2::float8)
SELECT sqrt(16)
SELECT cbrt(27)
SELECT cbrt(2)
SELECT exp(1)
SELECT exp(1.0)
SELECT exp(0)
SELECT ln(10)
SELECT ln(10.0)
SELECT ln(2.718281828)
SELECT log(100)
SELECT log(1000.0)
SELECT log(2, 8)
SELECT log10(1000)
SELECT log(2.0, 64.0)
SELECT ln(0)
SELECT ln(-1)
SELECT sqrt(-1)
SELECT power(-2, 0.5)
SELECT pi()
SELECT degrees(pi())
SELECT radians(180)
SELECT sin(0)
SELECT cos(0)
SELECT tan(0)
SELECT atan(1)
SELECT atan2(1, 1)
SELECT sin(1)
SELECT cos(1)
SELECT asin(0.5)
SELECT acos(0.5)
SELECT gcd(12, 18)
SELECT lcm(4, 6)
SELECT factorial(5)
SELECT factorial(20)
SELECT greatest(1, 2, 3)
SELECT least(1, 2, 3)
SELECT greatest(1, 2.5)
SELECT least(1.5, 1)
SELECT greatest(1, NULL, 3)
SELECT least(NULL, 2)
SELECT greatest(NULL, NULL)
SELECT greatest('a', 'b')
SELECT least('Z', 'a')
SELECT width_bucket(5, 0, 10, 5)
SELECT width_bucket(-1, 0, 10, 5)
SELECT width_bucket(10, 0, 10, 5)
SELECT width_bucket(value, 0, 100, 10) AS bucket, count(*) FROM usage WHERE value IS NOT NULL GROUP BY 1 ORDER BY 1
SELECT scale(1.50)
SELECT min_scale(1.50)
SELECT trim_scale(1.50)
SELECT 2.5::int
SELECT 3.5::int
SELECT -2.5::int
SELECT (-2.5)::int
SELECT 0.5::int
SELECT 2.5::float8::int
SELECT 3.5::float8::int
SELECT 0.5::float8::int
SELECT 2.7::numeric(10,1)::bigint AS b
SELECT (-2.7)::int AS c
SELECT 1.23456::numeric(10,2)
SELECT 1.235::numeric(10,2)
SELECT -1.235::numeric(10,2)
SELECT 1.5::numeric(10,0)
SELECT 1::numeric(10,2)
SELECT 1.1::numeric(5,4)
SELECT 123.45::numeric(4,2)
SELECT 12345::numeric(5,2)
SELECT cast(2.345 AS decimal(10,2))
SELECT cast(2.355 AS decimal(10,2))
SELECT cast(5 AS decimal)
SELECT cast(5.5 AS decimal)
SELECT round(value / 3, 2) FROM usage_total ORDER BY tenant, meter, period_start
SELECT round(avg(value), 2) FROM usage
SELECT round(avg(value), 0), round(avg(value)) FROM usage
SELECT round(sum(value) / 7, 3), trunc(sum(value) / 7, 3) FROM usage
SELECT tenant, round(avg(value), 4) FROM meter_tokens GROUP BY tenant ORDER BY tenant
SELECT (value / 100)::int AS bucket, count(*) FROM usage GROUP BY 1 ORDER BY 1
SELECT (value / 10)::bigint * 10 AS bucket, count(*) FROM usage GROUP BY 1 ORDER BY 1
SELECT floor(value / 10) * 10 AS bucket, count(*) FROM usage GROUP BY 1 ORDER BY 1
SELECT ceil(value / 10) FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 20
SELECT trunc(value / 8, 1) FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 20
SELECT round(used * 100.0 / "limit", 1) || '%' FROM quotas ORDER BY tenant, meter, kind
SELECT round(100.0 * count(*) FILTER (WHERE late) / count(*), 2) AS late_percent FROM events
SELECT round(count(*) / 7.0, 2) FROM events
SELECT round((count(*))::numeric / 7, 2) FROM events
SELECT sqrt(value) FROM usage_total ORDER BY tenant, meter, period_start
SELECT ln(value + 1) FROM usage_total ORDER BY tenant, meter, period_start
SELECT power(value, 2) FROM usage_total ORDER BY tenant, meter, period_start
SELECT abs(value - 50) FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 20
SELECT sign(value - 50), count(*) FROM usage GROUP BY 1 ORDER BY 1
SELECT mod(revision, 7), count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT revision % 3 = 0, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT greatest(value, 50) FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 20
SELECT least(value, 50, NULL) FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 20
SELECT round(0.1 + 0.2, 1)
SELECT round(1 / 3.0, 10)
SELECT round(2 / 3.0, 20)
SELECT round(-0.4)
SELECT round(-0.5)
SELECT trunc(-0.9)
SELECT round(NULL)
SELECT abs(NULL::int)
SELECT floor(NULL::numeric)
SELECT random() BETWEEN 0 AND 1
SELECT 3.14159::numeric(3,2)
SELECT 3.14159::numeric(6,5)
SELECT ceil(value), floor(value), round(value), trunc(value) FROM meter_latency ORDER BY tenant, window_start LIMIT 20
SELECT CASE WHEN false THEN round(1.55, 1) ELSE 1.55 END
SELECT CASE WHEN value < 0 THEN round(value, 1) ELSE value END FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 5
SELECT coalesce(round(nullif(value, value), 1), value) FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 5
SELECT least(1.5, round(10.0, -1)), greatest(round(2.345, 2), 1.2345)
SELECT round(1.25, 1) UNION ALL SELECT 1.255
SELECT avg(floor(value)), avg(value::numeric(20, 2)) FROM usage

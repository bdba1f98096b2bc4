-- The type that is announced is the type that comes.
SELECT 1
SELECT 1::bigint
SELECT 1::smallint
SELECT 1.5
SELECT 1.5::float8
SELECT 1.5::float4
SELECT 'a'
SELECT 'a'::text
SELECT 'a'::varchar
SELECT 'a'::char(1)
SELECT true
SELECT 2147483648
SELECT 9223372036854775808
SELECT 1e2
SELECT 1 + 1
SELECT 1 + 1::bigint
SELECT 1 + 1::smallint
SELECT 1::smallint + 1::smallint
SELECT 1 + 1.5
SELECT 1 + 1.5::float8
SELECT 1::bigint + 1.5
SELECT 1 / 2
SELECT 1 / 2::bigint
SELECT 1 / 2.0
SELECT 1::float4 / 2
SELECT 1::float4 + 1
SELECT 1::float4 + 1::float8
SELECT -1
SELECT -1::bigint
SELECT -1.5
SELECT -(1::smallint)
SELECT abs(-1)
SELECT abs(-1::smallint)
SELECT abs(-1.5)
SELECT @ 1::bigint
SELECT 2 ^ 3
SELECT 2 ^ 3.0
SELECT 2::float8 ^ 3
SELECT power(2, 3)
SELECT power(2, 3.0)
SELECT sqrt(4)
SELECT sqrt(4.0)
SELECT exp(1)
SELECT ln(1.0)
SELECT round(1)
SELECT round(1.5)
SELECT round(1.5::float8)
SELECT ceil(1)
SELECT ceil(1.5)
SELECT floor(1.5::float8)
SELECT trunc(1.5)
SELECT trunc(1.5, 1)
SELECT mod(5, 3)
SELECT mod(5::bigint, 3)
SELECT mod(5.5, 3)
SELECT 5 % 3::smallint
SELECT div(5, 3)
SELECT gcd(4, 6)
SELECT gcd(4::bigint, 6)
SELECT sum(1)
SELECT sum(1::bigint)
SELECT sum(1.5)
SELECT sum(1::float8)
SELECT sum(1::float4)
SELECT sum(1::smallint)
SELECT sum(interval '1 day')
SELECT avg(1)
SELECT avg(1::bigint)
SELECT avg(1.5)
SELECT avg(1::float8)
SELECT avg(1::float4)
SELECT avg(interval '1 day')
SELECT min(1)
SELECT max(1::smallint)
SELECT min('a')
SELECT max('a'::varchar)
SELECT max(1.5)
SELECT min(date '2026-03-01')
SELECT max(true::int)
SELECT count(*)
SELECT count(1)
SELECT count(DISTINCT 1)
SELECT row_number() OVER ()
SELECT rank() OVER ()
SELECT ntile(2) OVER ()
SELECT percent_rank() OVER ()
SELECT stddev(1), stddev(1::float8), variance(1.5), var_pop(1), corr(1, 2), percentile_cont(0.5) WITHIN GROUP (ORDER BY 1)
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY 1), mode() WITHIN GROUP (ORDER BY 'a'::text)
SELECT length('a')
SELECT position('a' IN 'a')
SELECT ascii('a')
SELECT strpos('a', 'a')
SELECT octet_length('a')
SELECT bit_length('a')
SELECT upper('a')
SELECT concat('a', 1)
SELECT 'a' || 'b'
SELECT left('a', 1)
SELECT md5('a')
SELECT repeat('a', 2)
SELECT to_hex(10)
SELECT chr(65)
SELECT now(), current_timestamp, localtimestamp, current_date, clock_timestamp() WHERE false
SELECT current_time, localtime WHERE false
SELECT date '2026-03-01' + 1
SELECT date '2026-03-01' + interval '1 day'
SELECT date '2026-03-01' - date '2026-02-01'
SELECT date '2026-03-01' + time '12:00'
SELECT timestamp '2026-03-01' - timestamp '2026-02-01'
SELECT timestamptz '2026-03-01 00:00+00' - timestamptz '2026-02-01 00:00+00'
SELECT timestamp '2026-03-01' + interval '1 day'
SELECT time '12:00' + interval '1 hour'
SELECT time '12:00' - time '11:00'
SELECT interval '1 day' * 2
SELECT interval '1 day' / 2
SELECT date_trunc('day', date '2026-03-01')
SELECT date_trunc('day', timestamp '2026-03-01')
SELECT date_trunc('day', timestamptz '2026-03-01 00:00+00')
SELECT extract(year FROM date '2026-03-01')
SELECT date_part('year', date '2026-03-01')
SELECT extract(epoch FROM timestamp '2026-03-01')
SELECT timestamptz '2026-03-01 00:00+00' AT TIME ZONE 'UTC'
SELECT timestamp '2026-03-01' AT TIME ZONE 'UTC'
SELECT timestamptz '2026-03-01 00:00+00'::date
SELECT to_char(timestamp '2026-03-01', 'YYYY')
SELECT to_date('2026', 'YYYY')
SELECT to_timestamp(0)
SELECT to_number('1', '9')
SELECT CASE WHEN true THEN 1 ELSE 2.5 END
SELECT CASE WHEN true THEN 1 ELSE 2::bigint END
SELECT CASE WHEN true THEN 1 END
SELECT CASE WHEN true THEN NULL END
SELECT CASE WHEN true THEN 1::smallint ELSE 2 END
SELECT CASE WHEN true THEN 1.5 ELSE 2::float4 END
SELECT coalesce(1, 2.5)
SELECT coalesce(1::smallint, 2)
SELECT coalesce(NULL, 'a')
SELECT nullif(1, 2.5)
SELECT nullif(1.5, 2)
SELECT greatest(1, 2.5)
SELECT least(1::bigint, 2)
SELECT NULL
SELECT NULL::int
SELECT NULL || 'a'
SELECT coalesce(NULL, NULL)
SELECT nullif(NULL, NULL)
SELECT greatest(NULL, NULL)
SELECT ARRAY[1]
SELECT ARRAY['a']
SELECT ARRAY[1.5]
SELECT ARRAY[true]
SELECT ARRAY[1::bigint]
SELECT ARRAY[date '2026-03-01']
SELECT ARRAY[1, 2.5]
SELECT ARRAY[NULL]
SELECT (ARRAY[1])[1]
SELECT array_length(ARRAY[1], 1)
SELECT array_agg(1)
SELECT array_agg('a'::text)
SELECT string_agg('a', ',')
SELECT cardinality(ARRAY[1])
SELECT '{}'::json
SELECT '{}'::jsonb
SELECT '{"a":1}'::json -> 'a'
SELECT '{"a":1}'::jsonb -> 'a'
SELECT '{"a":1}'::json ->> 'a'
SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid
SELECT '\x00'::bytea
SELECT 'a'::name
SELECT 1::oid
SELECT (SELECT 1)
SELECT (SELECT 1.5)
SELECT (SELECT NULL)
SELECT (SELECT max(value) FROM usage)
SELECT EXISTS (SELECT 1)
SELECT x FROM (SELECT 1 AS x UNION SELECT 2.5) t ORDER BY x
SELECT x FROM (SELECT 1 AS x UNION SELECT 2::bigint) t ORDER BY x
SELECT x FROM (SELECT 1::smallint AS x UNION SELECT 2) t ORDER BY x
SELECT x FROM (SELECT NULL AS x UNION SELECT 'a') t ORDER BY x
SELECT x FROM (VALUES (1), (2.5)) AS t(x) ORDER BY x
SELECT x FROM (VALUES (1), (2::bigint)) AS t(x) ORDER BY x
SELECT x FROM (VALUES (NULL), (1)) AS t(x) ORDER BY x
SELECT x FROM (VALUES (NULL), (NULL)) AS t(x)
SELECT x FROM generate_series(1, 2) AS x ORDER BY x
SELECT x FROM generate_series(1::bigint, 2) AS x ORDER BY x
SELECT x FROM generate_series(1.0, 2.0) AS x ORDER BY x
SELECT count(*) + 1, count(*) * 1.5, count(*) / 2, count(*)::int, sum(revision) / 2, sum(value) / 2, avg(revision) * 2 FROM usage
SELECT sum(revision), sum(value), avg(revision), avg(value), max(revision), max(value), sum(1), sum(revision::int) FROM usage
SELECT round(sum(value), 2), round(avg(revision), 2), sum(value)::float8, sum(value)::bigint FROM usage
SELECT revision, value, final, tenant, window_start, revision * 2, revision * 1.5, value * 2, revision / 2, value / 2 FROM usage WHERE false
SELECT shard, shard + 1, shard * 1.5 FROM events WHERE false
SELECT max(shard), sum(shard), avg(shard), count(shard) FROM events
SELECT lag(revision) OVER (ORDER BY revision), lag(value) OVER (ORDER BY revision), sum(value) OVER (), avg(revision) OVER () FROM usage WHERE false
SELECT 1 = 1
SELECT 1 IS NULL
SELECT 'a' LIKE 'a'
SELECT 1 IN (1)
SELECT NOT true
SELECT true AND NULL
SELECT 1 & 2
SELECT 1::bigint | 2
SELECT 1 << 2
SELECT ~1
SELECT 'a'::varchar(5) || 'b'
SELECT upper('a'::varchar)
SELECT coalesce('a'::varchar, 'b')
SELECT 'a'::char(3) || 'b'
SELECT max(time), max(time)::date, max(time) - min(time), count(*) FROM events
SELECT current_setting('TimeZone')
SELECT current_user IS NOT NULL
SELECT version() IS NOT NULL
SELECT random() < 2
SELECT pi()
SELECT sign(1)
SELECT sign(1.5)
SELECT width_bucket(1, 0, 10, 5)
SELECT factorial(3)
SELECT degrees(1)

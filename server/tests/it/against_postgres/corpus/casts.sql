-- Casts, and what they refuse.
SELECT '42'::int
SELECT '42'::bigint
SELECT '42'::smallint
SELECT '42'::numeric
SELECT '42'::float8
SELECT ' 42 '::int
SELECT '+42'::int
SELECT '-42'::int
SELECT '4.2'::numeric
SELECT '4.20'::numeric
SELECT '.5'::numeric
SELECT '1e3'::numeric
SELECT '4.2'::int
SELECT 'abc'::int
SELECT ''::int
SELECT 'abc'::numeric
SELECT '99999999999'::int
SELECT 99999999999::int
SELECT 70000::smallint
SELECT 1e10::int
SELECT 42::text
SELECT 4.20::text
SELECT true::text
SELECT 1.5::float8::text
SELECT (1 / 3.0)::text
SELECT (1 / 3::float8)::text
SELECT 42::varchar
SELECT 42::char(5)
SELECT 'abc'::varchar(2)
SELECT 'abc'::char(5)
SELECT 'abcdef'::varchar(3)
SELECT cast('abcdef' AS varchar(4))
SELECT 'ab'::char(4) || 'x'
SELECT 'abc'::char
SELECT 'true'::bool
SELECT 't'::bool
SELECT 'yes'::bool
SELECT 'on'::bool
SELECT '1'::bool
SELECT 'f'::bool
SELECT 'off'::bool
SELECT 'no'::bool
SELECT 'maybe'::bool
SELECT 1::bool
SELECT 0::bool
SELECT 2::bool
SELECT true::int
SELECT false::int
SELECT true = 't'
SELECT 'f' = false
SELECT '2026-03-01'::date
SELECT '20260301'::date
SELECT 'March 1, 2026'::date
SELECT '2026-3-1'::date
SELECT '2026-02-30'::date
SELECT '2026-03-01 12:34:56'::timestamp
SELECT '2026-03-01'::timestamp
SELECT '2026-03-01T12:34:56'::timestamp
SELECT '2026-03-01 12:34:56.789'::timestamp
SELECT '2026-03-01 12:34'::timestamp
SELECT '2026-03-01 12:34:56+02'::timestamptz
SELECT '2026-03-01 12:34:56Z'::timestamptz
SELECT '2026-03-01 12:34:56'::timestamptz
SELECT '12:34:56'::time
SELECT '12:34'::time
SELECT '12:34:56.5'::time
SELECT '2026-03-01 12:34:56'::timestamp::date
SELECT '2026-03-01 12:34:56'::timestamp::time
SELECT '2026-03-01'::date::timestamp
SELECT '2026-03-01'::date::timestamptz
SELECT '2026-03-01'::date::text
SELECT '2026-03-01 12:00:00'::timestamp::text
SELECT '2026-03-01 12:00:00.50'::timestamp::text
SELECT '2026-03-01 12:00:00+00'::timestamptz::text
SELECT '1 day'::interval
SELECT '2 hours 30 minutes'::interval
SELECT '1 year 2 months'::interval
SELECT '1 day 2 hours'::interval::text
SELECT '90 minutes'::interval::text
SELECT '-1 day'::interval::text
SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid
SELECT 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid
SELECT 'nope'::uuid
SELECT '{"a": 1}'::json
SELECT '{"a": 1}'::jsonb
SELECT '{"b":1,"a":2}'::jsonb
SELECT '{a'::json
SELECT '\xDEADBEEF'::bytea
SELECT 'abc'::bytea
SELECT NULL::int
SELECT NULL::text
SELECT NULL::timestamptz
SELECT NULL::numeric
SELECT NULL::bool
SELECT NULL::date
SELECT CAST('7' AS integer) + 1
SELECT CAST(7 AS text) || '!'
SELECT int '42'
SELECT bigint '42'
SELECT numeric '4.2'
SELECT text 'x'
SELECT bool 'true'
SELECT float8 '1.5'
SELECT date '2026-03-01'
SELECT timestamp '2026-03-01 12:00'
SELECT timestamptz '2026-03-01 12:00+00'
SELECT interval '1 day'
SELECT '1' + 1
SELECT '2' * '3'::int
SELECT 1 = '1'
SELECT 1.5 > '1'
SELECT '1' + '1'
SELECT 1 || ''
SELECT 1 || 'a'
SELECT 'a' || 1
SELECT 'a' || 1.50
SELECT 'a' || true
SELECT 'a' || NULL
SELECT 1 || 2
SELECT 'a' || date '2026-03-01'
SELECT 'a' || timestamp '2026-03-01 12:00:00'
SELECT value::int, value::bigint, value::float8, value::text FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 10
SELECT value::text LIKE '%5' AS ends, count(*) FROM usage GROUP BY 1 ORDER BY 1
SELECT value::numeric(20,2), value::numeric(20,0) FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 10
SELECT value::text, length(value::text) FROM meter_latency ORDER BY tenant, window_start LIMIT 20
SELECT revision::text, revision::int, revision::numeric, revision::float8 FROM events e ORDER BY e.revision LIMIT 3
SELECT revision::text || ':' || id FROM events ORDER BY revision LIMIT 3
SELECT late::text, late::int FROM events ORDER BY revision LIMIT 3
SELECT sum(late::int) FROM events
SELECT avg(late::int) FROM events
SELECT time::date, time::time, time::timestamp, time::text FROM events ORDER BY revision LIMIT 5
SELECT time::date AS day, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT window_start::date, sum(value) FROM usage GROUP BY window_start::date ORDER BY 1
SELECT window_start::text, window_end::text FROM usage ORDER BY window_start, window_end LIMIT 5
SELECT (data::json ->> 'tokens')::int FROM events WHERE type = 'call' ORDER BY revision LIMIT 5
SELECT (data::json ->> 'latency_ms')::numeric FROM events WHERE type = 'call' ORDER BY revision LIMIT 5
SELECT (data::json ->> 'ok')::bool, count(*) FROM events WHERE type = 'call' GROUP BY 1 ORDER BY 1
SELECT subject::int FROM events LIMIT 1
SELECT 3.7::int::text
SELECT 3.2::int::float8
SELECT '3.7'::float8::int
SELECT 1::oid
SELECT 'pg_class'::regclass::text
SELECT 1::numeric::int
SELECT 1.0::numeric::text
SELECT 1.10::numeric(10,3)::text
SELECT 12::money
SELECT 1::bit(4)
SELECT 'x'::name
SELECT 'x'::"char"
SELECT try_cast('a' AS int)
SELECT 9.99::int
SELECT 10.49::int
SELECT -9.5::int
SELECT 1.4999::int
SELECT 2147483647.4::int
SELECT 2147483647.5::int
SELECT 9223372036854775807::float8
SELECT 9223372036854775807::numeric
SELECT 9223372036854775807::text
SELECT 16777217::float4
SELECT 0.1::float4::text
SELECT 0.1::float8::numeric
SELECT 1e-7::float8::text
SELECT 1e-7::numeric::text
SELECT 123456789012::float8::text
SELECT 'Infinity'::float8::text
SELECT 'NaN'::float8::text
SELECT (-0.0)::float8::text
SELECT 'infinity'::timestamp
SELECT '-infinity'::date
SELECT 'epoch'::timestamp
SELECT 'epoch'::timestamptz
SELECT '2026-03-01 24:00:00'::timestamp
SELECT '2026-13-01'::date
SELECT '25:00'::time
SELECT '1 lightyear'::interval
SELECT pg_typeof(1)
SELECT pg_typeof(1.5)
SELECT pg_typeof('a'::text)
SELECT pg_typeof(now())
SELECT pg_typeof(sum(value)), pg_typeof(count(*)), pg_typeof(avg(revision)) FROM usage
SELECT pg_typeof(1 + 1.5)
SELECT pg_typeof(1::bigint + 1)
SELECT pg_typeof(NULL)
SELECT pg_typeof(true), pg_typeof(1::smallint), pg_typeof(1::int), pg_typeof(1::bigint), pg_typeof(1::float4), pg_typeof(1::float8)
SELECT pg_typeof('x'), pg_typeof(current_date), pg_typeof(now()::timestamp), pg_typeof(interval '1 day'), pg_typeof(now() - now())
SELECT pg_typeof('{}'::json), pg_typeof('{}'::jsonb -> 'a'), pg_typeof(gen_random_uuid()), pg_typeof('\x'::bytea), pg_typeof(localtime)
SELECT pg_typeof(ARRAY['a']), pg_typeof(ARRAY[1.5]), pg_typeof(ARRAY[now()]), pg_typeof(ARRAY[1::bigint])
SELECT pg_typeof(1 + 1), pg_typeof(ARRAY[1])
SELECT pg_typeof('a'::varchar(3))
SELECT pg_typeof(revision), pg_typeof(time), pg_typeof(tenant), pg_typeof(late) FROM events LIMIT 1
SELECT DISTINCT pg_typeof(value) FROM usage
SELECT pg_typeof(json_agg(1)), pg_typeof(jsonb_build_array()), pg_typeof(to_json(1))
SELECT pg_typeof(1, 2)

-- Functions of numbers, and texts that are put together.
SELECT sign(-8.4), sign(0.0), sign(2)
SELECT sign(-8::float8), sign(0::float8), sign(1::smallint)
SELECT sign(NULL)
SELECT sign('NaN'::float8)
SELECT sign('a')
SELECT sign(used - "limit") FROM quotas ORDER BY tenant, meter, kind
SELECT ceiling(-42.8), ceiling(2.5::float8), ceiling(3)
SELECT ceiling(NULL::float8)
SELECT ceiling(value) = ceil(value) FROM usage_total ORDER BY tenant, meter, period_start LIMIT 3
SELECT pow(2::float8, 3::float8)
SELECT width_bucket(5.35, 0.024, 10.06, 5)
SELECT width_bucket(5.35::float8, 0.024, 10.06, 5)
SELECT width_bucket(0, 0, 10, 5), width_bucket(10, 0, 10, 5), width_bucket(-1, 0, 10, 5), width_bucket(9, 10, 0, 5)
SELECT width_bucket(1.5, 1.5, 1.5, 5)
SELECT width_bucket(1.5, 1, 2, 0)
SELECT width_bucket(1.5, 1, 2, NULL)
SELECT width_bucket(5, ARRAY[1, 3, 8]), width_bucket(0, ARRAY[1, 3, 8]), width_bucket(8, ARRAY[1, 3, 8])
SELECT width_bucket(5, ARRAY[]::int[])
SELECT width_bucket(5, ARRAY[1, NULL])
SELECT width_bucket('b'::text, ARRAY['a', 'c'])
SELECT width_bucket(value, 0, 100, 10) AS bucket, count(*) FROM usage GROUP BY 1 ORDER BY 1
SELECT width_bucket((data::json ->> 'latency_ms')::float8, 0, 1000, 4) AS bucket, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT variance(x), var_samp(x) FROM (VALUES (1.5::float8), (2), (4)) AS t(x)
SELECT variance(x) FROM (VALUES (1::float8)) AS t(x)
SELECT round(variance(value), 4) IS NULL FROM usage
SELECT every(x > 1), every(x > 0) FROM (VALUES (1), (2), (NULL)) AS t(x)
SELECT every(late) FROM events
SELECT tenant, every(final) AS done FROM usage GROUP BY tenant ORDER BY tenant
SELECT every(final) FILTER (WHERE value > 50) FROM usage
SELECT format('Hello %s, %1$s', 'World')
SELECT format('%I %L %%', 'a b', 'c''d')
SELECT format('%I %I %I', 'plain', 'select', 'Upper')
SELECT format('|%10s|%-10s|%5s|', 'foo', 'bar', 'long text')
SELECT format('|%*s|%-*s|', 5, 'a', 6, 'b')
SELECT format('|%*s|', -5, 'a')
SELECT format('%2$s %s %1$s', 'a', 'b', 'c')
SELECT format('%s', NULL), format('%L', NULL)
SELECT format('%I', NULL)
SELECT format('%s')
SELECT format('%d', 1)
SELECT format('%')
SELECT format('%0$s', 'a')
SELECT format(NULL, 1)
SELECT format('no items')
SELECT format('%s %s %s %s', 1, 2.50, true, date '2026-03-01')
SELECT format('%s', timestamptz '2026-03-01 12:00+00')
SELECT format('%L', 'a\b')
SELECT format('%s: %s', tenant, count(*)) AS told FROM events GROUP BY tenant ORDER BY tenant
SELECT quote_literal('a''b'), quote_literal('a\b'), quote_literal(1.5)
SELECT quote_nullable(NULL), quote_nullable('x'), quote_literal(NULL)
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY x) FROM (VALUES (1.5), (2.5), (3.5), (4.5)) AS t(x)
SELECT percentile_disc(0) WITHIN GROUP (ORDER BY x), percentile_disc(1) WITHIN GROUP (ORDER BY x) FROM (VALUES (1.5), (2.5)) AS t(x)
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY x DESC) FROM (VALUES (1.5), (2.5), (3.5), (4.5)) AS t(x)
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY x) FROM (VALUES ('b'), ('a'), (NULL)) AS t(x)
SELECT percentile_disc(1.5) WITHIN GROUP (ORDER BY x) FROM (VALUES (1.5)) AS t(x)
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY x) FROM (VALUES (1.5)) AS t(x) WHERE false
SELECT percentile_disc(NULL) WITHIN GROUP (ORDER BY x) FROM (VALUES (1.5)) AS t(x)
SELECT percentile_disc(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY x) FROM (VALUES (1.5), (2.5)) AS t(x)
SELECT meter, percentile_disc(0.95) WITHIN GROUP (ORDER BY value) AS p95 FROM usage GROUP BY meter ORDER BY meter
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY time) FROM events
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY value) FILTER (WHERE value > 10) FROM usage
SELECT mode() WITHIN GROUP (ORDER BY type) FROM events
SELECT mode() WITHIN GROUP (ORDER BY x) FROM (VALUES ('b'), ('a'), ('b'), ('a')) AS t(x)
SELECT mode() WITHIN GROUP (ORDER BY x DESC) FROM (VALUES ('b'), ('a'), ('b'), ('a')) AS t(x)
SELECT mode() WITHIN GROUP (ORDER BY x) FROM (VALUES (NULL), (NULL), ('a')) AS t(x)
SELECT mode() WITHIN GROUP (ORDER BY x) FROM (VALUES ('a')) AS t(x) WHERE false
SELECT tenant, mode() WITHIN GROUP (ORDER BY data::json ->> 'model') AS model FROM events GROUP BY tenant ORDER BY tenant
SELECT mod(7, 3), mod(-7, 3), mod(7.50, 2.1), mod(NULL, 3), mod(7::bigint, 3), mod(7::smallint, 2::smallint)
SELECT mod(7, 0)
SELECT mod(7.5, 0)
SELECT mod(7.5::float8, 2)
SELECT mod((-9223372036854775808)::bigint, -1::bigint)
SELECT mod(revision, 7) AS rest, count(*) FROM events GROUP BY mod(revision, 7) ORDER BY rest
SELECT sign('-Infinity'::float8), sign(-0.0::float8)

-- Names and types of columns.
SELECT 1, 'a', 1.5, true, NULL
SELECT 1 AS one, 2 two, 3 AS "Three", 4 AS "four five"
SELECT count(*), sum(value), avg(value), min(value), max(value) FROM usage
SELECT count(*), count(*) FROM usage
SELECT tenant, tenant FROM usage ORDER BY 1 LIMIT 1
SELECT value, value::int FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 1
SELECT 1 + 1, 2 * 3, -1, NOT true, 1 = 1, 'a' || 'b'
SELECT upper('a'), length('a'), round(1.5), coalesce(NULL, 1), nullif(1, 2), greatest(1, 2), least(1, 2)
SELECT 1::int, '1'::text, CAST(1 AS bigint), 1::numeric(10,2), 1::float8, 'a'::varchar(3), true::bool
SELECT value::int, value::text, (value + 1)::int, upper(tenant)::text FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 1
SELECT date '2026-03-01', timestamp '2026-03-01', timestamptz '2026-03-01 00:00+00', interval '1 day', time '12:00'
SELECT CASE WHEN true THEN 1 END, CASE WHEN true THEN 1 ELSE 2 END, CASE WHEN true THEN tenant ELSE status END FROM tenants ORDER BY tenant LIMIT 1
SELECT extract(year FROM date '2026-03-01'), date_part('year', date '2026-03-01'), date_trunc('day', timestamp '2026-03-01')
SELECT now() IS NULL, current_date IS NULL, current_timestamp IS NOT NULL
SELECT position('a' IN 'abc'), substring('abc' FROM 2), trim('a'), overlay('abc' PLACING 'x' FROM 1)
SELECT ltrim('a'), rtrim('a'), btrim('a'), trim(leading 'x' FROM 'xa'), trim(trailing 'x' FROM 'ax')
SELECT (SELECT 1), (SELECT count(*) FROM tenants), (SELECT 1 AS x), EXISTS (SELECT 1)
SELECT ARRAY[1], ARRAY(SELECT 1), (ARRAY[1])[1]
SELECT t.tenant, t."tenant", "t".tenant FROM tenants t ORDER BY 1 LIMIT 1
SELECT TENANT, Tenant, "tenant" FROM tenants ORDER BY 1 LIMIT 1
SELECT tenant AS "Tenant", count(*) AS "N" FROM events GROUP BY tenant ORDER BY "N", "Tenant"
SELECT row_number() OVER (ORDER BY tenant), rank() OVER (ORDER BY tenant), sum(1) OVER (), lag(tenant) OVER (ORDER BY tenant) FROM tenants ORDER BY 1 LIMIT 1
SELECT count(DISTINCT tenant), count(*) FILTER (WHERE late), string_agg(tenant, ',') IS NULL, percentile_cont(0.5) WITHIN GROUP (ORDER BY revision) FROM events
SELECT 1 BETWEEN 0 AND 2, 1 IN (1), 'a' LIKE 'a', NULL IS NULL, 1 IS DISTINCT FROM 2
SELECT -value, +value, abs(value), value % 2 FROM usage_total ORDER BY tenant, meter, period_start LIMIT 1
SELECT time AT TIME ZONE 'UTC', time::date, time + interval '1 day' FROM events ORDER BY revision LIMIT 1
SELECT * FROM tenants WHERE false
SELECT * FROM events WHERE false
SELECT * FROM usage WHERE false
SELECT * FROM usage_total WHERE false
SELECT * FROM quotas WHERE false
SELECT * FROM meters WHERE false
SELECT * FROM meter_tokens WHERE false
SELECT * FROM tenants ORDER BY tenant
SELECT * FROM usage_total ORDER BY tenant, meter, period_start
SELECT * FROM quotas ORDER BY tenant, meter, kind
SELECT * FROM meter_tokens ORDER BY tenant, model, region, window_start
SELECT * FROM meter_calls ORDER BY tenant, window_start
SELECT * FROM meter_latency ORDER BY tenant, window_start
SELECT * FROM usage ORDER BY tenant, meter, window_start, dimensions
SELECT * FROM events ORDER BY revision
SELECT *, 1 AS one FROM tenants ORDER BY tenant
SELECT tenants.*, tenant FROM tenants ORDER BY tenants.tenant
SELECT tenant, * FROM tenants ORDER BY tenants.tenant
SELECT a.*, b.tenant FROM tenants a JOIN tenants b USING (tenant) ORDER BY 1
SELECT x.count FROM (SELECT count(*) FROM tenants) x
SELECT sum FROM (SELECT sum(value) FROM usage) x
SELECT "?column?" FROM (SELECT 1 + 1) x
SELECT "case" FROM (SELECT CASE WHEN true THEN 1 END) x
SELECT int4 FROM (SELECT '1'::int) x
SELECT round FROM (SELECT round(1.5)) x
SELECT count, sum FROM (SELECT count(*), sum(revision) FROM events) x
SELECT window_start::date FROM usage ORDER BY window_start, window_end, tenant LIMIT 1
SELECT value::text FROM usage ORDER BY value LIMIT 1
SELECT tenant AS value, value AS tenant FROM usage_total ORDER BY usage_total.tenant, meter, period_start
SELECT value AS v FROM usage_total WHERE v > 1
SELECT value AS v FROM usage_total GROUP BY v HAVING v > 1 ORDER BY v
SELECT "Value" FROM usage
SELECT public.tenants.tenant FROM public.tenants ORDER BY 1
SELECT tenant FROM pg_catalog.tenants
SELECT 1 AS select, 2 AS "from"
SELECT 1 AS a, 2 AS a
SELECT a FROM (SELECT 1 AS a, 2 AS a) t
SELECT count(*) AS count, max(revision) AS max FROM events
SELECT json_build_object('a', 1), '{"a":1}'::json -> 'a', '{"a":1}'::json ->> 'a', '{"a":1}'::json::text
SELECT current_user IS NULL, current_schema() = 'public', current_database() IS NOT NULL, version() LIKE 'PostgreSQL%'
SELECT 'a' AS "very long name of a column that has more than sixty-three bytes, which Postgres cuts"
SELECT 1 AS "日本", 2 AS ""
SELECT * FROM information_schema.table_constraints WHERE table_schema = 'public'
SELECT * FROM information_schema.key_column_usage WHERE table_schema = 'public'
SELECT * FROM information_schema.referential_constraints WHERE constraint_schema = 'public'
SELECT character_set_name, form_of_use FROM information_schema.character_sets
SELECT * FROM pg_indexes WHERE schemaname = 'public'

-- Superset's dialect looks at the server it is connected to.
SELECT pg_catalog.version() LIKE 'PostgreSQL 1%', current_schema()
--> t|public

SHOW standard_conforming_strings
--> on

SHOW transaction isolation level
--> read committed

-- The process of a query, by which it would be stopped.
SELECT pg_backend_pid() > 0
--> t

-- Databases, schemas.
SELECT datname FROM pg_database WHERE datistemplate = false AND datname = 'tenantry'
--> tenantry

SELECT pg_catalog.pg_namespace.nspname FROM pg_catalog.pg_namespace
WHERE pg_catalog.pg_namespace.nspname NOT LIKE 'pg\_%' ORDER BY pg_catalog.pg_namespace.nspname
--> information_schema
--> public

-- Tables and foreign ones, of which there are none, and views.
SELECT pg_catalog.pg_class.relname
FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p']) AND pg_catalog.pg_class.relpersistence != 't'
  AND pg_catalog.pg_namespace.nspname = 'public'

SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'f'

SELECT pg_catalog.pg_class.relname
FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['v', 'm']) AND pg_catalog.pg_class.relpersistence != 't'
  AND pg_catalog.pg_namespace.nspname = 'public' AND pg_catalog.pg_class.relname IN ('usage', 'tenants')
ORDER BY 1
--> tenants
--> usage

-- The columns of a dataset.
SELECT a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS format_type,
  (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d
    WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef) AS default,
  c.relname AS table_name
FROM pg_catalog.pg_class c
LEFT OUTER JOIN pg_catalog.pg_attribute a ON c.oid = a.attrelid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relname = 'usage' AND a.attname IN ('tenant', 'window_start', 'value', 'revision', 'final')
ORDER BY c.relname, a.attnum
--> tenant|text||usage
--> window_start|timestamp with time zone||usage
--> value|numeric||usage
--> revision|bigint||usage
--> final|boolean||usage

-- Before each query of a dataset.
SET search_path = "public"

-- A time filter, in the words for a timestamp.
SELECT count(*) AS count FROM public.usage
WHERE window_start >= TO_TIMESTAMP('2026-11-23 11:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
  AND window_start < TO_TIMESTAMP('2026-11-23 11:30:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
LIMIT 50000
--> 30

-- And in those for a date.
SELECT count(*) AS count FROM public.usage
WHERE window_start >= TO_DATE('2026-11-23', 'YYYY-MM-DD') AND window_start < TO_DATE('2026-11-24', 'YYYY-MM-DD')
--> 61

-- The grain of a second.
SELECT DATE_TRUNC('second', window_start) AS window_start, sum(value) AS "SUM(value)" FROM public.usage
WHERE value = 13 GROUP BY DATE_TRUNC('second', window_start) ORDER BY "SUM(value)" DESC LIMIT 1000
--> 2026-11-23 11:12:00+00|13.000000000

-- Of a minute.
SELECT DATE_TRUNC('minute', window_start) AS window_start, sum(value) AS "SUM(value)" FROM public.usage
WHERE value < 3 GROUP BY DATE_TRUNC('minute', window_start) ORDER BY "SUM(value)" DESC LIMIT 1000
--> 2026-11-23 11:01:00+00|2.000000000
--> 2026-11-23 11:00:00+00|1.000000000

-- Of an hour, a day, a week, a month, a quarter and a year.
SELECT DATE_TRUNC('hour', window_start) AS window_start, tenant AS tenant, sum(value) AS "SUM(value)" FROM public.usage
GROUP BY DATE_TRUNC('hour', window_start), tenant ORDER BY "SUM(value)" DESC LIMIT 1000
--> 2026-11-23 11:00:00+00|acme|1830.000000000
--> 2026-11-23 11:00:00+00|globex|100.000000000

SELECT DATE_TRUNC('day', window_start) AS window_start, count(*) AS count FROM public.usage
GROUP BY DATE_TRUNC('day', window_start) ORDER BY count DESC LIMIT 1000
--> 2026-11-23 00:00:00+00|61

SELECT DATE_TRUNC('week', window_start) AS window_start, count(*) AS count FROM public.usage
GROUP BY DATE_TRUNC('week', window_start) ORDER BY count DESC LIMIT 1000
--> 2026-11-23 00:00:00+00|61

SELECT DATE_TRUNC('month', window_start) AS window_start, count(*) AS count FROM public.usage
GROUP BY DATE_TRUNC('month', window_start) ORDER BY count DESC LIMIT 1000
--> 2026-11-01 00:00:00+00|61

SELECT DATE_TRUNC('quarter', window_start) AS window_start, count(*) AS count FROM public.usage
GROUP BY DATE_TRUNC('quarter', window_start) ORDER BY count DESC LIMIT 1000
--> 2026-10-01 00:00:00+00|61

SELECT DATE_TRUNC('year', window_start) AS window_start, count(*) AS count FROM public.usage
GROUP BY DATE_TRUNC('year', window_start) ORDER BY count DESC LIMIT 1000
--> 2026-01-01 00:00:00+00|61

-- A chart of the series that are largest in all.
SELECT DATE_TRUNC('hour', window_start) AS window_start, tenant AS tenant, sum(value) AS "SUM(value)"
FROM public.usage
JOIN (
  SELECT tenant AS tenant__, sum(value) AS mme_inner__ FROM public.usage
  WHERE window_start >= TO_TIMESTAMP('2026-11-23 11:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
  GROUP BY tenant ORDER BY mme_inner__ DESC LIMIT 1
) AS series_limit ON tenant = tenant__
WHERE window_start >= TO_TIMESTAMP('2026-11-23 11:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
GROUP BY DATE_TRUNC('hour', window_start), tenant ORDER BY "SUM(value)" DESC LIMIT 10000
--> 2026-11-23 11:00:00+00|acme|1830.000000000

-- A table over a dataset that is itself a query.
SELECT model AS model, tenant AS tenant, AVG(value) AS "AVG(value)", COUNT(DISTINCT hour) AS "COUNT_DISTINCT(hour)"
FROM (
SELECT tenant, model, value, date_trunc('hour', window_start) AS hour FROM meter_tokens
) AS virtual_table
WHERE tenant IN ('acme') AND ((value > 0)) GROUP BY model, tenant ORDER BY "AVG(value)" DESC LIMIT 1000
--> large|acme|31.0000000000000000|1
--> small|acme|30.0000000000000000|1

-- The values of a filter.
SELECT DISTINCT tenant AS tenant FROM public.usage ORDER BY tenant ASC LIMIT 10000
--> acme
--> globex

-- Metabase looks at the server it is connected to.
SELECT current_setting('server_version_num')::int / 10000 >= 12, current_database(), current_schema()
--> t|tenantry|public

-- It reads in the time zone of its reports.
SET SESSION TIMEZONE TO 'Europe/Zurich'

-- It asks what the zone is now.
SELECT current_setting('timezone')
--> Europe/Zurich

-- And goes back to that of the database.
SET SESSION TIMEZONE TO DEFAULT

-- Its tables, with their comments and how many rows they are said to have.
SELECT "n"."nspname" AS "schema", "c"."relname" AS "name",
  CASE "c"."relkind" WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'v' THEN 'VIEW' WHEN 'f' THEN 'FOREIGN TABLE'
    WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE NULL END AS "type",
  "d"."description" IS NOT NULL AS "is_described", "stat"."n_live_tup" AS "estimated_row_count"
FROM "pg_catalog"."pg_class" AS "c"
INNER JOIN "pg_catalog"."pg_namespace" AS "n" ON "c"."relnamespace" = "n"."oid"
LEFT JOIN "pg_catalog"."pg_description" AS "d"
  ON ("c"."oid" = "d"."objoid") AND ("d"."objsubid" = 0) AND ("d"."classoid" = 'pg_class'::regclass)
LEFT JOIN "pg_stat_user_tables" AS "stat" ON ("n"."nspname" = "stat"."schemaname") AND ("c"."relname" = "stat"."relname")
WHERE "c"."relkind" IN ('r', 'p', 'v', 'f', 'm') AND "n"."nspname" !~ '^information_schema|catalog_history|pg_'
  AND "n"."nspname" IN ('public') AND "c"."relname" IN ('usage', 'tenants')
ORDER BY "type" ASC, "schema" ASC, "name" ASC
--> public|tenants|VIEW|t|
--> public|usage|VIEW|t|

-- What the user may do with them.
WITH "table_privileges" AS (
  SELECT NULL AS "role", t.schemaname AS "schema", t.objectname AS "table",
    pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"."' || replace(t.objectname, '"', '""') || '"', 'update') AS "update",
    pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"."' || replace(t.objectname, '"', '""') || '"', 'select') AS "select",
    pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"."' || replace(t.objectname, '"', '""') || '"', 'insert') AS "insert",
    pg_catalog.has_table_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"."' || replace(t.objectname, '"', '""') || '"', 'delete') AS "delete"
  FROM (
    SELECT schemaname, tablename AS objectname FROM pg_catalog.pg_tables
    UNION SELECT schemaname, viewname AS objectname FROM pg_catalog.pg_views
    UNION SELECT schemaname, matviewname AS objectname FROM pg_catalog.pg_matviews
  ) t
  WHERE t.schemaname !~ '^pg_' AND t.schemaname <> 'information_schema'
    AND pg_catalog.has_schema_privilege(current_user, t.schemaname, 'usage')
)
SELECT t."schema", t."table", t."select", t."update", t."insert", t."delete" FROM "table_privileges" t
WHERE (t."select" OR t."update" OR t."insert" OR t."delete") AND t."table" IN ('usage', 'tenants') ORDER BY 2
--> public|tenants|t|f|f|f
--> public|usage|t|f|f|f

-- Columns of materialized views, which information_schema does not tell.
SELECT "pa"."attname" AS "name",
  CASE WHEN "ptn"."nspname" IN ('public', 'pg_catalog') THEN format('%s', "pt"."typname")
    ELSE format('"%s"."%s"', "ptn"."nspname", "pt"."typname") END AS "database-type",
  "pa"."attnum" - 1 AS "database-position", "pn"."nspname" AS "table-schema", "pc"."relname" AS "table-name", FALSE AS "pk?"
FROM "pg_catalog"."pg_class" AS "pc"
INNER JOIN "pg_catalog"."pg_namespace" AS "pn" ON "pn"."oid" = "pc"."relnamespace"
INNER JOIN "pg_catalog"."pg_attribute" AS "pa" ON "pa"."attrelid" = "pc"."oid"
INNER JOIN "pg_catalog"."pg_type" AS "pt" ON "pt"."oid" = "pa"."atttypid"
INNER JOIN "pg_catalog"."pg_namespace" AS "ptn" ON "ptn"."oid" = "pt"."typnamespace"
WHERE "pc"."relkind" = 'm' AND "pa"."attnum" >= 1 AND "pn"."nspname" IN ('public')
ORDER BY "table-schema" ASC, "table-name" ASC, "database-position" ASC

-- Foreign keys.
SELECT "fk_ns"."nspname" AS "fk-table-schema", "fk_table"."relname" AS "fk-table-name", "fk_column"."attname" AS "fk-column-name",
  "pk_ns"."nspname" AS "pk-table-schema", "pk_table"."relname" AS "pk-table-name", "pk_column"."attname" AS "pk-column-name"
FROM "pg_constraint" AS "c"
INNER JOIN "pg_class" AS "fk_table" ON "c"."conrelid" = "fk_table"."oid"
INNER JOIN "pg_namespace" AS "fk_ns" ON "c"."connamespace" = "fk_ns"."oid"
INNER JOIN "pg_attribute" AS "fk_column" ON "c"."conrelid" = "fk_column"."attrelid"
INNER JOIN "pg_class" AS "pk_table" ON "c"."confrelid" = "pk_table"."oid"
INNER JOIN "pg_namespace" AS "pk_ns" ON "pk_table"."relnamespace" = "pk_ns"."oid"
INNER JOIN "pg_attribute" AS "pk_column" ON "c"."confrelid" = "pk_column"."attrelid"
WHERE "fk_ns"."nspname" !~ '^information_schema|catalog_history|pg_' AND "c"."contype" = 'f'::char
  AND "fk_column"."attnum" = ANY(c.conkey) AND "pk_column"."attnum" = ANY(c.confkey)
ORDER BY "fk-table-schema" ASC, "fk-table-name" ASC

-- Indexes.
SELECT "tmp"."table-schema", "tmp"."table-name",
  TRIM(BOTH '"' FROM pg_catalog.pg_get_indexdef(tmp.ci_oid, tmp.pos, false)) AS "field-name"
FROM (
  SELECT "n"."nspname" AS "table-schema", "ct"."relname" AS "table-name", "ci"."oid" AS "ci_oid",
    (information_schema._pg_expandarray("i"."indkey"))."n" AS "pos"
  FROM "pg_catalog"."pg_class" AS "ct"
  INNER JOIN "pg_catalog"."pg_namespace" AS "n" ON "ct"."relnamespace" = "n"."oid"
  INNER JOIN "pg_catalog"."pg_index" AS "i" ON "ct"."oid" = "i"."indrelid"
  INNER JOIN "pg_catalog"."pg_class" AS "ci" ON "ci"."oid" = "i"."indexrelid"
  WHERE (pg_catalog.pg_get_expr("i"."indpred", "i"."indrelid") IS NULL)
    AND "n"."nspname" !~ '^information_schema|catalog_history|pg_'
) AS "tmp"
WHERE "tmp"."pos" = 1

-- Types that are enumerations.
SELECT nspname, typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.oid IN (SELECT DISTINCT enumtypid FROM pg_enum e)

-- The first rows of a table, for its fingerprint.
SELECT "public"."usage"."tenant" AS "tenant", SUBSTRING("public"."usage"."meter", 1, 1234) AS "substring1",
  "public"."usage"."value" AS "value" FROM "public"."usage" ORDER BY "public"."usage"."value" DESC LIMIT 2
--> globex|tokens|100.000000000
--> acme|tokens|60.000000000

-- A question: sums by day.
SELECT CAST(DATE_TRUNC('day', "public"."usage"."window_start") AS date) AS "window_start", SUM("public"."usage"."value") AS "sum"
FROM "public"."usage" WHERE "public"."usage"."meter" = 'tokens'
GROUP BY CAST(DATE_TRUNC('day', "public"."usage"."window_start") AS date)
ORDER BY CAST(DATE_TRUNC('day', "public"."usage"."window_start") AS date) ASC
--> 2026-11-23|1930.000000000

-- By week, which begins on Sunday.
SELECT CAST((CAST(DATE_TRUNC('week', ("public"."usage"."window_start" + INTERVAL '1 day')) AS timestamp) + INTERVAL '-1 day') AS date) AS "window_start",
  COUNT(*) AS "count"
FROM "public"."usage"
GROUP BY CAST((CAST(DATE_TRUNC('week', ("public"."usage"."window_start" + INTERVAL '1 day')) AS timestamp) + INTERVAL '-1 day') AS date)
ORDER BY "window_start" ASC
--> 2026-11-22|61

-- By quarter and by hour of the day.
SELECT CAST(DATE_TRUNC('quarter', "public"."usage"."window_start") AS date) AS "window_start",
  CAST(extract(hour from "public"."usage"."window_start") AS integer) AS "hour", COUNT(DISTINCT "public"."usage"."tenant") AS "count"
FROM "public"."usage" GROUP BY 1, 2 ORDER BY 1 ASC, 2 ASC
--> 2026-10-01|11|2

-- A question over a question, with bins.
SELECT "source"."value" AS "value", COUNT(*) AS "count"
FROM (
  SELECT FLOOR(("public"."usage"."value" / 50.0)) * 50.0 AS "value", "public"."usage"."tenant" AS "tenant" FROM "public"."usage"
) AS "source"
GROUP BY "source"."value" ORDER BY "source"."value" ASC
--> 0.0|49
--> 50.0|11
--> 100.0|1

-- The last thirty days as seen from a day.
SELECT COUNT(*) AS "count" FROM "public"."usage"
WHERE ("public"."usage"."window_start" >= DATE_TRUNC('day', (timestamptz '2026-11-24 10:00:00Z' + (INTERVAL '-30 day'))))
  AND ("public"."usage"."window_start" < DATE_TRUNC('day', timestamptz '2026-11-24 10:00:00Z'))
--> 61

-- A filter for text that does not look at case.
SELECT COUNT(*) AS "count" FROM "public"."meter_tokens"
WHERE (LOWER("public"."meter_tokens"."model") LIKE '%mal%') AND ("public"."meter_tokens"."tenant" <> 'acme' OR "public"."meter_tokens"."tenant" IS NULL)
--> 1

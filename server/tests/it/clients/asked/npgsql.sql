-- Npgsql looks at the server it is connected to.
SELECT version() LIKE 'PostgreSQL 1%'
--> t

-- It loads types by the functions that read them, and takes a type that is read as an array for one.
SELECT ns.nspname, typ.typname, typ.typtype, elem.typname AS elemname
FROM (
  SELECT t.oid, t.typnamespace, t.typname, t.typrelid, cls.relkind, t.typnotnull,
    CASE WHEN proc.proname = 'array_recv' THEN 'a' ELSE t.typtype END AS typtype,
    CASE WHEN proc.proname = 'array_recv' THEN t.typelem WHEN t.typtype = 'r' THEN rng.rngsubtype WHEN t.typtype = 'd' THEN t.typbasetype END AS elemtypoid
  FROM pg_type AS t
  LEFT JOIN pg_class AS cls ON (cls.oid = t.typrelid)
  LEFT JOIN pg_proc AS proc ON proc.oid = t.typreceive
  LEFT JOIN pg_range AS rng ON (rng.rngtypid = t.oid)
) AS typ
LEFT JOIN pg_type AS elem ON elem.oid = typ.elemtypoid
JOIN pg_namespace AS ns ON (ns.oid = typ.typnamespace)
WHERE typ.typtype IN ('a', 'b', 'r') AND typ.typname IN ('_numeric', 'bool', 'numeric', 'timestamptz', 'int4range')
ORDER BY typ.typname
--> pg_catalog|_numeric|a|numeric
--> pg_catalog|bool|b|
--> pg_catalog|int4range|r|int4
--> pg_catalog|numeric|b|
--> pg_catalog|timestamptz|b|

-- Composite types with their fields, and enumerations with their labels: there are none.
SELECT typ.oid, att.attname, att.atttypid
FROM pg_type AS typ
JOIN pg_namespace AS ns ON (ns.oid = typ.typnamespace)
JOIN pg_class AS cls ON (cls.oid = typ.typrelid)
JOIN pg_attribute AS att ON (att.attrelid = typ.typrelid)
WHERE (typ.typtype = 'c' AND cls.relkind = 'c') AND att.attnum > 0 AND NOT att.attisdropped
ORDER BY typ.oid, att.attnum

SELECT typ.oid, enumlabel FROM pg_enum JOIN pg_type AS typ ON typ.oid = enumtypid ORDER BY oid, enumsortorder

-- Power BI, which comes by it, looks for text that is not UTF-8, for tables, columns and what refers to what.
SELECT CHARACTER_SET_NAME FROM INFORMATION_SCHEMA.CHARACTER_SETS
--> UTF8

SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM INFORMATION_SCHEMA.TABLES
WHERE TABLE_SCHEMA NOT IN ('information_schema', 'pg_catalog') AND TABLE_NAME IN ('usage', 'tenants')
ORDER BY TABLE_SCHEMA, TABLE_NAME
--> public|tenants|VIEW
--> public|usage|VIEW

SELECT COLUMN_NAME, ORDINAL_POSITION, IS_NULLABLE,
  CASE WHEN (DATA_TYPE LIKE '%unsigned%') THEN DATA_TYPE || ' unsigned' ELSE DATA_TYPE END AS DATA_TYPE
FROM INFORMATION_SCHEMA.COLUMNS
WHERE TABLE_SCHEMA = 'public' AND TABLE_NAME = 'usage' AND COLUMN_NAME IN ('tenant', 'value')
ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION
--> tenant|1|NO|text
--> value|6|YES|numeric

SELECT pkcol.COLUMN_NAME AS PK_COLUMN_NAME, fkcol.TABLE_SCHEMA AS FK_TABLE_SCHEMA, fkcol.TABLE_NAME AS FK_TABLE_NAME,
  fkcol.COLUMN_NAME AS FK_COLUMN_NAME, fkcol.ORDINAL_POSITION AS ORDINAL, fkcon.CONSTRAINT_NAME AS FK_NAME
FROM (SELECT DISTINCT constraint_catalog, constraint_schema, unique_constraint_schema, constraint_name, unique_constraint_name
  FROM INFORMATION_SCHEMA.REFERENTIAL_CONSTRAINTS) fkcon
INNER JOIN INFORMATION_SCHEMA.KEY_COLUMN_USAGE fkcol
  ON fkcon.CONSTRAINT_SCHEMA = fkcol.CONSTRAINT_SCHEMA AND fkcon.CONSTRAINT_NAME = fkcol.CONSTRAINT_NAME
INNER JOIN INFORMATION_SCHEMA.KEY_COLUMN_USAGE pkcol
  ON fkcon.UNIQUE_CONSTRAINT_SCHEMA = pkcol.CONSTRAINT_SCHEMA AND fkcon.UNIQUE_CONSTRAINT_NAME = pkcol.CONSTRAINT_NAME
WHERE pkcol.TABLE_SCHEMA = 'public' AND pkcol.TABLE_NAME = 'usage' AND pkcol.ORDINAL_POSITION = fkcol.ORDINAL_POSITION
ORDER BY FK_NAME, fkcol.ORDINAL_POSITION

SELECT i.CONSTRAINT_SCHEMA || '_' || i.CONSTRAINT_NAME AS INDEX_NAME, ii.COLUMN_NAME, ii.ORDINAL_POSITION,
  CASE WHEN i.CONSTRAINT_TYPE = 'PRIMARY KEY' THEN 'Y' ELSE 'N' END AS PRIMARY_KEY
FROM INFORMATION_SCHEMA.table_constraints i
INNER JOIN INFORMATION_SCHEMA.key_column_usage ii
  ON i.CONSTRAINT_SCHEMA = ii.CONSTRAINT_SCHEMA AND i.CONSTRAINT_NAME = ii.CONSTRAINT_NAME
    AND i.TABLE_SCHEMA = ii.TABLE_SCHEMA AND i.TABLE_NAME = ii.TABLE_NAME
WHERE i.TABLE_SCHEMA = 'public' AND i.TABLE_NAME = 'usage' AND i.CONSTRAINT_TYPE IN ('PRIMARY KEY', 'UNIQUE')
ORDER BY i.CONSTRAINT_TYPE, i.CONSTRAINT_SCHEMA, ii.TABLE_SCHEMA, ii.TABLE_NAME, ii.ORDINAL_POSITION

-- A preview folds into one statement.
SELECT "$Table"."tenant" AS "tenant", "$Table"."value" AS "value"
FROM "public"."usage" "$Table" WHERE "$Table"."value" >= 60 ORDER BY "$Table"."value" LIMIT 1000
--> acme|60.000000000
--> globex|100.000000000

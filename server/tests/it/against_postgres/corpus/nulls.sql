-- NULL in logic, comparison, order and aggregates.
SELECT NULL
SELECT NULL = NULL
SELECT NULL <> NULL
SELECT NULL IS NULL
SELECT NULL IS NOT NULL
SELECT 1 = NULL
SELECT NULL AND true
SELECT NULL AND false
SELECT NULL OR true
SELECT NULL OR false
SELECT NOT NULL
SELECT true AND NULL IS NULL
SELECT (NULL = 1) IS NULL
SELECT NULL IS DISTINCT FROM NULL
SELECT 1 IS DISTINCT FROM NULL
SELECT 1 IS NOT DISTINCT FROM 1
SELECT NULL IS NOT DISTINCT FROM NULL
SELECT true IS TRUE
SELECT NULL IS TRUE
SELECT false IS NOT TRUE
SELECT NULL IS UNKNOWN
SELECT true IS NOT UNKNOWN
SELECT NULL IS FALSE
SELECT NULL IS NOT FALSE
SELECT 1 IN (1, NULL)
SELECT 2 IN (1, NULL)
SELECT 2 NOT IN (1, NULL)
SELECT NULL IN (1, 2)
SELECT NULL NOT IN (1)
SELECT NULL + 1
SELECT NULL || 'a'
SELECT NULL * 0
SELECT -NULL::int
SELECT NULL > 1
SELECT NULL BETWEEN 1 AND 2
SELECT 1 BETWEEN NULL AND 0
SELECT 1 BETWEEN NULL AND 2
SELECT NULL ISNULL
SELECT 1 NOTNULL
SELECT count(NULL), count(*), count(1) FROM tenants
SELECT sum(NULL::int), avg(NULL::numeric), max(NULL::text), min(NULL::int) FROM tenants
SELECT sum(x), avg(x), min(x), max(x), count(x), count(*) FROM (VALUES (1), (NULL), (3)) AS t(x)
SELECT sum(x), count(x) FROM (VALUES (NULL::int), (NULL)) AS t(x)
SELECT sum(x), count(x), max(x), array_agg(x), string_agg(x::text, ',') FROM (SELECT 1 AS x WHERE false) t
SELECT count(*) FROM events WHERE subject = NULL
SELECT count(*) FROM events WHERE subject IS NULL
SELECT count(*) FROM events WHERE subject <> 'user-1'
SELECT count(*) FROM events WHERE subject IS DISTINCT FROM 'user-1'
SELECT count(*) FROM events WHERE NOT (subject = 'user-1')
SELECT count(*) FROM events WHERE subject NOT IN ('user-1', 'a_b')
SELECT count(*) FROM events WHERE subject NOT IN ('user-1', NULL)
SELECT count(*) FROM events WHERE subject IN ('user-1', NULL)
SELECT count(*) FROM events WHERE subject NOT IN (SELECT subject FROM events WHERE type = 'login')
SELECT count(*) FROM events WHERE (subject LIKE 'user%') IS UNKNOWN
SELECT count(*) FROM events WHERE (subject LIKE 'user%') IS NOT TRUE
SELECT count(subject), count(DISTINCT subject), count(*) FROM events
SELECT subject, count(*) FROM events GROUP BY subject ORDER BY subject
SELECT subject, count(*) FROM events GROUP BY subject ORDER BY subject DESC
SELECT subject, count(*) FROM events GROUP BY subject ORDER BY subject NULLS FIRST
SELECT subject, count(*) FROM events GROUP BY subject ORDER BY subject DESC NULLS LAST
SELECT DISTINCT subject FROM events ORDER BY 1
SELECT DISTINCT subject FROM events ORDER BY subject DESC LIMIT 3
SELECT x FROM (VALUES (2), (NULL), (1)) AS t(x) ORDER BY x
SELECT x FROM (VALUES (2), (NULL), (1)) AS t(x) ORDER BY x DESC
SELECT x FROM (VALUES (2), (NULL), (1)) AS t(x) ORDER BY x ASC NULLS FIRST
SELECT x FROM (VALUES (2), (NULL), (1)) AS t(x) ORDER BY -x
SELECT x FROM (VALUES ('b'), (NULL), ('a')) AS t(x) ORDER BY x DESC
SELECT x FROM (VALUES (true), (NULL), (false)) AS t(x) ORDER BY x
SELECT x FROM (VALUES (1.5::float8), ('NaN'), (NULL), ('-Infinity')) AS t(x) ORDER BY x
SELECT x, y FROM (VALUES (1, NULL), (NULL, 2), (NULL, NULL), (1, 1)) AS t(x, y) ORDER BY x, y
SELECT x, y FROM (VALUES (1, NULL), (NULL, 2), (NULL, NULL), (1, 1)) AS t(x, y) ORDER BY x DESC, y ASC
SELECT array_agg(x ORDER BY x), array_agg(x ORDER BY x DESC) FROM (VALUES (2), (NULL), (1)) AS t(x)
SELECT first_value(x) OVER (ORDER BY x), last_value(x) OVER (ORDER BY x) FROM (VALUES (2), (NULL), (1)) AS t(x) ORDER BY x
SELECT rank() OVER (ORDER BY x DESC), x FROM (VALUES (2), (NULL), (1)) AS t(x) ORDER BY x
SELECT a.x, b.x FROM (VALUES (1), (NULL)) AS a(x) JOIN (VALUES (1), (NULL)) AS b(x) ON a.x = b.x
SELECT a.x, b.x FROM (VALUES (1), (NULL)) AS a(x) LEFT JOIN (VALUES (1), (NULL)) AS b(x) ON a.x = b.x ORDER BY 1
SELECT a.x, b.x FROM (VALUES (1), (NULL)) AS a(x) JOIN (VALUES (1), (NULL)) AS b(x) ON a.x IS NOT DISTINCT FROM b.x ORDER BY 1
SELECT (1, NULL) = (1, 2)
SELECT (1, NULL) = (2, NULL)
SELECT (1, 2) = (1, 2)
SELECT (1, 2) < (1, 3)
SELECT ROW(1, NULL) IS NULL
SELECT ROW(NULL, NULL) IS NULL
SELECT ROW(1, 2) IS NOT NULL
SELECT EXISTS (SELECT NULL)
SELECT EXISTS (SELECT 1 WHERE false)
SELECT (SELECT 1 WHERE false)
SELECT (SELECT NULL::int)
SELECT bool_and(x), bool_or(x), every(x) FROM (VALUES (true), (NULL)) AS t(x)
SELECT bool_and(x), bool_or(x) FROM (VALUES (NULL::bool)) AS t(x)
SELECT max(subject), min(plan) FROM events, tenants WHERE false
SELECT plan IS NULL, erased IS FALSE, NOT erased FROM tenants ORDER BY tenant
SELECT sum(value) FROM usage WHERE value IS NULL
SELECT count(*) FROM meter_tokens WHERE region IS NULL
SELECT region, sum(value) FROM meter_tokens GROUP BY region ORDER BY region
SELECT region, model, sum(value) FROM meter_tokens GROUP BY 1, 2 ORDER BY 1 NULLS FIRST, 2 DESC
SELECT NULL::text UNION SELECT NULL UNION ALL SELECT NULL
SELECT DISTINCT x FROM (VALUES (NULL), (1), (NULL)) AS t(x) ORDER BY x
SELECT x, count(*) FROM (VALUES (NULL), (1), (NULL)) AS t(x) GROUP BY x ORDER BY x
SELECT num_nulls(1, NULL, 2)
SELECT num_nonnulls(1, NULL, 2)
SELECT string_agg(subject, ',' ORDER BY subject) FROM (SELECT DISTINCT subject FROM events) t
SELECT concat(NULL, 'a')
SELECT greatest(NULL, 1)
SELECT coalesce(NULL, NULL, 3)
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM (VALUES (1), (NULL), (2)) AS t(x)
SELECT lag(x) OVER (ORDER BY x), lead(x) OVER (ORDER BY x) FROM (VALUES (1), (2), (NULL)) AS t(x) ORDER BY x
SELECT NULL::int = ANY (ARRAY[1, 2])
SELECT 1 = ANY (ARRAY[NULL, 2])
SELECT 1 = ANY (ARRAY[1, NULL])
SELECT 1 <> ALL (ARRAY[2, NULL])
SELECT 1 WHERE NULL
SELECT 1 WHERE NOT (NULL = 1)

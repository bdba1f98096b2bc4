-- Subqueries, LATERAL, ANY and ALL, common table expressions.
SELECT (SELECT 1)
SELECT (SELECT max(value) FROM usage)
SELECT (SELECT tenant FROM tenants WHERE false)
SELECT (SELECT count(*) FROM events) * 2
SELECT (SELECT 1 UNION ALL SELECT 2)
SELECT (SELECT 1, 2)
SELECT tenant, (SELECT count(*) FROM events e WHERE e.tenant = t.tenant) FROM tenants t ORDER BY tenant
SELECT tenant, (SELECT max(time) FROM events e WHERE e.tenant = t.tenant) AS last FROM tenants t ORDER BY tenant
SELECT tenant, (SELECT sum(value) FROM usage u WHERE u.tenant = t.tenant AND u.meter = 'tokens') FROM tenants t ORDER BY tenant
SELECT tenant, (SELECT id FROM events e WHERE e.tenant = t.tenant ORDER BY time DESC LIMIT 1) FROM tenants t ORDER BY tenant
SELECT tenant, (SELECT count(*) FROM quotas q WHERE q.tenant = t.tenant) AS quotas FROM tenants t ORDER BY tenant
SELECT tenant, coalesce((SELECT max("limit") FROM quotas q WHERE q.tenant = t.tenant), 0) FROM tenants t ORDER BY tenant
SELECT id FROM events WHERE value IS NULL
SELECT tenant, value FROM usage_total WHERE value > (SELECT avg(value) FROM usage_total) ORDER BY value, tenant
SELECT tenant, meter, value FROM usage_total u WHERE value = (SELECT max(value) FROM usage_total v WHERE v.meter = u.meter) ORDER BY 1, 2
SELECT tenant FROM tenants WHERE tenant IN (SELECT tenant FROM quotas) ORDER BY 1
SELECT tenant FROM tenants WHERE tenant NOT IN (SELECT tenant FROM quotas) ORDER BY 1
SELECT tenant FROM tenants t WHERE EXISTS (SELECT 1 FROM events e WHERE e.tenant = t.tenant AND late) ORDER BY 1
SELECT tenant FROM tenants t WHERE NOT EXISTS (SELECT 1 FROM quotas q WHERE q.tenant = t.tenant) ORDER BY 1
SELECT tenant, EXISTS (SELECT 1 FROM quotas q WHERE q.tenant = t.tenant) AS limited FROM tenants t ORDER BY 1
SELECT EXISTS (SELECT 1 FROM events)
SELECT NOT EXISTS (SELECT 1 FROM events WHERE false)
SELECT 1 = ANY (SELECT 1)
SELECT 3 > ALL (SELECT revision FROM events WHERE revision < 3)
SELECT 1 <> ALL (SELECT 2)
SELECT tenant FROM tenants WHERE tenant = ANY (SELECT tenant FROM quotas) ORDER BY 1
SELECT tenant FROM tenants WHERE tenant <> ALL (SELECT tenant FROM quotas) ORDER BY 1
SELECT tenant, value FROM usage_total WHERE value >= ALL (SELECT value FROM usage_total) ORDER BY 1
SELECT tenant, value FROM usage_total WHERE value > ANY (SELECT value FROM usage_total) ORDER BY 2, 1
SELECT tenant FROM tenants WHERE tenant = ANY (ARRAY['acme', 'globex']) ORDER BY 1
SELECT tenant FROM tenants WHERE tenant <> ALL (ARRAY['acme', 'globex']) ORDER BY 1
SELECT id FROM events WHERE (tenant, type) IN (('acme', 'login'), ('globex', 'call')) ORDER BY id LIMIT 5
SELECT id FROM events WHERE (tenant, time) IN (SELECT tenant, max(time) FROM events GROUP BY tenant) ORDER BY id
SELECT * FROM (SELECT tenant, count(*) AS n FROM events GROUP BY tenant) t WHERE n > 45 ORDER BY tenant
SELECT avg(n) FROM (SELECT count(*) AS n FROM events GROUP BY tenant) t
SELECT max(n), min(n) FROM (SELECT date_trunc('day', time) AS day, count(*) AS n FROM events GROUP BY 1) t
SELECT t.tenant, l.id FROM tenants t, LATERAL (SELECT id FROM events e WHERE e.tenant = t.tenant ORDER BY time DESC LIMIT 2) l ORDER BY 1, 2
SELECT t.tenant, l.n FROM tenants t CROSS JOIN LATERAL (SELECT count(*) AS n FROM events e WHERE e.tenant = t.tenant) l ORDER BY 1
SELECT t.tenant, l.n FROM tenants t LEFT JOIN LATERAL (SELECT sum("limit") AS n FROM quotas q WHERE q.tenant = t.tenant) l ON true ORDER BY 1
SELECT x, y FROM (VALUES (1), (2)) AS t(x), LATERAL (SELECT x * 2 AS y) l ORDER BY 1
SELECT x, y FROM (VALUES (2), (3)) AS t(x), LATERAL generate_series(1, x) AS g(y) ORDER BY 1, 2
SELECT x, y FROM (VALUES (2), (3)) AS t(x), generate_series(1, x) AS y ORDER BY 1, 2
WITH n AS (SELECT tenant, count(*) AS c FROM events GROUP BY tenant) SELECT * FROM n ORDER BY tenant
WITH n AS (SELECT tenant, count(*) AS c FROM events GROUP BY tenant) SELECT a.tenant, b.tenant FROM n a JOIN n b ON a.c = b.c AND a.tenant < b.tenant ORDER BY 1, 2
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS x FROM a) SELECT * FROM b
WITH a(x, y) AS (SELECT 1, 2) SELECT x, y FROM a
WITH a AS (SELECT 1 AS x) SELECT (SELECT x FROM a) + 1
WITH a AS MATERIALIZED (SELECT 1 AS x) SELECT x FROM a
WITH a AS (VALUES (1, 'a'), (2, 'b')) SELECT * FROM a ORDER BY 1
WITH a AS (SELECT 1 AS x UNION ALL SELECT 2.5) SELECT x, x * 2 FROM a ORDER BY x
WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5) SELECT x FROM n ORDER BY x
WITH RECURSIVE n AS (SELECT 1 AS x, 1 AS f UNION ALL SELECT x + 1, f * (x + 1) FROM n WHERE x < 6) SELECT * FROM n ORDER BY x
WITH RECURSIVE n(x) AS (SELECT 1 UNION SELECT (x + 1) % 3 FROM n) SELECT x FROM n ORDER BY x
WITH RECURSIVE f(a, b) AS (VALUES (0, 1) UNION ALL SELECT b, a + b FROM f WHERE b < 50) SELECT a FROM f ORDER BY a, b
WITH RECURSIVE d AS (SELECT date '2026-11-01' AS day UNION ALL SELECT (day + interval '1 day')::date FROM d WHERE day < '2026-11-05') SELECT day FROM d ORDER BY day
WITH RECURSIVE d(day) AS (SELECT date '2026-11-01' UNION ALL SELECT day + 1 FROM d WHERE day < date '2026-11-05') SELECT d.day, count(e.id) FROM d LEFT JOIN events e ON e.time::date = d.day GROUP BY 1 ORDER BY 1
WITH RECURSIVE t(n, s) AS (SELECT 1, 'a'::text UNION ALL SELECT n + 1, s || 'b' FROM t WHERE n < 3) SELECT * FROM t ORDER BY n
WITH RECURSIVE p(child, parent) AS (VALUES ('b', 'a'), ('c', 'b'), ('d', 'c')), up AS (SELECT child, parent FROM p WHERE child = 'd' UNION ALL SELECT p.child, p.parent FROM p JOIN up ON p.child = up.parent) SELECT * FROM up ORDER BY child
WITH monthly AS (SELECT tenant, date_trunc('month', window_start) AS m, sum(value) AS v FROM usage GROUP BY 1, 2) SELECT tenant, m, v, v - lag(v) OVER (PARTITION BY tenant ORDER BY m) AS change FROM monthly ORDER BY 1, 2
WITH ranked AS (SELECT *, row_number() OVER (PARTITION BY tenant ORDER BY value DESC, window_start, dimensions) AS n FROM usage) SELECT tenant, meter, value FROM ranked WHERE n = 1 ORDER BY tenant
SELECT * FROM (SELECT * FROM (SELECT 1 AS x) a) b
SELECT (SELECT x FROM (VALUES (1), (2)) AS t(x) ORDER BY x DESC LIMIT 1)
SELECT x FROM (SELECT 1) AS t(x)
SELECT ARRAY(SELECT tenant FROM tenants ORDER BY tenant)
SELECT ARRAY(SELECT tenant FROM tenants ORDER BY tenant DESC)
SELECT (SELECT string_agg(tenant, ',' ORDER BY tenant) FROM tenants)
SELECT (SELECT array_agg(x) FROM generate_series(1, 3) AS x)
SELECT count(*) FROM events WHERE revision > (SELECT avg(revision) FROM events)
SELECT type, count(*) * 100.0 / (SELECT count(*) FROM events) AS percent FROM events GROUP BY type ORDER BY type
SELECT tenant FROM tenants t WHERE (SELECT count(*) FROM events e WHERE e.tenant = t.tenant) > 45 ORDER BY 1
SELECT tenant FROM tenants t ORDER BY (SELECT count(*) FROM events e WHERE e.tenant = t.tenant) DESC, tenant
SELECT tenant, CASE WHEN EXISTS (SELECT 1 FROM quotas q WHERE q.tenant = t.tenant) THEN 'limited' ELSE 'free' END FROM tenants t ORDER BY 1
SELECT count(*) FROM tenants t WHERE 'tokens' IN (SELECT meter FROM quotas q WHERE q.tenant = t.tenant)
-- A total is one row, whatever is asked of it.
SELECT * FROM (SELECT 'x' AS a, count(*) AS n FROM tenants) t WHERE a = 'y'
SELECT * FROM (SELECT 'calls' AS kind, count(*) AS n FROM events WHERE type = 'call' UNION ALL SELECT 'logins', count(*) FROM events WHERE type = 'login') t WHERE kind = 'calls'
SELECT * FROM (SELECT 'x' AS a, tenant, count(*) AS n FROM events GROUP BY ROLLUP (tenant)) t WHERE a = 'y'
SELECT t.a FROM tenants JOIN (SELECT 'x' AS a, count(*) AS n FROM events) t ON t.a = 'y'
SELECT tenants.tenant, t.a FROM tenants LEFT JOIN (SELECT 'x' AS a, count(*) AS n FROM events) t ON t.a = 'y' ORDER BY tenants.tenant
SELECT * FROM (SELECT max(value) AS m, 'x' AS a FROM usage) t WHERE a = 'x' AND m > 0
-- Nulls among the rows of NOT IN.
SELECT count(*) FROM tenants WHERE tenant NOT IN (SELECT subject FROM events)
SELECT count(*) FROM tenants WHERE 'a' NOT IN (SELECT subject FROM events)
SELECT count(*) FROM tenants WHERE NOT (tenant IN (SELECT subject FROM events))
SELECT count(*) FROM tenants WHERE tenant NOT IN (SELECT subject FROM events) OR tenant = 'x'
SELECT count(*) FROM tenants WHERE tenant IN (SELECT subject FROM events) OR tenant = 'acme'
SELECT count(*) FROM tenants WHERE (plan IN (SELECT subject FROM events)) IS UNKNOWN
SELECT count(*) FROM tenants WHERE 'acme' NOT IN (SELECT tenant FROM events)
SELECT count(*) FROM tenants WHERE tenant NOT IN (SELECT tenant FROM quotas) OR tenant = 'acme'

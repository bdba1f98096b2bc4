-- Joins of all kinds.
SELECT e.id, t.status FROM events e JOIN tenants t ON e.tenant = t.tenant ORDER BY e.revision LIMIT 5
SELECT id, status FROM events JOIN tenants USING (tenant) ORDER BY revision LIMIT 5
SELECT tenant, id, status FROM events NATURAL JOIN tenants ORDER BY revision LIMIT 3
SELECT t.tenant, count(e.id) FROM tenants t LEFT JOIN events e ON e.tenant = t.tenant AND e.type = 'login' GROUP BY t.tenant ORDER BY 1
SELECT t.tenant, q."limit" FROM tenants t LEFT JOIN quotas q USING (tenant) ORDER BY t.tenant, q.meter, q.kind
SELECT tenant, q."limit" FROM tenants t LEFT JOIN quotas q USING (tenant) ORDER BY tenant, q.meter, q.kind
SELECT t.tenant FROM tenants t LEFT JOIN quotas q ON t.tenant = q.tenant WHERE q.tenant IS NULL ORDER BY 1
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS l(k, x) JOIN (VALUES (2, 'c'), (3, 'd')) AS r(k, y) USING (k)
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS l(k, x) LEFT JOIN (VALUES (2, 'c'), (3, 'd')) AS r(k, y) USING (k) ORDER BY k
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS l(k, x) RIGHT JOIN (VALUES (2, 'c'), (3, 'd')) AS r(k, y) USING (k) ORDER BY k
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS l(k, x) FULL JOIN (VALUES (2, 'c'), (3, 'd')) AS r(k, y) USING (k) ORDER BY k
SELECT k FROM (VALUES (1, 'a'), (2, 'b')) AS l(k, x) RIGHT JOIN (VALUES (2, 'c'), (3, 'd')) AS r(k, y) USING (k) ORDER BY k
SELECT k FROM (VALUES (1, 'a'), (2, 'b')) AS l(k, x) FULL JOIN (VALUES (2, 'c'), (3, 'd')) AS r(k, y) USING (k) ORDER BY k
SELECT k, x, y FROM (VALUES (1, 'a'), (2, 'b')) AS l(k, x) FULL OUTER JOIN (VALUES (2, 'c'), (3, 'd')) AS r(k, y) USING (k) ORDER BY k
SELECT l.k, r.k FROM (VALUES (1, 'a'), (2, 'b')) AS l(k, x) FULL JOIN (VALUES (2, 'c'), (3, 'd')) AS r(k, y) USING (k) ORDER BY 1, 2
SELECT l.k, r.k FROM (VALUES (1), (2)) AS l(k) FULL JOIN (VALUES (2), (3)) AS r(k) ON l.k = r.k ORDER BY 1, 2
SELECT k, count(*) FROM (VALUES (1), (2)) AS l(k) FULL JOIN (VALUES (2), (3)) AS r(k) USING (k) GROUP BY k ORDER BY k
SELECT k FROM (VALUES (1), (2)) AS l(k) FULL JOIN (VALUES (2), (3)) AS r(k) USING (k) WHERE k > 1 ORDER BY k
SELECT k FROM (VALUES (1), (2)) AS a(k) FULL JOIN (VALUES (2), (3)) AS b(k) USING (k) FULL JOIN (VALUES (3), (4)) AS c(k) USING (k) ORDER BY k
SELECT * FROM (VALUES (1, 2)) AS l(a, b) JOIN (VALUES (1, 2, 3)) AS r(a, b, c) USING (a, b)
SELECT * FROM (VALUES (1, 2)) AS l(b, a) JOIN (VALUES (2, 3)) AS r(a, c) USING (a)
SELECT * FROM (VALUES (1, 2)) AS l(a, b) NATURAL JOIN (VALUES (1, 5)) AS r(a, c)
SELECT * FROM (VALUES (1, 2)) AS l(a, b) NATURAL LEFT JOIN (VALUES (3, 5)) AS r(a, c)
SELECT * FROM (VALUES (1)) AS l(a) NATURAL FULL JOIN (VALUES (2)) AS r(a) ORDER BY a
SELECT l.*, r.* FROM (VALUES (1)) AS l(a) JOIN (VALUES (1)) AS r(a) ON l.a = r.a
SELECT * FROM (VALUES (1)) AS l(a) JOIN (VALUES (1)) AS r(a) ON l.a = r.a
SELECT * FROM (VALUES (1), (2)) AS l(a) CROSS JOIN (VALUES ('x'), ('y')) AS r(b) ORDER BY 1, 2
SELECT count(*) FROM tenants a, tenants b
SELECT count(*) FROM tenants a, tenants b WHERE a.tenant < b.tenant
SELECT a.tenant, b.tenant FROM tenants a JOIN tenants b ON a.tenant < b.tenant ORDER BY 1, 2
SELECT a.tenant, b.tenant FROM tenants a JOIN tenants b ON true ORDER BY 1, 2
SELECT a.x, b.y FROM (VALUES (1), (5)) AS a(x) LEFT JOIN (VALUES (2), (3)) AS b(y) ON a.x < b.y ORDER BY 1, 2
SELECT a.x, b.y FROM (VALUES (1), (5)) AS a(x) RIGHT JOIN (VALUES (0), (3)) AS b(y) ON a.x < b.y ORDER BY 1, 2
SELECT a.x, b.y FROM (VALUES (1), (5)) AS a(x) FULL JOIN (VALUES (0), (3)) AS b(y) ON a.x = b.y ORDER BY 1, 2
SELECT a.x, b.y FROM (VALUES (1)) AS a(x) LEFT JOIN (VALUES (1)) AS b(y) ON a.x = b.y AND b.y > 1
SELECT a.x, b.y FROM (VALUES (1)) AS a(x) LEFT JOIN (VALUES (1)) AS b(y) ON a.x = b.y WHERE b.y IS NULL
SELECT a.x FROM (VALUES (1::int)) AS a(x) JOIN (VALUES (1::bigint)) AS b(x) ON a.x = b.x
SELECT a.x FROM (VALUES (1)) AS a(x) JOIN (VALUES (1.0)) AS b(x) ON a.x = b.x
SELECT a.x FROM (VALUES (1)) AS a(x) JOIN (VALUES (1.0)) AS b(x) USING (x)
SELECT a.x FROM (VALUES ('1')) AS a(x) JOIN (VALUES (1)) AS b(x) ON a.x = b.x
SELECT a.x FROM (VALUES (date '2026-03-01')) AS a(x) JOIN (VALUES (timestamp '2026-03-01')) AS b(x) ON a.x = b.x
SELECT m.name, sum(u.value) FROM meters m JOIN usage u ON u.meter = m.name GROUP BY m.name ORDER BY 1
SELECT m.name, u.tenant, sum(u.value) FROM meters m LEFT JOIN usage u ON u.meter = m.name GROUP BY 1, 2 ORDER BY 1, 2
SELECT t.tenant, m.name, coalesce(sum(u.value), 0) FROM tenants t CROSS JOIN meters m LEFT JOIN usage u ON u.tenant = t.tenant AND u.meter = m.name GROUP BY 1, 2 ORDER BY 1, 2
SELECT t.tenant, u.value, q."limit", u.value > q."limit" AS over FROM tenants t JOIN usage_total u USING (tenant) LEFT JOIN quotas q USING (tenant, meter) ORDER BY tenant, u.meter, u.period_start
SELECT tenant, meter, value, "limit" FROM usage_total FULL JOIN quotas USING (tenant, meter) ORDER BY tenant, meter, value, "limit"
SELECT tenant, count(*) FROM usage_total RIGHT JOIN tenants USING (tenant) GROUP BY tenant ORDER BY tenant
SELECT e.id, f.id FROM events e JOIN events f ON f.revision = e.revision + 1 ORDER BY e.revision LIMIT 3
SELECT e.type, count(*) FROM events e JOIN (SELECT tenant, max(time) AS last FROM events GROUP BY tenant) l ON e.tenant = l.tenant AND e.time = l.last GROUP BY e.type ORDER BY 1
SELECT c.window_start, c.value, l.value FROM meter_calls c JOIN meter_latency l ON c.tenant = l.tenant AND c.window_start >= l.window_start AND c.window_start < l.window_end ORDER BY c.tenant, c.window_start LIMIT 10
SELECT tenant FROM events e JOIN tenants t ON e.tenant = t.tenant LIMIT 1
SELECT events.tenant, tenants.tenant FROM events JOIN tenants ON events.tenant = tenants.tenant ORDER BY events.revision LIMIT 2
SELECT e.* FROM tenants e JOIN quotas q ON q.tenant = e.tenant WHERE false
SELECT tenants.* FROM tenants ORDER BY tenant
SELECT count(*) FROM events e JOIN tenants t USING (tenant) WHERE t.status = 'active'
SELECT * FROM tenants t WHERE EXISTS (SELECT 1 FROM quotas q WHERE q.tenant = t.tenant) ORDER BY tenant
SELECT * FROM (tenants t JOIN quotas q USING (tenant)) ORDER BY tenant, meter, kind
SELECT j.a FROM ((VALUES (1)) AS x(a) JOIN (VALUES (1)) AS y(a) USING (a)) AS j
SELECT u.k FROM (VALUES (1)) AS x(k) JOIN (VALUES (1)) AS y(k) USING (k) AS u
SELECT nope.x FROM tenants

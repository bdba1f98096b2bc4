-- GROUP BY, HAVING, ROLLUP, CUBE, GROUPING SETS, DISTINCT, ORDER BY, LIMIT.
SELECT tenant, count(*) FROM events GROUP BY tenant ORDER BY tenant
SELECT tenant, type, count(*) FROM events GROUP BY tenant, type ORDER BY tenant, type
SELECT tenant, count(*) FROM events GROUP BY 1 ORDER BY 2 DESC, 1
SELECT tenant AS t, count(*) AS c FROM events GROUP BY t ORDER BY c DESC, t
SELECT count(*) AS c, tenant FROM events GROUP BY tenant HAVING count(*) > 45 ORDER BY c, tenant
SELECT tenant, sum(value) FROM usage GROUP BY tenant HAVING sum(value) > avg(value) * 10 ORDER BY sum(value) DESC
SELECT tenant FROM events GROUP BY tenant HAVING bool_or(late) ORDER BY tenant
SELECT count(*) FROM events HAVING count(*) > 10
SELECT count(*) FROM events HAVING count(*) > 10000
SELECT 1 FROM events HAVING true
SELECT tenant, type, count(*) FROM events GROUP BY ROLLUP (tenant, type) ORDER BY tenant, type
SELECT tenant, type, count(*) FROM events GROUP BY CUBE (tenant, type) ORDER BY tenant, type
SELECT tenant, type, count(*) FROM events GROUP BY GROUPING SETS ((tenant), (type), ()) ORDER BY tenant, type
SELECT tenant, type, grouping(tenant), grouping(type), count(*) FROM events GROUP BY ROLLUP (tenant, type) ORDER BY 3, 4, 1, 2
SELECT grouping(tenant, type) AS g, tenant, type, count(*) FROM events GROUP BY CUBE (tenant, type) ORDER BY g, tenant, type
SELECT coalesce(tenant, 'all') AS tenant, sum(value) FROM usage GROUP BY ROLLUP (tenant) ORDER BY 2, 1
SELECT CASE WHEN grouping(tenant) = 1 THEN 'all' ELSE tenant END AS who, count(*) FROM events GROUP BY ROLLUP (tenant) ORDER BY grouping(tenant), who
SELECT tenant, subject, count(*) FROM events GROUP BY ROLLUP (tenant, subject) HAVING count(*) > 10 ORDER BY tenant, subject, 3
SELECT tenant, ROUND(sum(value), 1) FROM usage GROUP BY GROUPING SETS ((tenant), ()) ORDER BY 1 NULLS LAST
SELECT tenant, meter, sum(value) FROM usage GROUP BY tenant, ROLLUP (meter) ORDER BY tenant, meter
SELECT date_trunc('month', time) AS m, type, count(*) FROM events GROUP BY ROLLUP (1, 2) ORDER BY 1, 2
SELECT DISTINCT tenant FROM events ORDER BY tenant
SELECT DISTINCT tenant, type FROM events ORDER BY tenant, type
SELECT DISTINCT ON (tenant) tenant, id FROM events ORDER BY tenant, time DESC
SELECT DISTINCT ON (tenant, type) tenant, type, id FROM events ORDER BY tenant, type, revision
SELECT DISTINCT ON (date_trunc('month', time)) id FROM events ORDER BY date_trunc('month', time), revision
SELECT DISTINCT length(subject) FROM events ORDER BY 1
SELECT DISTINCT value > 50 FROM usage ORDER BY 1
SELECT DISTINCT tenant FROM events ORDER BY time
SELECT count(*) FROM events GROUP BY tenant ORDER BY tenant
SELECT count(*) FROM events GROUP BY late, type ORDER BY 1
SELECT upper(tenant), count(*) FROM events GROUP BY upper(tenant) ORDER BY 1
SELECT upper(tenant) AS tenant, count(*) FROM events GROUP BY tenant ORDER BY tenant
SELECT tenant || '!' AS x FROM events GROUP BY tenant ORDER BY x DESC
SELECT length(subject) AS l, count(*) FROM events GROUP BY length(subject) HAVING length(subject) > 4 ORDER BY l
SELECT revision % 3 AS m, count(*), sum(revision) FROM events GROUP BY revision % 3 ORDER BY m
SELECT tenant, count(*) FROM events GROUP BY tenant, type ORDER BY tenant, 2
SELECT type, tenant FROM events GROUP BY tenant
SELECT * FROM tenants GROUP BY tenant
SELECT id FROM events ORDER BY time LIMIT 5
SELECT id FROM events ORDER BY time DESC LIMIT 5 OFFSET 3
SELECT id FROM events ORDER BY tenant, time DESC LIMIT 5
SELECT id FROM events ORDER BY 1 LIMIT 0
SELECT id FROM events ORDER BY 1 OFFSET 178
SELECT id FROM events ORDER BY 1 OFFSET 1000
SELECT id FROM events ORDER BY id FETCH FIRST 3 ROWS ONLY
SELECT id FROM events ORDER BY id OFFSET 2 ROWS FETCH NEXT 2 ROWS ONLY
SELECT revision % 10 AS d FROM events ORDER BY d FETCH FIRST 3 ROWS WITH TIES
SELECT id FROM events ORDER BY id LIMIT ALL
SELECT id FROM events ORDER BY id LIMIT NULL
SELECT id FROM events ORDER BY id LIMIT 2 + 1
SELECT id FROM events ORDER BY id LIMIT (SELECT 2)
SELECT id FROM events ORDER BY id LIMIT -1
SELECT tenant, value FROM usage_total ORDER BY value * -1, tenant
SELECT tenant, value AS v FROM usage_total ORDER BY v DESC, tenant
SELECT tenant FROM usage_total ORDER BY value DESC, meter, tenant
SELECT tenant, sum(value) FROM usage GROUP BY tenant ORDER BY max(revision)
SELECT id FROM events ORDER BY length(subject) DESC NULLS LAST, id LIMIT 5
SELECT id FROM events ORDER BY late DESC, id LIMIT 3
SELECT id FROM events ORDER BY 5
SELECT id FROM events ORDER BY nonexistent
SELECT tenant, id FROM events WHERE type = 'call' AND NOT late AND revision BETWEEN 10 AND 40 ORDER BY id
SELECT id FROM events WHERE (tenant = 'acme' OR tenant = 'globex') AND subject IS NOT NULL ORDER BY id LIMIT 5
SELECT id FROM events WHERE tenant <> 'acme' ORDER BY id LIMIT 3
SELECT id FROM events WHERE tenant IN ('acme') AND type NOT IN ('call', 'login') ORDER BY id LIMIT 3
SELECT tenant, meter, value FROM usage WHERE value > 95 ORDER BY value DESC, tenant, window_start, dimensions, meter
SELECT tenant, meter, value FROM usage WHERE value = 50 ORDER BY tenant, window_start
SELECT count(*) FROM events WHERE id
SELECT count(*) FROM events WHERE revision = '5'
SELECT TOP 5 id FROM events
SELECT tenant, count(*) FROM events GROUP BY ALL ORDER BY tenant
SELECT sum(count(*)) OVER () AS total, tenant, count(*) FROM events GROUP BY tenant ORDER BY tenant
SELECT VALUE FROM usage_total ORDER BY value, tenant LIMIT 1

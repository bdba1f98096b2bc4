-- Rows of series, and questions to subqueries.
SELECT * FROM generate_series(1, 3)
SELECT n FROM generate_series(1, 3) AS n
SELECT n FROM generate_series(1, 7, 3) AS t(n)
SELECT n FROM generate_series(3, 1, -1) AS n
SELECT n FROM generate_series(3, 1) AS n
SELECT generate_series(1, 3)
SELECT generate_series(1, 3) AS x ORDER BY x DESC
SELECT generate_series(1, 3, 0)
SELECT generate_series(1, NULL)
SELECT d FROM generate_series(timestamp '2026-03-01', timestamp '2026-03-03', '1 day') AS d
SELECT d FROM generate_series(timestamp '2026-01-31', timestamp '2026-05-31', interval '1 month') AS d
SELECT d FROM generate_series(timestamptz '2026-03-01 00:00+00', timestamptz '2026-03-02 00:00+00', interval '8 hours') AS d
SELECT d::date FROM generate_series(date '2026-03-01', date '2026-03-03', interval '1 day') AS d
SELECT d FROM generate_series(date '2026-03-01', date '2026-03-03', interval '1 day') AS g(d) ORDER BY d DESC
SELECT * FROM generate_series('2026-03-01'::date, '2026-03-02'::date, '12 hours'::interval)
SELECT d FROM generate_series(timestamp '2026-03-03', timestamp '2026-03-01', interval '-1 day') AS d
SELECT d FROM generate_series(timestamp '2026-03-01', timestamp '2026-03-03', interval '0') AS d
SELECT generate_series(timestamp '2026-03-01', timestamp '2026-03-02', interval '12 hours') AS d
SELECT d, count(e.id) FROM generate_series(timestamptz '2026-10-20 00:00+00', timestamptz '2026-10-24 00:00+00', interval '1 day') AS d LEFT JOIN events e ON date_trunc('day', e.time) = d GROUP BY d ORDER BY d
SELECT count(*) FROM generate_series((SELECT min(time) FROM events), (SELECT max(time) FROM events), interval '1 day') AS d
SELECT x FROM generate_series(1.5, 3.5) AS x
SELECT * FROM unnest(ARRAY['a', 'b'])
SELECT x FROM unnest(ARRAY['a', 'b']) AS x
SELECT x FROM unnest(ARRAY['a', 'b']) AS t(x)
SELECT tenant FROM tenants WHERE tenant = ANY (SELECT tenant FROM events) ORDER BY tenant
SELECT tenant FROM tenants WHERE tenant <> ALL (SELECT tenant FROM events WHERE type = 'login') ORDER BY tenant
SELECT count(*) FROM events WHERE (tenant, type) IN (SELECT tenant, type FROM events WHERE type = 'login')
SELECT count(*) FROM events WHERE (tenant, type) IN (SELECT 'acme', 'call')
SELECT count(*) FROM events WHERE (tenant, subject) IN (SELECT tenant, NULL FROM tenants)
SELECT count(*) FROM events WHERE (tenant, type) NOT IN (SELECT tenant, 'call' FROM tenants)
SELECT count(*) FROM events WHERE (tenant, type) IN (SELECT tenant FROM tenants)
SELECT EXISTS (SELECT 1 FROM events WHERE type = 'login')
SELECT EXISTS (SELECT 1 FROM events WHERE type = 'nothing') AS found
SELECT NOT EXISTS (SELECT * FROM events WHERE type = 'nothing')
SELECT tenant, EXISTS (SELECT 1 FROM quotas q WHERE q.tenant = t.tenant) AS limited FROM tenants t ORDER BY tenant
SELECT CASE WHEN EXISTS (SELECT 1 FROM events) THEN 'some' ELSE 'none' END AS told
SELECT * FROM current_schema()
SELECT count(*) > 0 FROM pg_show_all_settings()
SELECT pg_is_other_temp_schema(2200::oid)
SET TIME ZONE 'America/New_York'
SELECT d FROM generate_series(timestamptz '2026-03-07', timestamptz '2026-03-10', interval '1 day') AS d
SELECT d FROM generate_series(date '2026-03-07', date '2026-03-09', interval '1 day') AS d

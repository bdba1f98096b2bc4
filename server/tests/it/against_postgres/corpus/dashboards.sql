-- What dashboards and notebooks ask of usage, events and quotas.
SELECT tenant, sum(value) AS invocations FROM meter_calls GROUP BY tenant ORDER BY 2 DESC, tenant LIMIT 5
SELECT date_trunc('hour', window_start) AS "time", sum(value) AS value FROM meter_calls WHERE window_start BETWEEN '2026-10-20T00:00:00Z' AND '2026-10-22T00:00:00Z' GROUP BY 1 ORDER BY 1
SELECT window_start AS time, tenant AS metric, value FROM meter_calls WHERE window_start >= '2026-11-01T00:00:00Z' AND window_start < '2026-11-08T00:00:00Z' ORDER BY 1, 2
SELECT floor(extract(epoch FROM time) / 3600) * 3600 AS "time", count(*) FROM events WHERE time > '2026-11-20T00:00:00Z' GROUP BY 1 ORDER BY 1
SELECT (extract(epoch FROM time) / 86400)::bigint * 86400 AS t, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 5
SELECT (floor(extract(epoch FROM time) / 86400) * 86400)::bigint AS t, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 5
SELECT tenant, meter, value, "limit", round(100 * value / "limit", 1) AS percent FROM usage_total JOIN quotas USING (tenant, meter) ORDER BY tenant, meter, quotas.kind, usage_total.period_start
SELECT tenant, used, "limit", used > 0.8 * "limit" AS warn FROM quotas ORDER BY tenant, meter, kind
SELECT tenant FROM quotas WHERE used >= "limit" ORDER BY 1
SELECT tenant, meter, greatest("limit" - used, 0) AS remaining, remaining AS told FROM quotas ORDER BY tenant, meter, kind
SELECT tenant, model, sum(value) AS tokens, round(sum(value) * 0.002, 4) AS cost FROM meter_tokens GROUP BY tenant, model ORDER BY tenant, model
SELECT tenant, sum(CASE model WHEN 'small' THEN value * 0.0005 WHEN 'large' THEN value * 0.015 ELSE value * 0.0001 END) AS cost FROM meter_tokens GROUP BY tenant ORDER BY tenant
SELECT tenant, round(sum(value * CASE WHEN model = 'large' THEN 0.015 ELSE 0.0005 END), 2) AS cost FROM meter_tokens GROUP BY 1 ORDER BY 2 DESC, 1
SELECT tenant, round(sum(value) / 1000 * 0.02, 2) AS cost, round(sum(value) / 1000 * 0.02 * 1.19, 2) AS with_tax FROM meter_tokens GROUP BY tenant ORDER BY tenant
SELECT model, region, sum(value), count(*) FROM meter_tokens GROUP BY model, region ORDER BY model, region
SELECT coalesce(region, 'unknown') AS region, sum(value) FROM meter_tokens GROUP BY 1 ORDER BY 2 DESC, 1
SELECT model, sum(value) FILTER (WHERE tenant = 'acme') AS acme, sum(value) FILTER (WHERE tenant = 'globex') AS globex FROM meter_tokens GROUP BY model ORDER BY model
SELECT window_start::date AS day, sum(value) FILTER (WHERE model = 'small') AS small, sum(value) FILTER (WHERE model = 'large') AS large FROM meter_tokens GROUP BY 1 ORDER BY 1
SELECT day, total, sum(total) OVER (ORDER BY day) AS cumulative FROM (SELECT window_start::date AS day, sum(value) AS total FROM meter_tokens GROUP BY 1) t ORDER BY day
SELECT day, total, round(avg(total) OVER (ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW), 2) AS moving FROM (SELECT window_start::date AS day, sum(value) AS total FROM meter_tokens GROUP BY 1) t ORDER BY day
SELECT tenant, this, last, round(100.0 * (this - last) / nullif(last, 0), 1) AS growth FROM (SELECT tenant, sum(value) FILTER (WHERE window_start >= '2026-11-01') AS this, sum(value) FILTER (WHERE window_start < '2026-11-01') AS last FROM meter_tokens GROUP BY tenant) t ORDER BY tenant
SELECT to_char(window_start, 'YYYY-MM') AS month, tenant, sum(value) FROM usage WHERE meter = 'tokens' GROUP BY 1, 2 ORDER BY 1, 2
SELECT tenant, count(DISTINCT time::date) AS active_days FROM events GROUP BY tenant ORDER BY tenant
SELECT count(DISTINCT subject) AS users, time::date AS day FROM events WHERE type = 'login' GROUP BY 2 ORDER BY 2
SELECT date_trunc('week', time)::date AS week, count(DISTINCT tenant) AS tenants, count(*) AS events FROM events GROUP BY 1 ORDER BY 1
SELECT first::date AS cohort, count(*) FROM (SELECT subject, min(time) AS first FROM events WHERE subject IS NOT NULL GROUP BY subject) t GROUP BY 1 ORDER BY 1
SELECT tenant, max(time) AS last_seen, now() - max(time) > interval '30 days' AS gone FROM events GROUP BY tenant ORDER BY tenant
SELECT tenant, extract(day FROM timestamptz '2026-12-01 00:00+00' - max(time)) AS days_since FROM events GROUP BY tenant ORDER BY tenant
SELECT type, count(*) AS n, round(100.0 * count(*) / sum(count(*)) OVER (), 2) AS percent FROM events GROUP BY type ORDER BY n DESC, type
SELECT extract(hour FROM time)::int AS hour, extract(isodow FROM time)::int AS day, count(*) FROM events GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 20
SELECT width_bucket((data::json ->> 'latency_ms')::numeric, 0, 1000, 10) AS bucket, count(*) FROM events WHERE type = 'call' GROUP BY 1 ORDER BY 1
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY latency) AS p50, percentile_cont(0.99) WITHIN GROUP (ORDER BY latency) AS p99 FROM (SELECT (data::json ->> 'latency_ms')::float8 AS latency FROM events WHERE type = 'call') t
SELECT data::json ->> 'model' AS model, count(*), avg((data::json ->> 'tokens')::int), max((data::json ->> 'tokens')::int) FROM events WHERE type = 'call' GROUP BY 1 ORDER BY 1
SELECT count(*) FILTER (WHERE data::json ->> 'ok' = 'false') * 100.0 / count(*) AS error_rate FROM events WHERE type = 'call'
SELECT tenant, sum((data::json ->> 'bytes')::bigint) / 1024 / 1024 AS mb FROM events WHERE type = 'upload' GROUP BY 1 ORDER BY 1
SELECT tenant, round(sum((data::json ->> 'bytes')::numeric) / (1024 * 1024 * 1024), 3) AS gb FROM events WHERE type = 'upload' GROUP BY 1 ORDER BY 1
SELECT pg_size_pretty(sum((data::json ->> 'bytes')::bigint)::bigint) FROM events
SELECT t.tenant, t.status, coalesce(u.total, 0) AS total FROM tenants t LEFT JOIN (SELECT tenant, sum(value) AS total FROM usage_total GROUP BY tenant) u ON u.tenant = t.tenant ORDER BY total DESC, t.tenant
SELECT t.tenant, count(e.id) AS events, count(e.id) FILTER (WHERE e.late) AS late, max(e.time) AS last FROM tenants t LEFT JOIN events e USING (tenant) GROUP BY t.tenant ORDER BY 1
SELECT d::date AS day, t.tenant, coalesce(sum(m.value), 0) AS tokens FROM generate_series(timestamp '2026-11-01', timestamp '2026-11-03', interval '1 day') d CROSS JOIN tenants t LEFT JOIN meter_tokens m ON m.tenant = t.tenant AND m.window_start::date = d::date GROUP BY 1, 2 ORDER BY 1, 2
SELECT tenant, meter, sum(value) FROM usage WHERE final AND NOT removed GROUP BY 1, 2 ORDER BY 1, 2
SELECT count(*) AS rows, count(*) FILTER (WHERE correction) AS corrections, max(revision) AS newest FROM usage
SELECT tenant, meter, value FROM usage_total WHERE period_start = date_trunc('month', timestamptz '2026-11-15 00:00+00') ORDER BY 1, 2
SELECT tenant, period_start::date AS from_day, (period_end - interval '1 microsecond')::date AS to_day, value FROM usage_total ORDER BY tenant, meter, period_start
SELECT tenant, value - lag(value) OVER (PARTITION BY tenant, meter ORDER BY period_start) AS delta FROM usage_total ORDER BY tenant, meter, period_start
SELECT tenant, ntile(3) OVER (ORDER BY sum(value) DESC) AS tier FROM usage GROUP BY tenant ORDER BY tenant
SELECT tenant, sum(value) AS total, CASE WHEN sum(value) > 1000 THEN 'gold' WHEN sum(value) > 100 THEN 'silver' ELSE 'bronze' END AS tier FROM usage GROUP BY tenant ORDER BY tenant
SELECT tenant, sum(value) AS s FROM usage GROUP BY tenant HAVING sum(value) > (SELECT avg(s) FROM (SELECT sum(value) AS s FROM usage GROUP BY tenant) t) ORDER BY s DESC
SELECT a.tenant AS one, b.tenant AS other, abs(a.total - b.total) AS apart FROM (SELECT tenant, sum(value) AS total FROM usage GROUP BY tenant) a JOIN (SELECT tenant, sum(value) AS total FROM usage GROUP BY tenant) b ON a.tenant < b.tenant ORDER BY 3, 1
SELECT max(value) AS peak, (array_agg(window_start ORDER BY value DESC, window_start))[1] AS at FROM meter_calls
SELECT DISTINCT ON (tenant) tenant, window_start, value FROM meter_tokens ORDER BY tenant, value DESC, window_start, model
SELECT tenant, string_agg(DISTINCT meter, ', ' ORDER BY meter) AS meters FROM usage GROUP BY tenant ORDER BY tenant
SELECT tenant || ' (' || count(*) || ')' AS label FROM events GROUP BY tenant ORDER BY 1
SELECT time, id, type FROM events WHERE tenant = 'acme' AND time >= timestamptz '2026-11-10 00:00+00' ORDER BY time DESC LIMIT 10
SELECT * FROM events WHERE id = 'e-042'
SELECT id, data FROM events WHERE data LIKE '%"model":"large"%' ORDER BY id LIMIT 3
SELECT count(*) FROM events WHERE lower(subject) = 'user-2'
SELECT count(*) FROM usage WHERE value BETWEEN 10 AND 20.5
SELECT sum(value) FROM usage WHERE window_start >= date_trunc('month', timestamptz '2026-11-23 12:00+00') - interval '1 month' AND window_start < date_trunc('month', timestamptz '2026-11-23 12:00+00')
SELECT tenant, sum(value) * 1.0 / count(DISTINCT window_start::date) AS per_day FROM meter_calls GROUP BY tenant ORDER BY tenant
SELECT tenant, stddev_pop(value) / nullif(avg(value), 0) AS variation FROM meter_calls GROUP BY tenant ORDER BY tenant
SELECT name, event_type, aggregation, description FROM meters ORDER BY name
SELECT name FROM meters WHERE events > 0 AND coalesce(value_missing, 0) * 10 > events ORDER BY name
SELECT reason, field, sum(count) FROM rejections GROUP BY reason, field ORDER BY 1, 2
SELECT count(*), min(late_by_ms), max(late_by_ms / 1000) FROM late_events
SELECT meter, kind, count(*) FROM late_events GROUP BY 1, 2 ORDER BY 1, 2

-- Aggregates.
SELECT count(*), count(subject), count(DISTINCT subject), count(DISTINCT tenant) FROM events
SELECT sum(revision), avg(revision), min(revision), max(revision) FROM events
SELECT sum(value), avg(value), min(value), max(value) FROM usage
SELECT sum(1), sum(1.5), sum(1::bigint), sum(1::smallint), sum(1::float8), sum(1::float4) FROM tenants
SELECT avg(1), avg(1.5), avg(1::bigint), avg(2::float8), avg(2::smallint) FROM tenants
SELECT avg(x) FROM (VALUES (1), (2)) AS t(x)
SELECT avg(x) FROM (VALUES (1), (2), (2)) AS t(x)
SELECT avg(x) FROM (VALUES (1.0), (2.55)) AS t(x)
SELECT avg(x) FROM (VALUES (100000), (200001), (1)) AS t(x)
SELECT sum(x), avg(x) FROM (VALUES (1.5::float8), (2.25), (0.1)) AS t(x)
SELECT sum(x) FROM (VALUES (9223372036854775807), (1)) AS t(x)
SELECT sum(x) FROM (VALUES (2147483647), (1)) AS t(x)
SELECT min(x), max(x) FROM (VALUES ('b'), ('B'), ('a')) AS t(x)
SELECT min(x), max(x) FROM (VALUES (date '2026-03-01'), (date '2026-01-01')) AS t(x)
SELECT bool_and(late), bool_or(late), every(late) FROM events
SELECT min(late::int), max(late::int) FROM events
SELECT max(late) FROM events
SELECT stddev(value), variance(value) FROM usage
SELECT stddev_pop(value), stddev_samp(value), var_pop(value), var_samp(value) FROM usage
SELECT stddev(x), stddev_pop(x), variance(x) FROM (VALUES (1), (2), (4)) AS t(x)
SELECT stddev(x::float8), var_pop(x::float8) FROM (VALUES (1), (2), (4)) AS t(x)
SELECT stddev(x), stddev_pop(x) FROM (VALUES (1)) AS t(x)
SELECT round(stddev(value), 4) FROM usage
SELECT corr(value, revision), covar_pop(value, revision), covar_samp(value, revision) FROM usage
SELECT regr_slope(y, x), regr_intercept(y, x), regr_r2(y, x), regr_count(y, x), regr_avgx(y, x) FROM (VALUES (1.0, 2.0), (2, 4), (3, 7)) AS t(x, y)
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FROM usage
SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY value) FROM usage
SELECT percentile_cont(0) WITHIN GROUP (ORDER BY value), percentile_cont(1) WITHIN GROUP (ORDER BY value) FROM usage
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY value DESC) FROM usage
SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY x) FROM (VALUES (1), (2), (3), (10)) AS t(x)
SELECT percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY value) FROM usage
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY value) FROM usage
SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY revision) FROM events
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY subject) FROM events
SELECT percentile_cont(1.5) WITHIN GROUP (ORDER BY value) FROM usage
SELECT tenant, percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FROM usage GROUP BY tenant ORDER BY tenant
SELECT mode() WITHIN GROUP (ORDER BY type) FROM events
SELECT median(value) FROM usage
SELECT tenant, mode() WITHIN GROUP (ORDER BY type) FROM events GROUP BY tenant ORDER BY tenant
SELECT string_agg(tenant, ', ' ORDER BY tenant) FROM tenants
SELECT string_agg(tenant, ', ' ORDER BY tenant DESC) FROM tenants
SELECT string_agg(DISTINCT tenant, '|' ORDER BY tenant) FROM events
SELECT string_agg(subject, ',' ORDER BY revision) FROM events WHERE revision < 10
SELECT string_agg(id, ',' ORDER BY time DESC) FROM events WHERE id < 'e-005'
SELECT string_agg(revision::text, ',' ORDER BY id DESC) FROM events WHERE id < 'e-003'
SELECT string_agg(NULL, ',') FROM tenants
SELECT array_agg(tenant ORDER BY tenant) FROM tenants
SELECT array_agg(DISTINCT type ORDER BY type) FROM events
SELECT array_agg(DISTINCT type ORDER BY type DESC) FROM events
SELECT array_agg(value ORDER BY value DESC) FROM usage_total
SELECT array_agg(revision ORDER BY revision) FROM events WHERE id < 'e-004'
SELECT (array_agg(id ORDER BY time DESC))[1] FROM events
SELECT array_agg(x) FROM (VALUES (1), (NULL), (2)) AS t(x)
SELECT count(*) FILTER (WHERE late), sum(revision) FILTER (WHERE NOT late) FROM events
SELECT count(*) FILTER (WHERE type = 'call') AS calls, count(*) FILTER (WHERE type = 'login') AS logins FROM events
SELECT avg(value) FILTER (WHERE value > 50) FROM usage
SELECT max(value) FILTER (WHERE false) FROM usage
SELECT count(DISTINCT type) FILTER (WHERE late) FROM events
SELECT string_agg(type, ',' ORDER BY type) FILTER (WHERE late) FROM (SELECT DISTINCT type, late FROM events) t
SELECT sum(DISTINCT value), avg(DISTINCT value), count(DISTINCT value) FROM usage
SELECT sum(DISTINCT x) FROM (VALUES (1), (1), (2)) AS t(x)
SELECT count(DISTINCT (tenant, type)) FROM events
SELECT count(*) FROM (SELECT DISTINCT tenant, type FROM events) t
SELECT bit_and(x), bit_or(x), bit_xor(x) FROM (VALUES (5), (3)) AS t(x)
SELECT json_agg(tenant ORDER BY tenant) FROM tenants
SELECT json_object_agg(tenant, status ORDER BY tenant) FROM tenants
SELECT jsonb_agg(tenant ORDER BY tenant) FROM tenants
SELECT any_value(tenant) IS NOT NULL FROM tenants
SELECT sum(value) / count(*), sum(value) * 1.0 / count(DISTINCT tenant) FROM usage
SELECT sum(value * 2) + 1, sum(value) + sum(revision) FROM usage
SELECT max(length(subject)), min(length(subject)), avg(length(subject)) FROM events
SELECT sum(revision) > 100, max(value) = min(value) FROM usage
SELECT count(*) + 1, -count(*), count(*) * 2.5 FROM events
SELECT max(time), max(window_end), min(window_start) FROM events, (SELECT window_end, window_start FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 1) t
SELECT approx_count_distinct(tenant) FROM events
SELECT first_value(tenant) FROM tenants
SELECT sum(tenant) FROM tenants
SELECT avg(late) FROM events
SELECT max(count(*)) FROM events
SELECT sum(value) FROM usage WHERE sum(value) > 1
SELECT tenant, count(*) FROM events
SELECT sum(x::numeric(10,2)) FROM (VALUES (1.005), (2.005)) AS t(x)
SELECT avg(x::numeric(10,2)) FROM (VALUES (1.005), (2.005)) AS t(x)
SELECT max(x) - min(x) FROM (VALUES (1.50), (2.25)) AS t(x)
SELECT sum(used), avg("limit"), max(remaining) FROM quotas
SELECT tenant, sum(value) AS total, round(100 * sum(value) / (SELECT sum(value) FROM usage), 2) AS share FROM usage GROUP BY tenant ORDER BY tenant
SELECT sum(0), sum(NULL::numeric), count(NULL) FROM tenants

-- Window functions.
SELECT id, row_number() OVER (ORDER BY revision) FROM events ORDER BY revision LIMIT 5
SELECT tenant, id, row_number() OVER (PARTITION BY tenant ORDER BY revision) AS n FROM events ORDER BY tenant, n LIMIT 10
SELECT tenant, value, rank() OVER (ORDER BY value DESC), dense_rank() OVER (ORDER BY value DESC) FROM usage_total ORDER BY 3, 1
SELECT type, rank() OVER (ORDER BY type), dense_rank() OVER (ORDER BY type) FROM events ORDER BY revision LIMIT 10
SELECT tenant, percent_rank() OVER (ORDER BY tenant), cume_dist() OVER (ORDER BY tenant) FROM tenants ORDER BY tenant
SELECT id, ntile(4) OVER (ORDER BY revision) FROM events ORDER BY revision LIMIT 5
SELECT ntile(4) OVER (ORDER BY revision) AS q, count(*) FROM events GROUP BY revision ORDER BY revision LIMIT 3
SELECT id, lag(id) OVER (ORDER BY revision), lead(id) OVER (ORDER BY revision) FROM events ORDER BY revision LIMIT 5
SELECT id, lag(id, 2) OVER (ORDER BY revision), lag(id, 1, 'none') OVER (ORDER BY revision) FROM events ORDER BY revision LIMIT 5
SELECT tenant, value, value - lag(value) OVER (PARTITION BY tenant ORDER BY window_start) AS change FROM meter_latency ORDER BY tenant, window_start LIMIT 20
SELECT first_value(id) OVER (PARTITION BY tenant ORDER BY revision), last_value(id) OVER (PARTITION BY tenant ORDER BY revision) FROM events ORDER BY revision LIMIT 5
SELECT last_value(id) OVER (PARTITION BY tenant ORDER BY revision ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM events ORDER BY revision LIMIT 5
SELECT nth_value(id, 2) OVER (PARTITION BY tenant ORDER BY revision) FROM events ORDER BY revision LIMIT 8
SELECT sum(revision) OVER (ORDER BY revision) FROM events ORDER BY revision LIMIT 5
SELECT sum(value) OVER (PARTITION BY tenant ORDER BY window_start) FROM meter_calls ORDER BY tenant, window_start LIMIT 20
SELECT sum(value) OVER () , value FROM usage_total ORDER BY tenant, meter, period_start
SELECT value / sum(value) OVER (PARTITION BY meter) AS share FROM usage_total ORDER BY tenant, meter, period_start
SELECT round(100 * value / sum(value) OVER (), 2) AS percent FROM usage_total ORDER BY tenant, meter, period_start
SELECT avg(value) OVER (PARTITION BY tenant ORDER BY window_start ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM meter_calls ORDER BY tenant, window_start LIMIT 20
SELECT avg(revision) OVER (ORDER BY revision ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM events ORDER BY revision LIMIT 5
SELECT sum(revision) OVER (ORDER BY revision ROWS 2 PRECEDING) FROM events ORDER BY revision LIMIT 5
SELECT count(*) OVER (ORDER BY time RANGE BETWEEN interval '1 day' PRECEDING AND CURRENT ROW) FROM events ORDER BY time LIMIT 10
SELECT count(*) OVER (ORDER BY revision RANGE BETWEEN 5 PRECEDING AND CURRENT ROW) FROM events ORDER BY revision LIMIT 10
SELECT sum(revision) OVER (ORDER BY type GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM events ORDER BY revision LIMIT 5
SELECT sum(revision) OVER (ORDER BY type) FROM events ORDER BY revision LIMIT 5
SELECT count(*) OVER (PARTITION BY tenant, type) FROM events ORDER BY revision LIMIT 5
SELECT min(id) OVER w, max(id) OVER w, count(*) OVER w FROM events WINDOW w AS (PARTITION BY tenant) ORDER BY revision LIMIT 4
SELECT row_number() OVER w AS n, sum(revision) OVER w AS s FROM events WINDOW w AS (PARTITION BY type ORDER BY revision) ORDER BY revision LIMIT 6
SELECT * FROM (SELECT tenant, id, row_number() OVER (PARTITION BY tenant ORDER BY time DESC) AS n FROM events) t WHERE n <= 2 ORDER BY tenant, n
SELECT tenant, total, rank() OVER (ORDER BY total DESC) FROM (SELECT tenant, sum(value) AS total FROM usage GROUP BY tenant) t ORDER BY 3
SELECT tenant, sum(value), rank() OVER (ORDER BY sum(value) DESC) FROM usage GROUP BY tenant ORDER BY 3
SELECT tenant, sum(value) AS s, sum(sum(value)) OVER () AS all_of_them FROM usage GROUP BY tenant ORDER BY tenant
SELECT tenant, 100.0 * count(*) / sum(count(*)) OVER () AS percent FROM events GROUP BY tenant ORDER BY tenant
SELECT day, n, sum(n) OVER (ORDER BY day) AS running FROM (SELECT time::date AS day, count(*) AS n FROM events GROUP BY 1) t ORDER BY day LIMIT 10
SELECT day, n, round(avg(n) OVER (ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW), 2) AS week FROM (SELECT time::date AS day, count(*) AS n FROM events GROUP BY 1) t ORDER BY day LIMIT 10
SELECT day, n - lag(n, 7) OVER (ORDER BY day) AS change FROM (SELECT time::date AS day, count(*) AS n FROM events GROUP BY 1) t ORDER BY day LIMIT 10
SELECT id, time - lag(time) OVER (PARTITION BY tenant ORDER BY time) AS gap FROM events ORDER BY revision LIMIT 8
SELECT max(gap) FROM (SELECT time - lag(time) OVER (PARTITION BY tenant ORDER BY time) AS gap FROM events) t
SELECT count(*) FILTER (WHERE late) OVER (ORDER BY revision) FROM events ORDER BY revision LIMIT 10
SELECT lag(value, 1, 0) OVER (ORDER BY tenant, meter, period_start) FROM usage_total ORDER BY tenant, meter, period_start
SELECT string_agg(tenant, ',') OVER (ORDER BY tenant) FROM tenants ORDER BY tenant
SELECT array_agg(tenant) OVER (ORDER BY tenant) FROM tenants ORDER BY tenant
SELECT bool_or(late) OVER (ORDER BY revision ROWS 3 PRECEDING) FROM events ORDER BY revision LIMIT 12
SELECT count(DISTINCT tenant) OVER () FROM events LIMIT 1
SELECT row_number() OVER () FROM tenants ORDER BY 1
SELECT tenant FROM tenants WHERE row_number() OVER () = 1
SELECT stddev(value) OVER (PARTITION BY tenant) FROM usage_total ORDER BY tenant, meter, period_start
SELECT x, sum(x) OVER (ORDER BY x ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM (VALUES (1), (2), (3)) AS t(x) ORDER BY x
SELECT x, sum(x) OVER (ORDER BY x ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) FROM (VALUES (1), (2), (3)) AS t(x) ORDER BY x
SELECT x, sum(x) OVER (ORDER BY x ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) FROM (VALUES (1), (2), (3)) AS t(x) ORDER BY x
SELECT x, sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM (VALUES (1), (2), (3)) AS t(x) ORDER BY x
SELECT x, avg(x) OVER (ORDER BY x) FROM (VALUES (1), (2), (4)) AS t(x) ORDER BY x
SELECT x, first_value(x) OVER (ORDER BY x DESC) FROM (VALUES (1.5), (2.25)) AS t(x) ORDER BY x
SELECT x, ntile(2) OVER (ORDER BY x), ntile(5) OVER (ORDER BY x DESC) FROM (VALUES (1), (2), (3)) AS t(x) ORDER BY x
SELECT x, lead(x, 1, -1) OVER (ORDER BY x), lead(x, 5) OVER (ORDER BY x) FROM (VALUES (1), (2), (3)) AS t(x) ORDER BY x
SELECT tenant, sum(CASE WHEN fresh THEN 1 ELSE 0 END) OVER (PARTITION BY tenant ORDER BY time) AS session, id FROM (SELECT tenant, id, time, coalesce(time - lag(time) OVER (PARTITION BY tenant ORDER BY time) > interval '10 hours', true) AS fresh FROM events) t ORDER BY tenant, time LIMIT 15
SELECT tenant, (row_number() OVER (ORDER BY tenant) - 1) / 2 AS pair FROM tenants ORDER BY tenant
SELECT tenant, rank() OVER (ORDER BY tenant) / 2, (dense_rank() OVER (ORDER BY tenant) - 5) / 2, ntile(2) OVER (ORDER BY tenant) / 2 FROM tenants ORDER BY tenant
SELECT n % 2, count(*) FROM (SELECT row_number() OVER (ORDER BY revision) AS n FROM events) t GROUP BY 1 ORDER BY 1

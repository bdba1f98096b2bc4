-- JSON that is built of values, rows and groups.
SELECT to_json(1), to_json(1.50), to_json(true), to_json('x'::text), to_json(NULL::int)
SELECT to_jsonb(1), to_jsonb(1.50), to_jsonb(true), to_jsonb('x'::text), to_jsonb(NULL::int)
SELECT to_json(0.1::float8), to_json(1e20::float8), to_json('NaN'::float8), to_json('-Infinity'::float8), to_json(1.5::float4)
SELECT to_jsonb(1e20::float8), to_jsonb(1.5e-7::float8), to_jsonb('Infinity'::float8)
SELECT to_json(timestamp '2026-03-01 12:00:00.5'), to_json(timestamptz '2026-03-01 12:00+00'), to_json(date '2026-03-01')
SELECT to_json(time '12:00'), to_json(interval '1 day 2 hours'), to_json('\x0102'::bytea)
SELECT to_json(timestamp '0044-03-15 12:00:00 BC')
SELECT to_json(E'a"\\b\n\t\x01/é\x7f'::text), to_jsonb(E'\b\f\r'::text)
SELECT to_json(ARRAY['a', NULL]), to_json(ARRAY[1, 2]), to_json(ARRAY[true, false]), to_json(ARRAY[]::int[])
SELECT to_jsonb(ARRAY[1.5, NULL]), array_to_json(ARRAY[1, 2])
SELECT array_to_json(ARRAY[1, 2], true)
SELECT array_to_json(1)
SELECT to_json(ARRAY[date '2026-03-01', NULL])
SELECT to_json('{"b" : 1}'::json), to_jsonb('{"b" : 1, "a": 2}'::json), to_json('{"b":1}'::jsonb)
SELECT to_json('a0000000-0000-0000-0000-000000000005'::uuid)
SELECT to_json('x')
SELECT to_json(NULL)
SELECT to_json(1, 2)
SELECT to_json(CASE WHEN true THEN '{"a": 1}'::json ELSE '[]' END), to_json(coalesce(NULL, '{"a": 1}'::json))
SELECT to_json(ROW(1, 'a', NULL)), row_to_json(ROW(1, 'a')), to_jsonb(ROW(1, 2))
SELECT to_json((1, ROW(2, 'x'::text)))
SELECT row_to_json(1)
SELECT row_to_json(ROW(1, 2), true)
SELECT row_to_json(t) FROM (SELECT 1 AS a, 'x' AS b, ARRAY[1, 2] AS c, '{"a": 1}'::json AS d) t
SELECT row_to_json(t) FROM (SELECT 1 AS "A b", 2 AS "?column?", NULL AS "é") AS t
SELECT to_jsonb(q) FROM quotas q WHERE false
SELECT row_to_json(tenants) FROM tenants WHERE false
SELECT row_to_json(t) FROM (SELECT tenant, count(*) AS n FROM events GROUP BY tenant ORDER BY tenant) AS t ORDER BY t.tenant
SELECT row_to_json(t) FROM (VALUES (1)) a(x) LEFT JOIN (VALUES (2, 3)) t(x, y) ON a.x = t.x
SELECT row_to_json(t), row_to_json(a) FROM (VALUES (1)) a(x) JOIN (VALUES (1, 3)) t(z, y) ON a.x = t.z
SELECT row_to_json(t), count(*) FROM (VALUES (1), (1)) t(x) GROUP BY x
SELECT row_to_json(t) FROM (SELECT 1 AS t, 2 AS u) t
SELECT row_to_json(nothing) FROM tenants
SELECT json_build_object('a', 1, 'b', 'x', 'c', NULL, 'd', true, 'e', 1.50, 'f', ARRAY[1, 2])
SELECT json_build_object(), json_build_array(), jsonb_build_object(), jsonb_build_array()
SELECT json_build_object('a')
SELECT json_build_object(NULL, 1)
SELECT json_build_object(1, 2, true, 3, date '2026-01-02', 4), json_build_object('', 1, 'a"b', 2)
SELECT json_build_object('{}'::json, 1)
SELECT json_build_object(ARRAY[1], 1)
SELECT jsonb_build_object('b', 1, 'a', 2, 'b', 3), jsonb_build_object('x', '{"b": 1,"a":2}'::json)
SELECT jsonb_build_object(NULL, 1)
SELECT json_build_array(1, 'a', NULL, true, '{"x": 1}'::json, 2.5::float8, 'NaN'::float8, json_build_array(2))
SELECT jsonb_build_array(1.50, 'a', NULL, '{"b": 1, "a": 2}'::jsonb)
SELECT json_build_object('row', ROW(1, 'x'::text), 'rows', json_build_array(ROW(2)))
SELECT json_build_object('id', id, 'data', data::json) FROM events ORDER BY revision LIMIT 3
SELECT json_build_object('id', id, 'data', data) FROM events ORDER BY revision LIMIT 3
SELECT json_build_object('model', data::json -> 'model', 'tokens', data::json ->> 'tokens') FROM events ORDER BY revision LIMIT 5
SELECT json_build_object('data', d) FROM (SELECT data::jsonb AS d FROM events ORDER BY revision LIMIT 2) t
SELECT json_build_object('tenant', tenant, 'calls', count(*)) FROM events GROUP BY tenant ORDER BY tenant
SELECT (jsonb_build_object('a', 1) ->> 'a')::int + 1, jsonb_build_object('a', 1) = '{"a":1}'::jsonb
SELECT json_agg(x ORDER BY x), jsonb_agg(x ORDER BY x DESC) FROM (VALUES (2), (1), (NULL)) AS t(x)
SELECT json_agg(x ORDER BY x) FILTER (WHERE x > 1) FROM (VALUES (2), (1), (3)) AS t(x)
SELECT json_agg(x), jsonb_agg(x), json_object_agg(x, 1), jsonb_object_agg(x, 1) FROM (VALUES (1)) AS t(x) WHERE false
SELECT json_agg(x ORDER BY n) FROM (VALUES (1, ARRAY[1, 2]), (2, NULL), (3, ARRAY[3])) AS t(n, x)
SELECT json_agg(x ORDER BY n) FROM (VALUES (1, NULL), (2, ARRAY[3]), (3, ARRAY[4])) AS t(n, x)
SELECT jsonb_agg(ARRAY[1, 2])
SELECT json_agg(t ORDER BY x) FROM (VALUES (1, 'a'), (2, NULL)) AS t(x, y)
SELECT jsonb_agg(t ORDER BY x DESC) FROM (VALUES (1, 'a'), (2, NULL)) AS t(x, y)
SELECT json_agg(ROW(x, y) ORDER BY x) FROM (VALUES (1, 'a'), (2, 'b')) AS t(x, y)
SELECT json_agg(t) FROM (SELECT tenant, count(*) AS n FROM events GROUP BY tenant ORDER BY tenant LIMIT 1) t
SELECT json_agg(json_build_object('x', x, 'y', y) ORDER BY x) FROM (VALUES (1, 'a'), (2, 'b')) AS t(x, y)
SELECT json_agg('{"b":1, "a":2}'::json), jsonb_agg('{"b":1, "a":2}'::json)
SELECT json_agg('x')
SELECT json_agg(NULL)
SELECT json_agg(DISTINCT x) FROM (VALUES (2), (1), (2)) AS t(x)
SELECT tenant, json_agg(id ORDER BY revision) FROM events WHERE type = 'login' GROUP BY tenant ORDER BY tenant
SELECT tenant, json_agg(data::json ORDER BY revision) FROM events WHERE type = 'upload' GROUP BY tenant ORDER BY tenant
SELECT tenant, jsonb_agg(type ORDER BY revision DESC) FILTER (WHERE late) FROM events GROUP BY tenant ORDER BY tenant
SELECT json_agg(n ORDER BY tenant) FROM (SELECT tenant, count(*) AS n FROM events GROUP BY tenant) t
SELECT x, json_agg(x) OVER (ORDER BY x) FROM (VALUES (1), (2), (3)) AS t(x) ORDER BY x
SELECT json_object_agg(k, v ORDER BY v), jsonb_object_agg(k, v ORDER BY v) FROM (VALUES ('a', 2), ('b', 1), ('a', 3)) AS t(k, v)
SELECT json_object_agg(k, v ORDER BY k) FROM (VALUES (1.50, NULL), (2.25, 1)) AS t(k, v)
SELECT json_object_agg(k, v) FROM (VALUES (NULL, 2)) AS t(k, v)
SELECT json_object_agg(k, v) FILTER (WHERE k IS NOT NULL) FROM (VALUES (NULL, 2), ('a', 1)) AS t(k, v)
SELECT jsonb_object_agg(k, v) FROM (VALUES (NULL, 2)) AS t(k, v)
SELECT json_object_agg('{}'::json, 1)
SELECT json_object_agg(true, '{"a" : 1}'::json), json_object_agg('', ROW(1))
SELECT json_object_agg(1)
SELECT json_object_agg(tenant, n ORDER BY tenant) FROM (SELECT tenant, count(*) AS n FROM events GROUP BY tenant) t
SELECT type, jsonb_object_agg(id, late ORDER BY id) FROM events WHERE revision < 20 GROUP BY type ORDER BY type
SELECT jsonb_array_length(jsonb_agg(id)), length(json_agg(id ORDER BY id)::text) FROM events
SELECT tenant, (SELECT json_agg(q.meter ORDER BY q.meter) FROM quotas q WHERE q.tenant = t.tenant) FROM tenants t ORDER BY tenant
SELECT json_agg(tenant ORDER BY tenant) AS all_of_them FROM tenants HAVING count(*) > 1
SET TIME ZONE 'Asia/Kolkata'
SELECT to_json(timestamptz '2026-03-01 12:00+00'), json_agg(timestamptz '2026-03-01 12:00:00.25+00'), to_jsonb(timestamptz '2026-03-01 12:00+00')

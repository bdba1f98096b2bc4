-- JSON, and the events' data.
SELECT '{"a": 1}'::json -> 'a'
SELECT '{"a": 1}'::json ->> 'a'
SELECT '{"a": "x"}'::json -> 'a'
SELECT '{"a": "x"}'::json ->> 'a'
SELECT '[1, 2, 3]'::json -> 0
SELECT '[1, 2, 3]'::json ->> 2
SELECT '[1, 2, 3]'::json -> -1
SELECT '[1, 2]'::json -> 5
SELECT '{"a": {"b": 1}}'::json -> 'a' -> 'b'
SELECT '{"a": {"b": [1, {"c": "x"}]}}'::json #> '{a,b,1}'
SELECT '{"a": {"b": [1, {"c": "x"}]}}'::json #>> '{a,b,1,c}'
SELECT '{"a": null}'::json -> 'a'
SELECT '{"a": null}'::json ->> 'a'
SELECT '{}'::json -> 'a'
SELECT NULL::json -> 'a'
SELECT '{"a": 1.50}'::json ->> 'a'
SELECT '{"a": 1.50}'::jsonb ->> 'a'
SELECT '{"a": true}'::json ->> 'a'
SELECT ('{"a": 5}'::json ->> 'a')::int + 1
SELECT ('{"a": 5}'::jsonb -> 'a')::int
SELECT '{"b":1,"a":2}'::jsonb
SELECT '{"a":1,"a":2}'::jsonb
SELECT '{"b":1,  "a":2}'::json
SELECT '[1,2]'::jsonb
SELECT '"x"'::jsonb
SELECT '1.0'::jsonb
SELECT 'null'::jsonb
SELECT 'true'::jsonb
SELECT '{"a":1}'::jsonb = '{"a": 1}'::jsonb
SELECT '{"a":1,"b":2}'::jsonb = '{"b":2,"a":1}'::jsonb
SELECT '{"a":1,"b":2}'::jsonb @> '{"a":1}'
SELECT '{"a":1}'::jsonb <@ '{"a":1,"b":2}'
SELECT '[1,2]'::jsonb @> '1'
SELECT '{"a":1}'::jsonb ? 'a'
SELECT '{"a":1}'::jsonb ?| ARRAY['b', 'a']
SELECT '{"a":1}'::jsonb ?& ARRAY['a', 'b']
SELECT '{"a":1}'::jsonb || '{"b":2}'
SELECT '[1]'::jsonb || '[2]'
SELECT '{"a":1,"b":2}'::jsonb - 'a'
SELECT '[1,2]'::jsonb - 0
SELECT '{"a":{"b":1}}'::jsonb #- '{a,b}'
SELECT json_typeof('1')
SELECT json_typeof('"x"')
SELECT json_typeof('{}')
SELECT json_typeof('[]')
SELECT jsonb_typeof('null')
SELECT jsonb_typeof('true')
SELECT json_array_length('[1,2,3]')
SELECT jsonb_array_length('[]')
SELECT json_build_object('a', 1, 'b', 'x')
SELECT json_build_array(1, 'a', NULL, true)
SELECT jsonb_build_object('a', 1.50)
SELECT to_json('x'::text)
SELECT to_json(1.50)
SELECT to_jsonb(ARRAY[1, 2])
SELECT to_json(NULL::int)
SELECT to_json(timestamp '2026-03-01 12:00')
SELECT row_to_json(t) FROM (SELECT 1 AS a, 'x' AS b) t
SELECT json_agg(t) FROM (SELECT tenant, status FROM tenants ORDER BY tenant) t
SELECT json_object('{a,1,b,2}')
SELECT json_strip_nulls('{"a":null,"b":1}')
SELECT jsonb_pretty('{"a":1}')
SELECT jsonb_set('{"a":1}', '{b}', '2')
SELECT jsonb_insert('{"a":[1]}', '{a,0}', '0')
SELECT json_extract_path('{"a":{"b":1}}', 'a', 'b')
SELECT json_extract_path_text('{"a":{"b":"x"}}', 'a', 'b')
SELECT * FROM json_each('{"a":1,"b":"x"}')
SELECT * FROM jsonb_each_text('{"a":1,"b":"x"}') ORDER BY key
SELECT * FROM json_array_elements('[1,"x",null]')
SELECT * FROM jsonb_array_elements_text('["b","a"]') AS t(x) ORDER BY x
SELECT json_object_keys('{"b":1,"a":2}')
SELECT jsonb_path_query('{"a":[1,2,3]}', '$.a[*] ? (@ > 1)')
SELECT jsonb_path_exists('{"a":1}', '$.a')
SELECT * FROM json_to_recordset('[{"a":1,"b":"x"}]') AS t(a int, b text)
SELECT data FROM events ORDER BY revision LIMIT 5
SELECT data::json ->> 'model' AS model, count(*) FROM events WHERE type = 'call' GROUP BY 1 ORDER BY 1
SELECT data::jsonb ->> 'model' AS model, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT data::json -> 'tokens' FROM events WHERE type = 'call' ORDER BY revision LIMIT 3
SELECT sum((data::json ->> 'tokens')::bigint) FROM events
SELECT avg((data::json ->> 'latency_ms')::numeric), max((data::json ->> 'latency_ms')::numeric) FROM events
SELECT avg((data::json ->> 'latency_ms')::float8) FROM events WHERE data::json ->> 'model' = 'small'
SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY (data::json ->> 'latency_ms')::float8) FROM events
SELECT count(*) FROM events WHERE (data::json ->> 'tokens')::int > 50
SELECT count(*) FROM events WHERE data::json ->> 'region' IS NULL
SELECT count(*) FROM events WHERE data::json ->> 'ok' = 'true'
SELECT count(*) FROM events WHERE (data::json ->> 'ok')::bool
SELECT count(*) FROM events WHERE data::jsonb ? 'tokens'
SELECT count(*) FROM events WHERE data::jsonb @> '{"model": "small"}'
SELECT data::json -> 'tags', data::json -> 'tags' ->> 0 FROM events WHERE type = 'upload' ORDER BY revision LIMIT 4
SELECT id, tag FROM events, json_array_elements_text(data::json -> 'tags') AS tag WHERE type = 'upload' ORDER BY id, tag LIMIT 5
SELECT json_array_length(data::json -> 'tags'), count(*) FROM events WHERE type = 'upload' GROUP BY 1 ORDER BY 1
SELECT max((data::json ->> 'bytes')::bigint), sum((data::json ->> 'bytes')::numeric) FROM events
SELECT dimensions::json ->> 'model' AS model, sum(value) FROM usage WHERE meter = 'tokens' GROUP BY 1 ORDER BY 1
SELECT dimensions, count(*) FROM usage GROUP BY dimensions ORDER BY dimensions
SELECT name, dimensions::json ->> 'model' FROM meters ORDER BY name
SELECT json_build_object('tenant', tenant, 'total', sum(value)) FROM usage GROUP BY tenant ORDER BY tenant
SELECT jsonb_object_agg(tenant, n ORDER BY tenant) FROM (SELECT tenant, count(*) AS n FROM events GROUP BY tenant) t
SELECT length(data), data LIKE '{%' FROM events ORDER BY revision LIMIT 2
SELECT data::jsonb FROM events ORDER BY revision LIMIT 5
SELECT (data::json ->> 'tokens')::int AS tokens, (data::json ->> 'tokens')::int * 2 AS twice FROM events WHERE type = 'call' ORDER BY revision LIMIT 3
SELECT coalesce(data::json ->> 'region', 'none') AS region, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT data::json ->> 'model' || '/' || coalesce(data::json ->> 'region', '-') AS k, count(*) FROM events WHERE type = 'call' GROUP BY 1 ORDER BY 1
SELECT '{"a": {"b": 1}}'::jsonb #> '{a,b}'
SELECT '{"a": {"b": "x"}}'::jsonb #>> ARRAY['a', 'b']
SELECT '{"a": [1, {"c": null}]}'::jsonb #>> '{a,-1,c}'
SELECT '{"a": 1}'::jsonb #> '{}'
SELECT '{"a": 1}'::jsonb #> '{a,NULL}'
SELECT '{"a": 1}'::jsonb #> 'a'
SELECT '{"bb": 1, "a": 1e2, "c": 1.50, "a": -0}'::jsonb
SELECT '["a", 1]'::jsonb ? 'a'
SELECT '"a"'::jsonb ? 'a'
SELECT NULL::jsonb ? 'a'
SELECT '{"a": [1, {"b": 2}]}'::jsonb @> '{"a": [{"b": 2.0}]}'
SELECT '1'::jsonb @> '[1]'
SELECT '[[1, 2]]'::jsonb @> '[1]'
SELECT '{"a": 1}'::jsonb @> NULL
SELECT '{"a": 1}'::jsonb @> 'nonsense'
SELECT json_array_length('{"a": 1}')
SELECT jsonb_array_length('1')
SELECT jsonb_array_length(NULL)
SELECT jsonb_typeof('1.5'), jsonb_typeof('"x"'), json_typeof('nonsense')
SELECT jsonb_array_elements('[1, "x", {"b": 1, "a": 2}]')
SELECT jsonb_array_elements_text('["b", null, 1.50]')
SELECT value FROM jsonb_array_elements('[1, "x"]')
SELECT jsonb_array_elements('{"a": 1}')
SELECT * FROM jsonb_each('{"bb": 1, "a": {"c": 2}}')
SELECT key, value FROM json_each_text('{"b": "x", "a": null}') ORDER BY key
SELECT * FROM jsonb_each('[1]')
SELECT jsonb_each('{"a": 1}')
SELECT jsonb_object_keys('{"bb": 1, "a": 2}')
SELECT key, count(*) FROM (SELECT json_object_keys(data::json) AS key FROM events) t GROUP BY key ORDER BY key
SELECT id, json_array_elements_text(data::json -> 'tags') AS tag FROM events WHERE type = 'upload' ORDER BY id, tag LIMIT 5
SELECT data::jsonb #>> '{model}' AS model, count(*) FROM events WHERE data::jsonb ?& ARRAY['model', 'region'] GROUP BY 1 ORDER BY 1

-- Arrays, and rows made of them and of series.
SELECT ARRAY[1, 2, 3]
SELECT ARRAY['a', 'b']
SELECT ARRAY[1.5, 2]
SELECT ARRAY[true, NULL]
SELECT ARRAY[]::int[]
SELECT '{1,2,3}'::int[]
SELECT '{a,"b c",NULL}'::text[]
SELECT '{}'::text[]
SELECT ARRAY['a b', 'c,d', '"e"', '', 'NULL', NULL, 'x\y', '{z}']
SELECT ARRAY[[1, 2], [3, 4]]
SELECT ARRAY[date '2026-03-01']
SELECT ARRAY[timestamp '2026-03-01 12:00']
SELECT ARRAY[interval '1 day']
SELECT ARRAY[1.50, 2.25]
SELECT ARRAY[1::float8, 2.5]
SELECT ARRAY[1::bigint, 2]
SELECT (ARRAY[1, 2, 3])[1]
SELECT (ARRAY[1, 2, 3])[3]
SELECT (ARRAY[1, 2, 3])[0]
SELECT (ARRAY[1, 2, 3])[4]
SELECT (ARRAY[1, 2, 3])[-1]
SELECT (ARRAY[1, 2, 3, 4])[2:3]
SELECT (ARRAY[1, 2, 3, 4])[:2]
SELECT (ARRAY[1, 2, 3, 4])[3:]
SELECT (ARRAY[1, 2, 3])[5:6]
SELECT array_length(ARRAY[1, 2, 3], 1)
SELECT array_length(ARRAY[]::int[], 1)
SELECT cardinality(ARRAY[1, 2])
SELECT cardinality(ARRAY[]::int[])
SELECT array_upper(ARRAY[1, 2], 1)
SELECT array_lower(ARRAY[1, 2], 1)
SELECT array_ndims(ARRAY[1, 2])
SELECT array_dims(ARRAY[1, 2])
SELECT ARRAY[1, 2] || 3
SELECT 0 || ARRAY[1, 2]
SELECT ARRAY[1] || ARRAY[2, 3]
SELECT array_append(ARRAY[1], 2)
SELECT array_prepend(0, ARRAY[1])
SELECT array_cat(ARRAY[1], ARRAY[2])
SELECT array_remove(ARRAY[1, 2, 1], 1)
SELECT array_replace(ARRAY[1, 2, 1], 1, 5)
SELECT array_position(ARRAY['a', 'b'], 'b')
SELECT array_position(ARRAY['a'], 'z')
SELECT array_positions(ARRAY[1, 2, 1], 1)
SELECT ARRAY[1, 2] @> ARRAY[1]
SELECT ARRAY[1] <@ ARRAY[1, 2]
SELECT ARRAY[1, 2] && ARRAY[2, 3]
SELECT ARRAY[1] && ARRAY[2]
SELECT ARRAY[1, 2] = ARRAY[1, 2]
SELECT ARRAY[1, 2] < ARRAY[1, 3]
SELECT ARRAY[1] <> ARRAY[2]
SELECT ARRAY[1, 2] > ARRAY[1]
SELECT 1 = ANY (ARRAY[1, 2])
SELECT 3 = ANY (ARRAY[1, 2])
SELECT 1 = ALL (ARRAY[1, 1])
SELECT 5 > ALL (ARRAY[1, 2])
SELECT 1 = ANY ('{1,2}')
SELECT 1 = ANY (ARRAY[]::int[])
SELECT 1 = ALL (ARRAY[]::int[])
SELECT array_to_string(ARRAY[1, 2, NULL, 3], ',')
SELECT array_to_string(ARRAY[1.50, 2], '|')
SELECT array_to_string(ARRAY[true, false], ',')
SELECT string_to_array('1,2,3', ',')::int[]
SELECT string_to_array('a,,b', ',')
SELECT string_to_array('a,b', ',', 'b')
SELECT array_fill(0, ARRAY[3])
SELECT trim_array(ARRAY[1, 2, 3], 1)
SELECT unnest(ARRAY[1, 2, 3])
SELECT unnest(ARRAY[1, 2, 3]) AS x ORDER BY x DESC
SELECT * FROM unnest(ARRAY['a', 'b']) AS t(x)
SELECT x, n FROM unnest(ARRAY['a', 'b']) WITH ORDINALITY AS t(x, n) ORDER BY n
SELECT * FROM unnest(ARRAY[1, 2], ARRAY['a', 'b', 'c']) AS t(a, b)
SELECT sum(x) FROM unnest(ARRAY[1, 2, 3]) AS x
SELECT 1 AS a
SELECT unnest(ARRAY[1, 2]) AS b
SELECT tenant, x FROM tenants, unnest(ARRAY[1, 2]) AS x ORDER BY 1, 2
SELECT ARRAY[1, 2]::text
SELECT ARRAY['a', 'b c']::text
SELECT (ARRAY[1, 2])::text[]
SELECT ARRAY[1, 2]::bigint[]
SELECT '{1,2' ::int[]
SELECT array_agg(tenant ORDER BY tenant), array_length(array_agg(tenant), 1) FROM tenants
SELECT array_agg(x ORDER BY x) FILTER (WHERE x > 1) FROM unnest(ARRAY[3, 1, 2]) AS x
SELECT tenant, array_agg(DISTINCT type ORDER BY type) FROM events GROUP BY tenant ORDER BY tenant
SELECT tenant FROM (SELECT tenant, array_agg(DISTINCT type) AS types FROM events GROUP BY tenant) t WHERE 'login' = ANY (types) ORDER BY 1
SELECT tenant, cardinality(array_agg(DISTINCT type)) FROM events GROUP BY tenant ORDER BY 1
SELECT ARRAY[tenant, status] FROM tenants ORDER BY tenant
SELECT ARRAY(SELECT x * 2 FROM generate_series(1, 3) AS x ORDER BY x)
SELECT ARRAY(SELECT DISTINCT type FROM events ORDER BY type DESC)
SELECT ARRAY[1, NULL, 2] IS NULL
SELECT ARRAY[NULL]::int[] IS NULL
SELECT NULL::int[] IS NULL
SELECT array_agg(ARRAY[1, 2])
SELECT (string_to_array('a-b-c', '-'))[2]
SELECT (regexp_split_to_array('a1b', '\d'))[1]
SELECT array_length(string_to_array(id, '-'), 1), (string_to_array(id, '-'))[2] FROM events ORDER BY revision LIMIT 2
SELECT array_sort(ARRAY[3, 1, 2])
SELECT generate_series(1, 5)
SELECT generate_series(1, 10, 3)
SELECT generate_series(5, 1, -2)
SELECT generate_series(1, 3) AS x ORDER BY x DESC
SELECT * FROM generate_series(1, 3)
SELECT * FROM generate_series(1, 3) AS g
SELECT * FROM generate_series(1, 3) AS g(n)
SELECT g.n * 2 FROM generate_series(1, 3) AS g(n) ORDER BY 1
SELECT x FROM generate_series(0, 1, 0.25) AS x ORDER BY x
SELECT * FROM generate_series(5, 1)
SELECT * FROM generate_series(1, 5, 0)
SELECT count(*), sum(x), avg(x) FROM generate_series(1, 100) AS x
SELECT d FROM generate_series(timestamp '2026-11-01', timestamp '2026-11-03', interval '1 day') AS d ORDER BY d
SELECT d::date FROM generate_series(date '2026-11-01', date '2026-11-03', interval '1 day') AS d ORDER BY d
SELECT d FROM generate_series(timestamptz '2026-11-01 00:00+00', timestamptz '2026-11-02 00:00+00', interval '6 hours') AS d ORDER BY d
SELECT d FROM generate_series(timestamp '2026-01-31', timestamp '2026-05-31', interval '1 month') AS d ORDER BY d
SELECT d::date, count(e.id) FROM generate_series(timestamptz '2026-11-01 00:00+00', timestamptz '2026-11-07 00:00+00', interval '1 day') AS d LEFT JOIN events e ON date_trunc('day', e.time) = d GROUP BY 1 ORDER BY 1
SELECT t.tenant, d::date, coalesce(sum(c.value), 0) FROM tenants t CROSS JOIN generate_series(timestamptz '2026-11-01 00:00+00', timestamptz '2026-11-03 00:00+00', interval '1 day') AS d LEFT JOIN meter_calls c ON c.tenant = t.tenant AND date_trunc('day', c.window_start) = d GROUP BY 1, 2 ORDER BY 1, 2
SELECT x, y FROM generate_series(1, 2) AS x, generate_series(1, 2) AS y ORDER BY 1, 2
SELECT x % 2 AS odd, array_agg(x ORDER BY x) FROM generate_series(1, 6) AS x GROUP BY 1 ORDER BY 1
SELECT x, n FROM generate_series(5, 7) WITH ORDINALITY AS g(x, n) ORDER BY n
SELECT greatest(VARIADIC ARRAY[1, 2])
SELECT format('%s', ARRAY[1, 2])
SELECT concat(ARRAY[1, 2])
SELECT 'x' || ARRAY['y']
SELECT (cardinality(ARRAY[1, 2, 3]) - 1) / 4
SELECT (array_length(string_to_array('a-b-c', '-'), 1) - 1) / 4

-- Regular expressions that give parts of a text.
SELECT regexp_matches('foobarbequebaz', '(bar)(beque)')
SELECT regexp_matches('foobarbequebaz', 'barbeque')
SELECT regexp_matches('foobarbequebazilbarfbonk', '(b[^b]+)(b[^b]+)', 'g')
SELECT regexp_matches('abc', 'x')
SELECT regexp_matches(NULL, 'x')
SELECT regexp_matches('ABC', 'b', 'i')
SELECT regexp_matches('aXbX', '(X)|(Y)', 'g')
SELECT regexp_matches('abc', '(')
SELECT regexp_matches('abc', 'b', 'q!')
SELECT m FROM regexp_matches('a1b2', '[0-9]', 'g') AS m
SELECT (regexp_matches('key=value', '(\w+)=(\w+)'))[2]
SELECT id, regexp_matches(id, '-([0-9]+)') FROM events ORDER BY revision LIMIT 3
SELECT regexp_split_to_array('hello  world', '\s+')
SELECT regexp_split_to_array('ab c', '\s*')
SELECT regexp_split_to_array('', 'x')
SELECT regexp_split_to_array('aba', 'a')
SELECT regexp_split_to_array(NULL, 'x')
SELECT regexp_split_to_array('aXbxc', 'x', 'i')
SELECT regexp_split_to_array('abc', 'b', 'g')
SELECT (regexp_split_to_array(id, '-'))[2] FROM events ORDER BY revision LIMIT 3
SELECT regexp_split_to_table('a,b;c', '[,;]')
SELECT part FROM regexp_split_to_table('a,b;c', '[,;]') AS part ORDER BY part DESC
SELECT * FROM regexp_split_to_table('hello world', '\s') AS t(word)
SELECT * FROM regexp_split_to_table('a b', ' ')
SELECT string_to_table('a,b', ',')
SELECT * FROM string_to_table('a,b', ',') AS x
SELECT substring('Thomas' FROM '...$')
SELECT substring('foobar' FROM 'o(.)b')
SELECT substring('foobar' FROM 'x')
SELECT substring('foobar', 'o.b')
SELECT substring(NULL FROM 'o.b')
SELECT substring('foobar' FROM '(x)|o')
SELECT substring('foobar' FROM 2 FOR 3)
SELECT substring('foobar' FROM '(')
SELECT substring(id FROM '[0-9]+')::int AS n, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 3
SELECT substring(subject FROM '^[a-z]+') AS head, count(*) FROM events GROUP BY 1 ORDER BY 1
EXPLAIN (FORMAT yaml) SELECT 1
EXPLAIN (FORMAT nothing) SELECT 1
EXPLAIN (NOTHING) SELECT 1
EXPLAIN (ANALYZE, FORMAT JSON) SELECT 1
EXPLAIN (FORMAT JSON) SELECT nothing

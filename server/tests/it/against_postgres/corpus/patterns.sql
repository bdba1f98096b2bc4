-- LIKE, ILIKE, SIMILAR TO and regular expressions.
SELECT 'abc' LIKE 'a%'
SELECT 'abc' LIKE '_b_'
SELECT 'abc' LIKE 'b'
SELECT 'abc' LIKE '%'
SELECT '' LIKE '%'
SELECT '' LIKE ''
SELECT 'abc' NOT LIKE 'a%'
SELECT 'abc' ILIKE 'A%'
SELECT 'ABC' NOT ILIKE 'a%'
SELECT 'a_b' LIKE 'a\_b'
SELECT 'axb' LIKE 'a\_b'
SELECT '100%' LIKE '100\%'
SELECT '100x' LIKE '100\%'
SELECT 'a_b' LIKE 'a!_b' ESCAPE '!'
SELECT 'axb' LIKE 'a!_b' ESCAPE '!'
SELECT 'a\b' LIKE 'a\\b'
SELECT 'a\b' LIKE 'a\b' ESCAPE ''
SELECT 'abc' LIKE 'abc\'
SELECT 'naïve' LIKE 'na_ve'
SELECT '日本' LIKE '__'
SELECT '日本' LIKE '日%'
SELECT 'É' ILIKE 'é'
SELECT 'Straße' ILIKE 'STRASSE'
SELECT E'a\nb' LIKE 'a_b'
SELECT E'a\nb' LIKE 'a%b'
SELECT 'abc' LIKE NULL
SELECT NULL LIKE 'a'
SELECT NULL NOT LIKE 'a'
SELECT 'abc' ~~ 'a%'
SELECT 'abc' !~~ 'a%'
SELECT 'abc' ~~* 'A%'
SELECT 'abc' !~~* 'A%'
SELECT 'abc' SIMILAR TO 'abc'
SELECT 'abc' SIMILAR TO 'a'
SELECT 'abc' SIMILAR TO '%(b|d)%'
SELECT 'abc' SIMILAR TO '(b|c)%'
SELECT 'abc' NOT SIMILAR TO 'a%'
SELECT 'a.c' SIMILAR TO 'a.c'
SELECT 'abc' SIMILAR TO 'a.c'
SELECT 'aaa' SIMILAR TO 'a{3}'
SELECT 'aaa' SIMILAR TO 'a+'
SELECT 'b' SIMILAR TO '[a-c]'
SELECT 'ab' SIMILAR TO '(ab)*'
SELECT 'abc' SIMILAR TO '_b_'
SELECT 'a_c' SIMILAR TO 'a\_c'
SELECT 'abc' SIMILAR TO 'a\_c'
SELECT 'ab$' SIMILAR TO 'ab$'
SELECT '^ab' SIMILAR TO '^ab'
SELECT 'ab' SIMILAR TO 'ab$'
SELECT 'abc' ~ 'b'
SELECT 'abc' ~ '^b'
SELECT 'abc' ~ 'c$'
SELECT 'abc' ~* 'B'
SELECT 'abc' !~ 'z'
SELECT 'abc' !~* 'B'
SELECT 'abc' ~ '[a-c]+'
SELECT 'a1' ~ '\d'
SELECT 'a b' ~ '\s'
SELECT 'ab' ~ '\w{2}'
SELECT 'ab' ~ '^(a|b)+$'
SELECT 'a.b' ~ 'a\.b'
SELECT 'axb' ~ 'a\.b'
SELECT 'ab' ~ 'a.?b'
SELECT 'foo bar' ~ '\mbar'
SELECT 'foobar' ~ '\mbar'
SELECT 'foo bar' ~ '\yfoo\y'
SELECT 'abc' ~ '(?i)B'
SELECT E'a\nb' ~ 'a.b'
SELECT E'a\nb' ~ '^b'
SELECT 'aa' ~ '(a)\1'
SELECT 'abab' ~ '^(?:ab)+$'
SELECT 'foobar' ~ 'foo(?=bar)'
SELECT 'abc' ~ '['
SELECT 'a1' ~ '[[:digit:]]'
SELECT 'a ' ~ '[[:space:]]'
SELECT 'é' ~ '[[:alpha:]]'
SELECT 'A' ~ '[[:upper:]]'
SELECT regexp_replace('hello world', 'o', '0')
SELECT regexp_replace('hello world', 'o', '0', 'g')
SELECT regexp_replace('abc', 'B', 'x', 'i')
SELECT regexp_replace('aBc', 'b', '<\&>', 'i')
SELECT regexp_replace('abc', '(a)(b)', '\2\1')
SELECT regexp_replace('abc', '.', 'x', 2)
SELECT regexp_replace('aaa', 'a', 'b', 1, 2)
SELECT regexp_replace('a.b.c', '\.', '', 'g')
SELECT regexp_replace('  a  b ', '\s+', ' ', 'g')
SELECT regexp_replace('2026-03-01', '^(\d+)-(\d+)-(\d+)$', '\3.\2.\1')
SELECT regexp_replace('$100', '\$', 'USD ')
SELECT regexp_replace('abc', 'b', '$1')
SELECT regexp_match('foobar', 'o(.)b')
SELECT regexp_match('foobar', 'x')
SELECT regexp_match('foobar', 'o.')
SELECT regexp_matches('foobarbaz', 'b(.)(.)', 'g')
SELECT (regexp_match('user-42', '(\w+)-(\d+)'))[2]
SELECT regexp_count('banana', 'a')
SELECT regexp_instr('banana', 'n')
SELECT regexp_substr('banana', 'n.')
SELECT regexp_like('abc', 'B', 'i')
SELECT regexp_split_to_array('a, b,c', ',\s*')
SELECT regexp_split_to_array('abc', '')
SELECT regexp_split_to_table('a b c', ' ') AS word
SELECT subject FROM events WHERE subject LIKE 'user%' GROUP BY subject ORDER BY subject
SELECT subject FROM events WHERE subject ILIKE 'user%' GROUP BY subject ORDER BY subject
SELECT subject FROM events WHERE subject NOT LIKE 'user%' GROUP BY subject ORDER BY subject
SELECT subject FROM events WHERE subject LIKE '%\_%' GROUP BY subject ORDER BY subject
SELECT subject FROM events WHERE subject LIKE '%\%' GROUP BY subject ORDER BY subject
SELECT subject FROM events WHERE subject LIKE '%!%%' ESCAPE '!' GROUP BY subject ORDER BY subject
SELECT subject FROM events WHERE subject LIKE '_ser-_' GROUP BY subject ORDER BY subject
SELECT subject FROM events WHERE subject LIKE '%''%' GROUP BY subject ORDER BY subject
SELECT subject FROM events WHERE subject SIMILAR TO '(u|U)ser-[0-9]+' GROUP BY subject ORDER BY subject
SELECT subject FROM events WHERE subject SIMILAR TO '%(0|2)' GROUP BY subject ORDER BY subject
SELECT subject FROM events WHERE subject ~ '^user-\d$' GROUP BY subject ORDER BY subject
SELECT subject FROM events WHERE subject ~* '^USER' GROUP BY subject ORDER BY subject
SELECT subject FROM events WHERE subject !~ 'user' GROUP BY subject ORDER BY subject
SELECT count(*) FROM events WHERE subject !~* 'USER'
SELECT count(*) FROM events WHERE id LIKE 'e-0%'
SELECT count(*) FROM events WHERE id SIMILAR TO 'e-[0-4]__'
SELECT count(*) FROM events WHERE id ~ '7$'
SELECT count(*) FROM events WHERE data LIKE '%"model"%'
SELECT count(*) FROM events WHERE data ~ '"tokens":\s*\d{2}\y'
SELECT tenant, tenant LIKE 'a%' AS a, tenant ~ 'e' AS e FROM tenants ORDER BY tenant
SELECT regexp_replace(subject, '\d+', '#'), count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT regexp_replace(id, '^e-', '')::int FROM events ORDER BY revision LIMIT 5
SELECT substring(subject FROM '[0-9]+') AS n, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT substring(subject FROM '^(.*)-') AS n, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT CASE WHEN subject LIKE 'u%' THEN 'u' WHEN subject ILIKE 'u%' THEN 'U' ELSE '-' END AS kind, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT count(*) FROM events WHERE subject LIKE ANY (ARRAY['user%', 'na%'])
SELECT count(*) FROM events WHERE subject LIKE ALL (ARRAY['u%', '%1%'])
SELECT count(*) FROM events WHERE NOT (subject LIKE 'user%') OR subject IS NULL
SELECT count(*) FROM events WHERE time::text LIKE '2026-11-0%'
SELECT count(*) FROM events WHERE time::text LIKE '%:00+00'
SELECT count(*) FROM usage WHERE value::text LIKE '1%'
SELECT 5 LIKE '5'
SELECT 5::text LIKE '5'

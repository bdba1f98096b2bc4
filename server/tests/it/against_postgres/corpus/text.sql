-- Text functions.
SELECT length('abc')
SELECT length('')
SELECT length('日本')
SELECT char_length('naïve')
SELECT character_length('x')
SELECT octet_length('日本')
SELECT bit_length('abc')
SELECT upper('naïve')
SELECT lower('NAÏVE')
SELECT initcap('hello wORLD foo-bar')
SELECT initcap('o''hara two_words 3rd x1y')
SELECT concat('a', 1, NULL, true, 1.50)
SELECT concat_ws('-', 'a', NULL, 'b', 3)
SELECT concat()
SELECT concat(NULL)
SELECT concat_ws(',')
SELECT concat_ws(NULL, 'a', 'b')
SELECT 'a' || 'b' || 'c'
SELECT 'a' || NULL
SELECT substring('abcdef', 2)
SELECT substring('abcdef', 2, 3)
SELECT substr('abcdef', -1, 4)
SELECT substring('abcdef', 0, 3)
SELECT substring('abcdef' FROM 2 FOR 3)
SELECT substring('abcdef' FROM 3)
SELECT substring('abcdef' FOR 2)
SELECT substring('abcdef', 2, -1)
SELECT substr('abc', 10)
SELECT substr('日本語', 2, 1)
SELECT substring('foobar' FROM 'o(.)b')
SELECT substring('foobar' FROM 'o.b')
SELECT substring('foobar' FROM 'z')
SELECT substring('foobar' FROM '(o)(b)')
SELECT substring(subject FROM '[0-9]+') AS digits, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT substring('abc' FROM 'b') IN ('b')
SELECT substring('foobar' SIMILAR '%#"o_b#"%' ESCAPE '#')
SELECT left('abcdef', 2)
SELECT left('abcdef', -2)
SELECT right('abcdef', 2)
SELECT right('abcdef', -2)
SELECT left('ab', 0)
SELECT position('c' IN 'abc')
SELECT position('z' IN 'abc')
SELECT position('' IN 'abc')
SELECT strpos('abcabc', 'ca')
SELECT replace('banana', 'an', 'AN')
SELECT replace('abc', '', 'x')
SELECT replace('abc', 'b', '')
SELECT translate('12345', '143', 'ax')
SELECT translate('abc', 'b', '')
SELECT overlay('Txxxxas' PLACING 'hom' FROM 2 FOR 4)
SELECT overlay('abcdef' PLACING 'X' FROM 3)
SELECT trim('  a b  ')
SELECT ltrim('  a')
SELECT rtrim('a  ')
SELECT btrim('xxaxx', 'x')
SELECT trim(both 'x' from 'xax')
SELECT trim(leading 'x' from 'xxa')
SELECT trim(trailing 'x' from 'axx')
SELECT ltrim('xyab', 'yx')
SELECT rtrim('abxy', 'yx')
SELECT trim(E'\t a \n')
SELECT lpad('5', 3, '0')
SELECT rpad('5', 3, '0')
SELECT lpad('abc', 2)
SELECT rpad('abc', 2)
SELECT lpad('a', 5)
SELECT lpad('a', 5, 'xy')
SELECT lpad('a', -1)
SELECT lpad('', 3, '*')
SELECT rpad('a', 3, '')
SELECT repeat('ab', 3)
SELECT repeat('a', 0)
SELECT repeat('a', -1)
SELECT reverse('abc')
SELECT reverse('日本')
SELECT split_part('a,b,c', ',', 2)
SELECT split_part('a,b,c', ',', 5)
SELECT split_part('a,b,c', ',', -1)
SELECT split_part('abc', '', 1)
SELECT split_part('a,b', ',', 0)
SELECT ascii('A')
SELECT ascii('')
SELECT chr(65)
SELECT ascii('日')
SELECT chr(0)
SELECT md5('abc')
SELECT md5('')
SELECT encode('abc'::bytea, 'hex')
SELECT encode('abc'::bytea, 'base64')
SELECT decode('616263', 'hex')
SELECT sha256('abc'::bytea)
SELECT encode(sha256('abc'::bytea), 'hex')
SELECT to_hex(255)
SELECT to_hex(10::bigint)
SELECT starts_with('abc', 'ab')
SELECT starts_with('abc', 'b')
SELECT 'abc' ^@ 'ab'
SELECT format('%s has %s', 'acme', 3)
SELECT format('%I = %L', 'a b', 'O''Hara')
SELECT format('%%')
SELECT format('%1$s-%2$s-%1$s', 'a', 'b')
SELECT format('%5s|%-5s|', 'ab', 'cd')
SELECT quote_ident('a b')
SELECT quote_ident('abc')
SELECT quote_literal('O''Hara')
SELECT quote_nullable(NULL)
SELECT string_to_array('a,b,c', ',')
SELECT string_to_array('abc', NULL)
SELECT string_to_array('', ',')
SELECT array_to_string(ARRAY['a', NULL, 'b'], ',')
SELECT array_to_string(ARRAY['a', NULL, 'b'], ',', '*')
SELECT unnest(string_to_array('a,b,c', ',')) AS part
SELECT regexp_replace('foobarbaz', 'b..', 'X')
SELECT regexp_replace('foobarbaz', 'b..', 'X', 'g')
SELECT regexp_replace('abc', '(b)', '[\1]')
SELECT 'a' < 'b'
SELECT 'a' < 'B'
SELECT 'Z' < 'a'
SELECT '10' < '9'
SELECT '' < 'a'
SELECT 'a' = 'a '
SELECT 'a'::char(3) = 'a'
SELECT 'abc' > 'ab'
SELECT 'é' > 'z'
SELECT upper(tenant), length(tenant), left(tenant, 3) FROM tenants ORDER BY tenant
SELECT tenant || ':' || status FROM tenants ORDER BY 1
SELECT concat(tenant, ' ', plan, '.') FROM tenants ORDER BY 1
SELECT subject, length(subject), upper(subject), lower(subject) FROM events WHERE subject IS NOT NULL GROUP BY subject ORDER BY subject
SELECT initcap(subject), reverse(subject), count(*) FROM events GROUP BY subject ORDER BY subject
SELECT split_part(subject, '-', 2), count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT substring(id, 3)::int, id FROM events ORDER BY 1 LIMIT 5
SELECT substring(id FROM 3 FOR 2) AS prefix, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT lpad(revision::text, 5, '0') FROM events ORDER BY revision LIMIT 3
SELECT replace(source, '/', ''), trim(source, '/') FROM events GROUP BY source ORDER BY source
SELECT position('-' IN subject), count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT strpos(data, 'tokens') > 0 AS has, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT tenant, string_agg(type, ',' ORDER BY type) FROM (SELECT DISTINCT tenant, type FROM events) t GROUP BY tenant ORDER BY tenant
SELECT md5(tenant) FROM tenants ORDER BY tenant
SELECT count(DISTINCT lower(subject)), count(DISTINCT subject) FROM events
SELECT min(subject), max(subject) FROM events
SELECT subject FROM events WHERE subject > 'b' GROUP BY subject ORDER BY subject DESC
SELECT tenant FROM tenants WHERE tenant IN ('acme', 'ACME', 'nobody') ORDER BY tenant
SELECT length(NULL)
SELECT upper(NULL)
SELECT substr(NULL, 1)
SELECT replace('a', NULL, 'b')
SELECT 'tenant: ' || tenant AS label FROM tenants ORDER BY label
SELECT char_length(status) * 2 FROM tenants ORDER BY tenant
SELECT concat_ws(' / ', tenant, meter, value) FROM usage_total ORDER BY tenant, meter, period_start
SELECT tenant || ' used ' || value || ' of ' || meter FROM usage_total ORDER BY tenant, meter, period_start
SELECT left(dimensions, 10), count(*) FROM usage GROUP BY 1 ORDER BY 1
SELECT bit_length('日')
SELECT length('日'::bytea)
SELECT 'ab' COLLATE "C" < 'B'
SELECT normalize('é', NFC) = 'é'
SELECT unistr('\0441')
SELECT string_agg(c, '' ORDER BY c DESC) FROM unnest(ARRAY['b', 'a', 'c']) AS t(c)
SELECT levenshtein('a', 'b')
SELECT 'x' IS NULL
SELECT '' IS NULL
SELECT length('') = 0
SELECT ('a' || 'b')::varchar(1)
SELECT trim('  x ')::text
SELECT regexp_split_to_array('a1b2c', '[0-9]')
SELECT parse_ident('a.b')
SELECT string_agg(DISTINCT type, '|' ORDER BY type) FROM events
SELECT quote_ident('a'), quote_ident('A b'), quote_ident('select'), quote_ident('a"b'), quote_ident('"a"'), quote_ident(''), quote_ident(NULL)
SELECT quote_literal(1), quote_literal(1.50), quote_literal(true), quote_literal(date '2026-01-01'), quote_literal('a''b\c'), quote_nullable(NULL)

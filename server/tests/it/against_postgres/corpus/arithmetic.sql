-- Literals and arithmetic of whole numbers, decimals and floats.
SELECT 1
SELECT 1.0
SELECT 1.50
SELECT .5
SELECT 5.
SELECT 1e3
SELECT 1e-3
SELECT 1.5e2
SELECT 2147483647
SELECT 2147483648
SELECT 9223372036854775807
SELECT 9223372036854775808
SELECT 123456789012345678901234567890
SELECT -2147483648
SELECT -9223372036854775808
SELECT -1
SELECT - 1
SELECT +1
SELECT - -1
SELECT true
SELECT false
SELECT 'text'
SELECT ''
SELECT 'O''Hara'
SELECT E'a\tb'
SELECT E'a\\b'
SELECT E'\x41'
SELECT 'a'
  'b' AS joined
SELECT $$dollar$$, $tag$it's$tag$
SELECT U&'d\0061t\+000061'
SELECT 1 + 1
SELECT 1 - 1
SELECT 2 * 3
SELECT 7 / 2
SELECT 7 % 2
SELECT -7 / 2
SELECT -7 % 2
SELECT 7 / -2
SELECT 7 % -2
SELECT 7.0 / 2
SELECT 7 / 2.0
SELECT 7.0 / 2.0
SELECT 1 / 3.0
SELECT 2 / 3.0
SELECT 20 / 3.0
SELECT 200 / 3.0
SELECT 1.0 / 3
SELECT 10.0 / 3
SELECT 1000000.0 / 3
SELECT 0.001 / 3
SELECT 1 / 7.0 * 7
SELECT 0.1 + 0.2
SELECT 0.1 + 0.2 = 0.3
SELECT 0.1::float8 + 0.2::float8
SELECT 1.10 + 2.205
SELECT 1.10 * 2.205
SELECT 1.5 - 1.50
SELECT 5.5 % 2
SELECT -5.5 % 2
SELECT 5 % 2.5
SELECT 2 ^ 10
SELECT 2 ^ 0.5
SELECT 2.0 ^ 3
SELECT -2 ^ 2
SELECT 2 ^ 3 ^ 2
SELECT |/ 16
SELECT ||/ 27
SELECT @ -5
SELECT @ -5.5
SELECT 5 & 3
SELECT 5 | 3
SELECT 5 # 3
SELECT ~5
SELECT 1 << 4
SELECT 256 >> 4
SELECT 2147483647 + 1
SELECT 2147483647 * 2
SELECT -2147483648 - 1
SELECT 2147483647::bigint + 1
SELECT 9223372036854775807 + 1
SELECT 9223372036854775807 - -1
SELECT 9223372036854775807 * 2
SELECT 9223372036854775807::numeric + 1
SELECT 32767::smallint + 1::smallint
SELECT 32767::smallint + 1
SELECT 1::smallint + 1::bigint
SELECT 1 / 0
SELECT 1 % 0
SELECT 1.0 / 0
SELECT 1.0 % 0
SELECT 1::float8 / 0
SELECT 0.0 / 0.0
SELECT 1e308 * 10
SELECT 1e308::float8 * 10
SELECT 1e400
SELECT 'NaN'::float8
SELECT 'Infinity'::float8
SELECT '-Infinity'::float8
SELECT 'NaN'::numeric
SELECT 'NaN'::float8 = 'NaN'::float8
SELECT 'NaN'::float8 > 'Infinity'::float8
SELECT 1 = 1.0
SELECT 1 < 1.5
SELECT 2 > 1.99999
SELECT 1 <> 2
SELECT 1 != 1
SELECT 3 BETWEEN 1 AND 5
SELECT 3 NOT BETWEEN 1 AND 5
SELECT 3 BETWEEN 5 AND 1
SELECT 3 BETWEEN SYMMETRIC 5 AND 1
SELECT 1 IN (1, 2, 3)
SELECT 4 NOT IN (1, 2, 3)
SELECT 1.0 IN (1, 2)
SELECT 1 + 2 * 3 - 4 / 2
SELECT (1 + 2) * (3 - 4)
SELECT 1 + 1.5
SELECT 1.5 + 1::float8
SELECT 1 + 1::float8
SELECT 100 * 1.1
SELECT 100 * 1.10
SELECT 100 / 8
SELECT 100 / 8.0
SELECT 3 * 0.1 = 0.3
SELECT 1::float4 / 3
SELECT 1::float8 / 3
SELECT 1.1::float4
SELECT 1.1::float4::float8
SELECT 123456789.123456789::float8
SELECT 1e15::float8
SELECT 1e16::float8
SELECT 1e-5::float8
SELECT 0.0001::float8
SELECT 100000::float8
SELECT 1e20::float8
SELECT 1.5e300::float8
SELECT 1e5::float4
SELECT 1e6::float4
SELECT 1234567::float4
SELECT value, value + 1, value * 2, value / 3 FROM usage ORDER BY tenant, meter, window_start, dimensions LIMIT 20
SELECT value * 1.1 = value + value * 0.1 AS same, count(*) FROM usage GROUP BY 1
SELECT value / 7 FROM usage_total ORDER BY tenant, meter, period_start
SELECT value % 7 FROM usage_total ORDER BY tenant, meter, period_start
SELECT revision / 2, revision % 2, revision * 1.5 FROM events ORDER BY revision LIMIT 10
SELECT revision + 1, revision - 1, -revision FROM events ORDER BY revision LIMIT 3
SELECT sum(value) / count(*) FROM usage
SELECT sum(value) / count(*) = avg(value) FROM usage
SELECT count(*) / 7, count(*) / 7.0, count(*) * 100.0 / 180 FROM events
SELECT count(*) FILTER (WHERE late) * 100.0 / count(*) AS percent FROM events
SELECT 100 * count(*) FILTER (WHERE late) / count(*) FROM events
SELECT (count(*) FILTER (WHERE late))::float8 / count(*) FROM events
SELECT value / 0 FROM usage LIMIT 1
SELECT 1 / (revision - revision) FROM events LIMIT 1
SELECT "limit" - used, "limit" / 3, used / "limit" FROM quotas ORDER BY tenant, meter, kind
SELECT used * 100 / "limit" AS percent FROM quotas ORDER BY tenant, meter, kind
SELECT 0.5 * 0.5 * 0.5 * 0.5
SELECT 1.000000001 * 1.000000001
SELECT 12345678901234567890.123456789 + 0.000000001
SELECT 99999999999999999999 * 99999999999999999
SELECT 1 AS a, -1 AS b UNION ALL SELECT 2, 3 ORDER BY 1
SELECT 1::int2
SELECT 1::int4
SELECT 1::int8
SELECT 1::numeric
SELECT 1::float4
SELECT 1::float8
SELECT abs(-5)
SELECT abs(-5.5)
SELECT abs(-5::float8)
SELECT abs(5::bigint)
SELECT 17 / 5 * 5 + 17 % 5
SELECT (7 / 2)::numeric
SELECT 7 / 2::numeric
SELECT 1_000
SELECT 0x1F
SELECT 1 +
  2
SELECT 5 /* five */ + 1 -- and one

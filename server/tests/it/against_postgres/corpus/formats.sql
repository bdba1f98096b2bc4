-- to_char, to_date, to_timestamp and to_number, by patterns.
SELECT to_char(timestamp '2026-03-01 13:05:09.012345', 'YYYY-MM-DD HH24:MI:SS')
SELECT to_char(timestamp '2026-03-01 13:05:09.012345', 'YYYY-MM-DD"T"HH24:MI:SS.MS')
SELECT to_char(timestamp '2026-03-01 13:05:09.012345', 'HH12:MI:SS.US AM')
SELECT to_char(timestamp '2026-03-01 13:05:09', 'HH:MI pm')
SELECT to_char(timestamp '2026-03-01 13:05:09', 'Day, DD Month YYYY')
SELECT to_char(timestamp '2026-03-01 13:05:09', 'FMDay, FMDD FMMonth YYYY')
SELECT to_char(timestamp '2026-03-01 13:05:09', 'Dy DD Mon YY')
SELECT to_char(timestamp '2026-03-01 13:05:09', 'DY MON')
SELECT to_char(timestamp '2026-03-01 13:05:09', 'D ID DDD WW IW IYYY Q CC J')
SELECT to_char(timestamp '2026-03-01 13:05:09', 'YYYY-"Q"Q')
SELECT to_char(timestamp '2026-03-01 13:05:09', 'IYYY-IW')
SELECT to_char(timestamp '2026-03-01 13:05:09', 'MONTH|Month|month|MON|Mon|mon')
SELECT to_char(timestamp '2026-03-01 13:05:09', 'DDth "of" FMMonth')
SELECT to_char(timestamp '2026-03-22 13:05:09', 'FMDDth')
SELECT to_char(timestamp '2026-03-01 13:05:09', 'Y,YYY YYY YY Y')
SELECT to_char(timestamp '2026-03-01 03:05:09', 'FMHH12:FMMI')
SELECT to_char(timestamp '2026-03-01 13:05:09', 'SSSS SSSSS')
SELECT to_char(timestamp '2026-03-01 13:05:09.5', 'FF1 FF3 FF6')
SELECT to_char(date '2026-03-01', 'DD.MM.YYYY')
SELECT to_char(date '2026-03-01', 'RM')
SELECT to_char(timestamptz '2026-03-01 13:05:09+00', 'YYYY-MM-DD HH24:MI:SSOF')
SELECT to_char(timestamptz '2026-03-01 13:05:09+00', 'TZ')
SELECT to_char(timestamp '2026-03-01', 'yyyy-mm-dd hh24:mi')
SELECT to_char(timestamp '2026-03-01', 'no pattern: x')
SELECT to_char(timestamp '2026-03-01', '')
SELECT to_char(NULL::timestamp, 'YYYY')
SELECT to_char(timestamp '2026-03-01', NULL)
SELECT to_char(timestamp '2026-03-01 13:05', 'A.M. a.m. P.M. B.C. ad')
SELECT to_char(interval '1 day 2 hours 3 minutes', 'DD HH24:MI')
SELECT to_char(1234.5, '9999.99')
SELECT to_char(1234.5, 'FM9999.99')
SELECT to_char(1234.5, '9,999.00')
SELECT to_char(-5, '999')
SELECT to_char(1234567.891, 'FM9,999,999.00')
SELECT to_char(0.5, '0.99')
SELECT to_char(0.5, 'FM990.0')
SELECT to_char(12, '00000')
SELECT to_char(5, 'FM000')
SELECT to_char(12345, '999')
SELECT to_char(0, '999')
SELECT to_char(0.1, '9.9')
SELECT to_char(12, 'S99')
SELECT to_char(-12, '99MI')
SELECT to_char(-12, '99PR')
SELECT to_char(1234, '9G999D99')
SELECT to_char(42, 'FM99th')
SELECT to_char(42, 'RN')
SELECT to_char(1234.5, '9.99EEEE')
SELECT to_char(1234, 'L9999')
SELECT to_char(12.5::float8, '99.9')
SELECT to_char(42::int, '"N:"99')
SELECT to_char(value, 'FM999999990.00') FROM usage_total ORDER BY tenant, meter, period_start
SELECT to_char(value, '999,999.9') FROM usage_total ORDER BY tenant, meter, period_start
SELECT to_char(sum(value), 'FM999,999,999') FROM usage
SELECT to_char(count(*), '9999') FROM events
SELECT to_char(avg(value), 'FM9990.000') FROM usage
SELECT to_char(round(100.0 * used / "limit", 1), 'FM990.0') || '%' FROM quotas ORDER BY tenant, meter, kind
SELECT to_date('2026-03-01', 'YYYY-MM-DD')
SELECT to_date('01.03.2026', 'DD.MM.YYYY')
SELECT to_date('01 Mar 2026', 'DD Mon YYYY')
SELECT to_date('20260301', 'YYYYMMDD')
SELECT to_date('2026-060', 'YYYY-DDD')
SELECT to_date('2026', 'YYYY')
SELECT to_date('26-3-1', 'YY-MM-DD')
SELECT to_date('March 1, 2026', 'Month DD, YYYY')
SELECT to_date('2026-W09-7', 'IYYY-"W"IW-ID')
SELECT to_date('2026-02-30', 'YYYY-MM-DD')
SELECT to_date('nonsense', 'YYYY-MM-DD')
SELECT to_timestamp('2026-03-01 13:05:09', 'YYYY-MM-DD HH24:MI:SS')
SELECT to_timestamp('2026-03-01', 'YYYY-MM-DD')
SELECT to_timestamp('01/03/2026 01:05 PM', 'DD/MM/YYYY HH12:MI PM')
SELECT to_timestamp('2026-03-01 13:05:09.5', 'YYYY-MM-DD HH24:MI:SS.MS')
SELECT to_timestamp('1772366400')
SELECT to_timestamp('2026', 'YYYY')
SELECT to_timestamp('2026-03-01 25:00', 'YYYY-MM-DD HH24:MI')
SELECT to_number('1,234.50', '9,999.99')
SELECT to_number('-12', 'S99')
SELECT to_number('42', '99')
SELECT to_number('12.5-', '99.9S')
SELECT to_number('$1,234', 'L9,999')
SELECT to_number('abc', '999')
SELECT to_char(time, 'YYYY-MM-DD HH24') AS hour, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 10
SELECT to_char(time, 'YYYY-MM') AS month, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT to_char(time, 'IYYY-"W"IW') AS week, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT to_char(time, 'Dy') AS day, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT to_char(time, 'Day') AS day, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT to_char(time, 'HH24:MI') FROM events ORDER BY revision LIMIT 5
SELECT to_char(time, 'MS'), to_char(time, 'US') FROM events ORDER BY revision LIMIT 5
SELECT count(*) FROM events WHERE to_char(time, 'YYYY') = '2026'
SELECT count(*) FROM events WHERE to_char(time, 'YYYY-MM-DD') = '2026-11-02'
SELECT to_char(date_trunc('month', time), 'Mon YYYY') AS m, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT to_char(window_start, 'DD.MM.') AS day, sum(value) FROM meter_tokens GROUP BY 1 ORDER BY 1
SELECT to_date(to_char(time, 'YYYYMMDD'), 'YYYYMMDD') AS day, count(*) FROM events GROUP BY 1 ORDER BY 1 LIMIT 5
SELECT to_char(time, 'FMHH12 am') AS h, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT to_char(revision, 'FM0000') FROM events ORDER BY revision LIMIT 3
SELECT to_char(max(time) - min(time), 'DD "days" HH24:MI') FROM events
SELECT to_char(time::date, 'Q') AS q, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT tenant || to_char(created_at, ' (YYYY)') FROM tenants ORDER BY tenant
SELECT to_number('12,454.8-', '99G999D9S'), to_number('$1,234.56', 'L9,999.99'), to_number('-34,338,492', '99G999G999')
SELECT to_number('12.345', '99.9'), to_number('12.345', '99D999'), to_number('1234', '99'), to_number('0012', '9999')
SELECT to_number('12', '99.99'), to_number('12.5', '99.99'), to_number('12.567', '99.99'), to_number('.5', '.9'), to_number('5.', '9.9')
SELECT to_number('<12>', '99PR'), to_number('12-', '99MI'), to_number('+12', 'SG99'), to_number(' 12', '99'), to_number('42nd', '99th')
SELECT to_number('1 2', '9 9'), to_number('12 34', '9999'), to_number('x12', '"x"99'), to_number('5 %', '9 "%"'), to_number('é12', 'x99')
SELECT to_number('1,234', 'FM9,999'), to_number('34,50', '999,99'), to_number('123,000', '999G'), to_number('-0', '9')
SELECT to_number('5 4 4 4 4 8 . 7 8', '9 9 9 9 9 9 . 9 9'), to_number('.-01', '99.99S'), to_number(' . 0 1-', ' 9 9 . 9 9 S')
SELECT to_number('-34,338,492.654,878', '99G999G999D999G999'), to_number('5.01-', 'FM9.999999S')
SELECT to_number('', '99')
SELECT to_number('1234', '99.99')
SELECT to_number('.', '9.9')
SELECT to_number('1.5e3', '9.9EEEE')
SELECT to_number('XII', 'RN')
SELECT to_number('12.5', '99V9')
SELECT to_number(NULL, '9'), to_number('1', NULL), to_number('1', '')
SELECT to_number(1, '9')
SELECT sum(to_number(substring(id FROM 3), '999')) FROM events
SELECT to_number(id, '"e-"999'), id FROM events ORDER BY revision LIMIT 3

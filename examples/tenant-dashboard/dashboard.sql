\pset footer off
\echo Tokens by day and model
SELECT to_char(window_start, 'YYYY-MM-DD') AS day, model, value::bigint AS tokens
FROM meter_tokens ORDER BY window_start, model;

\echo Allowance
SELECT meter, "limit"::bigint AS allowance, used::bigint, remaining::bigint FROM quotas;

\echo Refused
SELECT reason, field, count FROM rejections;

\echo Everybody whom this key sees
SELECT DISTINCT tenant FROM events;

select tenant, date_trunc('hour', window_start) as hour, sum(value) as value, count(*) as windows
from {{ source('node', 'usage') }}
group by 1, 2

"""Reads a large result batch by batch and keeps none of it."""

import sys

import adbc_driver_flightsql.dbapi as flightsql
from adbc_driver_flightsql import DatabaseOptions

port, key, rows = sys.argv[1:]
header = {DatabaseOptions.AUTHORIZATION_HEADER.value: f"Bearer {key}"}
sql = f"""select a.value as a, b.value as b, repeat('x', 100) || cast(b.value as varchar) as text
    from generate_series(1, 1000) a(value) cross join generate_series(1, {int(rows) // 1000}) b(value)"""
with flightsql.connect(f"grpc://127.0.0.1:{port}", db_kwargs=header) as connection, connection.cursor() as cursor:
    cursor.execute(sql)
    count = sum(batch.num_rows for batch in cursor.fetch_record_batch())
assert count == int(rows), count

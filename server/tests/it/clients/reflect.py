"""SQLAlchemy reflects the views; pandas reads them, whole, by parameters and in chunks."""

import pandas as pd
import sqlalchemy as sa

engine = sa.create_engine("postgresql+psycopg://")
inspector = sa.inspect(engine)

assert inspector.default_schema_name == "public"
assert "public" in inspector.get_schema_names()
assert inspector.get_table_names() == []
assert {"usage", "meter_tokens", "engine"} <= set(inspector.get_view_names())
assert inspector.has_table("usage") and not inspector.has_table("nothing")
assert inspector.get_pk_constraint("usage")["constrained_columns"] == []
assert inspector.get_foreign_keys("usage") == []
assert inspector.get_indexes("usage") == []
assert inspector.get_unique_constraints("usage") == []
assert inspector.get_check_constraints("usage") == []

usage = sa.Table("usage", sa.MetaData(), autoload_with=engine)
kinds = {column.name: type(column.type) for column in usage.columns}
assert kinds["tenant"] is sa.TEXT and kinds["final"] is sa.BOOLEAN and kinds["revision"] is sa.BIGINT, kinds
assert issubclass(kinds["value"], sa.Numeric), kinds
assert usage.c.window_start.type.timezone and not usage.c.tenant.nullable

# What tools that know no dialect go by; SQLAlchemy itself asks pg_catalog.
information = sa.table("columns", *map(sa.column, ["table_name", "column_name", "data_type", "udt_name", "numeric_scale"]), schema="information_schema")
described = sa.select(information.c["column_name", "data_type", "udt_name", "numeric_scale"]).where(information.c.table_name == "usage")
with engine.connect() as connection:
    described = {name: tuple(rest) for name, *rest in connection.execute(described)}
assert described["tenant"] == ("text", "text", None), described
assert described["window_start"] == ("timestamp with time zone", "timestamptz", None), described
assert described["value"] == ("numeric", "numeric", 9), described
assert described["revision"] == ("bigint", "int8", 0) and described["final"] == ("boolean", "bool", None), described

with engine.connect() as connection:
    total = sa.select(usage.c.tenant, sa.func.sum(usage.c.value)).group_by(usage.c.tenant).order_by(usage.c.tenant)
    assert connection.execute(total).fetchall() == [("acme", 1830), ("globex", 100)]
    few = sa.select(sa.func.count()).where(usage.c.value > 30, usage.c.tenant.in_(["acme"]), usage.c.value < 41)
    assert connection.execute(few).scalar() == 10

everything = sa.MetaData()
everything.reflect(engine, views=True)
assert "usage" in everything.tables

since = pd.Timestamp("2026-11-23 11:30", tz="UTC")
query = sa.text("select window_start, value from usage where tenant = :tenant and window_start >= :since")
frame = pd.read_sql(query, engine, params={"tenant": "acme", "since": since})
assert frame.shape == (30, 2) and str(frame.dtypes["window_start"]).startswith("datetime64"), frame.dtypes
assert pd.read_sql_table("tenants", engine).shape[0] >= 2
with engine.connect().execution_options(stream_results=True) as streaming:
    chunks = pd.read_sql("select * from usage where tenant = 'acme'", streaming, chunksize=25)
    assert [len(chunk) for chunk in chunks] == [25, 25, 10]

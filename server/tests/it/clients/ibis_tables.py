"""ibis against a node: it looks around, knows types, and computes where the rows are."""

import datetime as dt
import os
from decimal import Decimal

import ibis

# Of the environment it takes all but the port.
con = ibis.postgres.connect(port=int(os.environ["PGPORT"]))
assert (con.current_catalog, con.current_database) == ("tenantry", "public")
assert "tenantry" in con.list_catalogs() and "public" in con.list_databases()
views = con.list_tables()
assert {"usage", "tenants", "meter_tokens"} <= set(views), views
assert con.list_tables(like="usage$") == ["usage"]

usage, tokens = con.table("usage"), con.table("meter_tokens")
kinds = {name: str(kind).removeprefix("!") for name, kind in usage.schema().items()}
assert kinds["tenant"] == "string" and kinds["value"].startswith("decimal") and kinds["final"] == "boolean", kinds
assert kinds["window_start"].startswith("timestamp('UTC'") and kinds["revision"] == "int64", kinds
print(f"usage: {len(kinds)} columns")

assert usage.count().execute() == 61
by_tenant = usage.group_by("tenant").agg(total=usage["value"].sum(), most=usage["value"].max()).order_by("tenant")
assert by_tenant.to_pyarrow().to_pylist() == [
    {"tenant": "acme", "total": Decimal(1830), "most": Decimal(60)},
    {"tenant": "globex", "total": Decimal(100), "most": Decimal(100)},
]
since = dt.datetime(2026, 11, 23, 11, 30, tzinfo=dt.timezone.utc)
late = tokens.filter(tokens["window_start"] >= since, tokens["model"].like("sm%"))
assert late.count().execute() == 16
hours = late["window_start"].truncate("h").name("hour")
assert late.group_by(hours).agg(n=late.count()).execute()["n"].tolist() == [16]
portions = [len(batch) for batch in usage.order_by("value").to_pyarrow_batches(chunk_size=25)]
assert portions == [25, 25, 11], portions
print(f"portions: {portions}")

next_largest = tokens.order_by(tokens["value"].desc()).limit(3, offset=1).select("tenant", "value")
assert next_largest.to_pyarrow().column("value").to_pylist() == [60, 59, 58]
ranked = tokens.mutate(place=ibis.row_number().over(group_by="model", order_by=ibis.desc("value")))
firsts = ranked.filter(ranked["place"] == 0).order_by("model").select("model", "value").to_pyarrow().to_pylist()
assert firsts == [{"model": "large", "value": Decimal(60)}, {"model": "small", "value": Decimal(100)}], firsts
shares = tokens.group_by("model").agg(share=(tokens["value"] > 30).mean()).order_by("model").execute()["share"].tolist()
assert [round(share, 3) for share in shares] == [0.5, 0.516], shares
largest = con.sql("select tenant, value from usage where value > 59", schema={"tenant": "string", "value": "decimal(38, 9)"})
assert largest.count().execute() == 2
print(f"shares: {[round(share, 3) for share in shares]}")

"""psqlODBC through pyodbc, as Excel, Power BI and Tableau come: every answer is what Postgres would give."""

import datetime as dt
import os
import sys
import uuid
from decimal import Decimal

import pyodbc

DAY = dt.date(2026, 1, 2)
LOCAL = dt.datetime(2026, 1, 2, 3, 4, 5, 678901)
FIVE = uuid.UUID(int=5)
# The driver tells texts and times what they are by a cast, and has the server tell the rest.
ANSWERS = [
    ("select tenant from tenants order by 1 limit ?", [2], [("acme",), ("globex",)]),
    ("select tenant from tenants order by 1 limit ? offset ?", [1, 1], [("globex",)]),
    ("select count(*) from usage where tenant = ?", ["acme"], [(60,)]),
    ("select count(*) from usage where tenant in (?, ?)", ["acme", "globex"], [(61,)]),
    ("select sum(value) from usage where value > ? and value <= ?", [Decimal("30.5"), 60], [(Decimal(1365),)]),
    ("select count(*) from usage where window_start >= ? and final = ?", [dt.datetime(2026, 11, 23, 11, 30), False], [(31,)]),
    ("select count(*) from meter_tokens where model like ?", ["sm%"], [(31,)]),
    ("select tenant || ? from tenants where tenant = 'acme'", ["'s"], [("acme's",)]),
    ("select ?::int, ?::bigint, ?::float8", [41, 1 << 40, 1.5], [(41, 1 << 40, 1.5)]),
    ("select ?::numeric(20, 5), ?::text", [Decimal("123.45678"), "hé"], [(Decimal("123.45678"), "hé")]),
    ("select ?::date, ?::timestamp, ?::time", [DAY, LOCAL, dt.time(1, 2, 3)], [(DAY, LOCAL, dt.time(1, 2, 3))]),
    ("select ?::uuid, ?::bytea", [FIVE, b"\x00\x01"], [(str(FIVE), b"\x00\x01")]),
    ("select ?::int, ?::text", [None, None], [(None, None)]),
    ("select {fn ucase(tenant)}, {fn year(window_start)} from usage where window_start = {ts '2026-11-23 11:30:00'} and tenant = 'acme'", [], [("ACME", 2026)]),
    ("select value, value::int, count(*), count(*) from usage where tenant = 'globex' group by value", [], [(Decimal(100), 100, 1, 1)]),
]


def answers(connection):
    for sql, parameters, expect in ANSWERS:
        found = [tuple(row) for row in connection.execute(sql, parameters).fetchall()]
        assert found == expect, (sql, found)
    return f"{len(ANSWERS)} answers"


def catalog(connection):
    cursor = connection.cursor()
    views = {row.table_name for row in cursor.tables(schema="public", tableType="VIEW")}
    assert {"usage", "tenants", "meter_tokens"} <= views, views
    columns = [(row.column_name, row.type_name) for row in cursor.columns(table="usage", schema="public")]
    assert columns[:3] == [("tenant", "text"), ("meter", "text"), ("window_start", "timestamptz")], columns
    assert ("value", "numeric") in columns and ("final", "bool") in columns, columns
    for keys in [cursor.primaryKeys, cursor.foreignKeys, cursor.statistics]:
        assert keys("usage", schema="public").fetchall() == [], keys
    assert any(row.type_name == "numeric" for row in cursor.getTypeInfo())
    assert connection.getinfo(pyodbc.SQL_DBMS_NAME) == "PostgreSQL"
    return f"{len(columns)} columns of usage"


def portions(connection):
    cursor = connection.execute("select value from usage where tenant = 'acme' order by value")
    found = [len(cursor.fetchmany(25)) for _ in range(3)]
    assert found == [25, 25, 10], found
    return f"portions of {found}"


def failures(connection):
    for sql, state in [("select nothing from usage", "42703"), ("delete from usage", "25006"), ("select 'x'::int", "22P02")]:
        try:
            connection.execute(sql)
            raise AssertionError(f"{sql} is no answer")
        except pyodbc.Error as error:
            assert error.args[0] == state, error.args
            connection.rollback()
    return "3 refusals"


def connect(driver, more):
    port, user, key = (os.environ[name] for name in ("PGPORT", "PGUSER", "PGPASSWORD"))
    told = f"Driver={driver};Server=127.0.0.1;Port={port};Database=tenantry;Uid={user};Pwd={key};SSLmode=require"
    return pyodbc.connect(f"{told};{more}", autocommit="Fetch" not in more)


def main():
    # Statements as texts with their values in them, prepared by the server, and read by a cursor.
    for more in ["UseServerSidePrepare=0", "UseServerSidePrepare=1", "UseDeclareFetch=1;Fetch=10"]:
        connection = connect(sys.argv[1], more)
        for part in [answers, catalog, portions, failures]:
            print(f"{more}: {part.__name__}: {part(connection)}")
        connection.close()


main()

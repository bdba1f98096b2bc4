"""What an analyst does with ADBC: connect, ask, bind, list, and be refused."""

import sys

import adbc_driver_flightsql.dbapi as flightsql
import adbc_driver_manager
from adbc_driver_flightsql import DatabaseOptions

port, acme, platform, producer = sys.argv[1:]
uri = f"grpc://127.0.0.1:{port}"


def connect(key):
    return flightsql.connect(uri, db_kwargs={DatabaseOptions.AUTHORIZATION_HEADER.value: f"Bearer {key}"})


def login(user, key):
    return flightsql.connect(uri, db_kwargs={"username": user, "password": key})


def rows(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def refused(act, status, *words):
    try:
        act()
    except adbc_driver_manager.Error as error:
        assert error.status_code == status, (error.status_code, str(error))
        for word in words:
            assert word in str(error), str(error)
    else:
        raise AssertionError(f"expected to be refused with {status}")


Status = adbc_driver_manager.AdbcStatusCode

# Each sees its own, whichever way the key came.
with connect(acme) as connection:
    assert rows(connection, "select tenant, count(*) from events group by 1") == [("acme", 3)]
    # Parameters, by the mark of the DB-API and by number.
    assert rows(connection, "select count(*) from events where id = ?", ("acme-1",)) == [(1,)]
    assert rows(connection, "select count(*) from events where id = ?", ("globex-1",)) == [(0,)]
    assert rows(connection, "select $2 - $1", (1, 44)) == [(43,)]
    assert rows(connection, "select ?", ("it's",)) == [("it's",)]
    with connection.cursor() as cursor:
        cursor.adbc_prepare("select id from events where id = ?")
        for number in range(3):
            cursor.execute("select id from events where id = ?", (f"acme-{number}",))
            assert cursor.fetchone() == (f"acme-{number}",)
    # Types arrive as they are.
    with connection.cursor() as cursor:
        cursor.execute("select id, type, time, data, late, revision from events order by revision")
        table = cursor.fetch_arrow_table()
        types = [str(field.type) for field in table.schema]
        assert types == ["string", "string", "timestamp[us, tz=UTC]", "string", "bool", "int64"], types
        assert table.num_rows == 3
    # Lists.
    objects = connection.adbc_get_objects(depth="all").read_all().to_pylist()
    (catalog,) = objects
    assert catalog["catalog_name"] == "tenantry", catalog
    (schema,) = catalog["catalog_db_schemas"]
    tables = {table["table_name"]: table for table in schema["db_schema_tables"]}
    assert "usage" in tables and "engine_shards" not in tables, sorted(tables)
    assert tables["usage"]["table_type"] == "VIEW"
    columns = [column["column_name"] for column in tables["usage"]["table_columns"]]
    assert "window_start" in columns, columns
    assert connection.adbc_get_table_types() == ["VIEW"]
    assert connection.adbc_get_table_schema("events").field("tenant").type == "string"
    info = connection.adbc_get_info()
    assert info["vendor_name"] == "Tenantry", info

    refused(lambda: rows(connection, "selec 1"), Status.INVALID_ARGUMENT, "selec")
    refused(lambda: rows(connection, "select nothing from events"), Status.INVALID_ARGUMENT, "nothing")
    refused(lambda: rows(connection, "create table t (a int)"), Status.INVALID_ARGUMENT, "SQL only reads")
    refused(lambda: rows(connection, "select ?"), Status.INVALID_ARGUMENT)

with login("acme", acme) as connection:
    assert rows(connection, "select count(*) from events") == [(3,)]
with login("platform", platform) as connection:
    assert rows(connection, "select tenant, count(*) from events group by 1 order by 1") == [("acme", 3), ("globex", 5)]

# Strangers, wrong users and keys of another scope.
refused(lambda: rows(connect("tn_nonsense"), "select 1"), Status.UNAUTHENTICATED)
refused(lambda: rows(connect(acme[:-1] + ("a" if acme[-1] != "a" else "b")), "select 1"), Status.UNAUTHENTICATED)
refused(lambda: rows(flightsql.connect(uri), "select 1"), Status.UNAUTHENTICATED, "no API key")
refused(lambda: rows(login("globex", acme), "select 1"), Status.UNAUTHENTICATED, "belongs to acme")
refused(lambda: rows(connect(producer), "select 1"), Status.UNAUTHORIZED, "scope query")

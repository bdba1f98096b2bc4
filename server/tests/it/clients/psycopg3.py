"""psycopg 3 against a node: every assertion is what Postgres would do."""

import asyncio
import datetime as dt
import threading
import uuid
from decimal import Decimal

import psycopg
from psycopg import errors
from psycopg.types.json import Json, Jsonb

UTC = dt.timezone.utc
ROWS = "select v from generate_series(1, 1000) s(v)"
ENDLESS = "select count(*) from generate_series(1, 100000000000)"
ONE_TYPE_EACH = [
    ("%s::smallint", 7),
    ("%s::int", 41),
    ("%s::bigint", 1 << 40),
    ("%s::numeric(20, 5)", Decimal("123.45678")),
    ("%s::double precision", 1.5),
    ("%s::real", 1.5),
    ("%s::text", "hé"),
    ("%s::bool", True),
    ("%s::bytea", b"\x00\x01"),
    ("%s::date", dt.date(2026, 1, 2)),
    ("%s::time", dt.time(1, 2, 3)),
    ("%s::timestamp", dt.datetime(2026, 1, 2, 3, 4, 5, 678901)),
    ("%s::timestamptz", dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)),
    ("%s::interval", dt.timedelta(days=1, seconds=5)),
    ("%s::int[]", [1, 2, 3]),
    ("%s::text[]", ["a", "b"]),
    ("%s::numeric(10, 1)[]", [Decimal("1.5")]),
    ("%s::float8[]", [1.5, None]),
    ("%s::bool[]", [True, False]),
    ("%s::date[]", [dt.date(2026, 1, 2), None]),
    ("%s::timestamp[]", [dt.datetime(2026, 1, 2, 3, 4, 5, 678901)]),
    ("%s::timestamptz[]", [dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), None]),
    ("%s", [dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)]),
    ("%s::text", None),
]
FIVE = uuid.UUID(int=5)
CHECKED_TEXTS = [
    ("%s::jsonb", Jsonb({"a": 1}), {"a": 1}),
    ("%s::json", Json({"a": 1}), {"a": 1}),
    ("%s::jsonb", None, None),
    ("%s::text", Jsonb(None), "null"),
    ("%s::jsonb::text", Jsonb({"a": 1}), '{"a": 1}'),
    ("%s::uuid", FIVE, FIVE),
    ("%s::uuid", str(FIVE), FIVE),
    ("%s::uuid", None, None),
    ("%s::uuid::text", FIVE.hex.upper(), str(FIVE)),
    ("%s::uuid[]", [FIVE], [str(FIVE)]),
    ("x from (select %s::uuid as x union all select null::uuid) order by 1 nulls last limit 1", FIVE, FIVE),
    ("x from (select %s::uuid as x union all select 'a') order by 1 limit 1", FIVE, str(FIVE)),
    ("max(x) from (select %s::uuid as x) as t group by x", FIVE, str(FIVE)),
    ("x from (select %s::jsonb as x) as t group by x", Jsonb([1]), [1]),
    ("coalesce(%s::jsonb, 'x')", Jsonb([1]), "[1]"),
    ("%s::text[]", [FIVE], [str(FIVE)]),
    ("%s::text[]", [Jsonb({"a": 1}), None], ['{"a": 1}', None]),
    (f"'{FIVE}' = %s", FIVE, True),
    (f"'{FIVE}' = any(%s)", [uuid.UUID(int=4), FIVE], True),
    ("%s::jsonb ->> 'a'", Jsonb({"a": 1}), "1"),
    ("%s::jsonb -> 'a'", Jsonb({"a": [1, "x"]}), [1, "x"]),
    ("%s::json -> 'b'", Json({"a": 1}), None),
    ("(%s::jsonb -> 'a') ->> -1", Jsonb({"a": [1, "x"]}), "x"),
]


def types(connection, binary, placeholder):
    def one(sql, *parameters):
        row = connection.execute(sql.replace("%s", placeholder), parameters, binary=binary).fetchone()
        return row[0]

    for sql, value in ONE_TYPE_EACH:
        assert one("select " + sql, value) == value, (sql, value, one("select " + sql, value))
    for sql, value, expect in CHECKED_TEXTS:
        assert one("select " + sql, value) == expect, (sql, value, one("select " + sql, value))
    first = "select array[time, null] from events where tenant = %s"
    assert one(first, "globex") == [dt.datetime(2026, 11, 23, 11, 30, tzinfo=UTC), None]
    assert one("select data from events where tenant = %s", "globex") == '{"model":"small","tokens":100}'
    assert one("select count(*) from events where data ->> 'model' = %s", "small") == 31
    assert one("select sum((data ->> 'tokens')::numeric) from events where tenant = %s", "globex") == 100
    assert one("select %s + 1", 41) == 42
    assert one("select count(*) from usage where value > %s", 30) == 31
    assert one("select count(*) from usage where value > %s", Decimal("30.5")) == 31
    assert one("select count(*) from usage where value > %s", 30.5) == 31
    assert one("select count(*) from usage where tenant = any(%s)", ["globex", "x"]) == 1
    since = dt.datetime(2026, 11, 23, 11, 30, tzinfo=UTC)
    assert one("select count(*) from usage where window_start >= %s and tenant = %s", since, "acme") == 30
    minutes = [since, since + dt.timedelta(minutes=1)]
    assert one("select count(*) from usage where window_start = any(%s) and tenant = 'acme'", minutes) == 2
    assert one("select count(*) from usage where window_start = any(%s::timestamptz[])", [str(since)]) == 2
    names = "select tenant from tenants where tenant = any(%s) order by 1 limit %s"
    assert one(names, ["globex", "acme"], 1) == "acme"


def types_are_named(connection):
    for binary in [False, True]:
        sql = "select '{}'::jsonb, '[1]'::json, uuid '%s', '{\"a\": 1}'::jsonb -> 'a', data -> 'model', data from events"
        cursor = connection.execute(sql % FIVE, binary=binary)
        assert [column.type_code for column in cursor.description] == [3802, 114, 2950, 3802, 114, 25]
        assert cursor.fetchone()[:4] == ({}, [1], FIVE, 1)
        united = f"select (select x from (select '{FIVE}'::uuid as x union all select 'a') order by 1 limit 1)"
        assert connection.execute(united, binary=binary).fetchone() == (str(FIVE),)
    with connection.transaction(), connection.cursor(name="typed", binary=True) as cursor:
        cursor.execute("select '{}'::jsonb as x, %s::uuid as y", [FIVE])
        assert cursor.fetchall() == [({}, FIVE)]
    cursor = connection.execute("select data::jsonb from events")
    assert cursor.description[0].type_code == 3802, cursor.description
    with connection.cursor().copy(f"copy (select '[2]'::jsonb, '{FIVE}'::uuid) to stdout (format binary)") as copy:
        copy.set_types(["jsonb", "uuid"])
        assert list(copy.rows()) == [([2], FIVE)]
    for sql, value, kind in [
        ("select %s::jsonb", "{a}", "json"),
        ("select %s::json", "", "json"),
        ("select %s::uuid", "5-5", "uuid"),
        ("select (%s || tenant)::uuid from tenants", "x", "uuid"),
    ]:
        try:
            connection.execute(sql, [value]).fetchall()
            raise AssertionError(f"{value} is no {kind}")
        except errors.InvalidTextRepresentation as error:
            assert f'invalid input syntax for type {kind}: "{value}' in str(error), error


def subqueries(connection):
    """Those of a select list are not guessed: neither NULL for what has a parameter, nor one row of several."""
    one = lambda sql, *parameters: connection.execute(sql, parameters).fetchone()
    assert one("select (select %s::text)", "x") == ("x",)
    assert one("select (select %s::int) as a, (select %s || 'b')", 4, "a") == (4, "ab")
    rows = connection.execute(
        "select tenant, (select max(value) from usage where usage.tenant = tenants.tenant) from tenants order by 1"
    ).fetchall()
    assert any(value is not None for _, value in rows), rows
    try:
        connection.execute("select (select a from (values (1), (2)) as v (a))").fetchall()
        raise AssertionError("a subquery of two rows is no value")
    except errors.CardinalityViolation:
        pass
    assert one("select %s, %s, %s", None, "b", None) == (None, "b", None), "a NULL keeps its place"


def cursors(connection):
    with connection.transaction():
        with connection.cursor(name="all") as cursor:
            cursor.itersize = 64
            cursor.execute(ROWS)
            assert sum(row[0] for row in cursor) == 500500
        with connection.cursor(name="some", binary=True) as cursor:
            cursor.execute("select value, tenant from usage where tenant <> %s order by value", ["globex"])
            assert cursor.fetchmany(2) == [(Decimal(1), "acme"), (Decimal(2), "acme")]
            assert len(cursor.fetchall()) == 58
    with connection.cursor(name="held", withhold=True) as cursor:
        cursor.execute(ROWS)
        assert cursor.fetchone() == (1,)
    connection.execute("begin")
    connection.execute("declare gone cursor for select 1")
    connection.execute("commit")
    try:
        connection.execute("fetch 1 from gone")
        raise AssertionError("a cursor outlived its transaction")
    except errors.InvalidCursorName:
        pass


def transactions(connection):
    try:
        with connection.transaction():
            connection.execute("select nothing from tenants")
        raise AssertionError("there is no such column")
    except errors.UndefinedColumn:
        pass
    with connection.transaction():
        connection.execute("select 1")
    connection.execute("begin")
    for sql, error in [("select nothing from tenants", errors.UndefinedColumn), ("select 1", errors.InFailedSqlTransaction)]:
        try:
            connection.execute(sql)
            raise AssertionError(f"{sql} in a block that failed")
        except error:
            pass
    connection.execute("rollback")
    try:
        connection.execute("delete from tenants")
        raise AssertionError("SQL only reads")
    except errors.ReadOnlySqlTransaction:
        pass


def settings(connection):
    def shown(name):
        return connection.execute("show " + name).fetchone()[0]

    def check(name, value):
        assert shown(name) == value, (name, shown(name), value)

    before = shown("statement_timeout"), shown("timezone"), shown("datestyle")
    connection.execute("set statement_timeout = '2 s'")
    check("statement_timeout", "2000ms")
    connection.execute("set timezone to 'Europe/Zurich'")
    assert connection.info.timezone.key == "Europe/Zurich"
    # For the block only, whose end gives back what was before.
    for end in ["commit", "rollback"]:
        connection.execute("begin")
        connection.execute("set local statement_timeout to 50")
        connection.execute("set local time zone 'Asia/Tokyo'")
        check("statement_timeout", "50ms")
        assert connection.info.timezone.key == "Asia/Tokyo"
        if end == "rollback":
            try:
                connection.execute(ENDLESS)
                raise AssertionError("it does not end by itself")
            except errors.QueryCanceled:
                pass
        connection.execute(end)
        check("statement_timeout", "2000ms")
        check("timezone", "Europe/Zurich")
        assert connection.info.timezone.key == "Europe/Zurich"
    # A block may come and go in one text.
    connection.execute("begin; set local statement_timeout = 40; select 1; commit")
    check("statement_timeout", "2000ms")
    try:
        connection.execute("begin; set local statement_timeout = 40; select nope")
        raise AssertionError("there is no such column")
    except errors.UndefinedColumn:
        connection.execute("rollback")
    check("statement_timeout", "2000ms")
    # What is set in a block stays if it commits, also behind what was local.
    with connection.transaction():
        connection.execute("set datestyle = 'SQL, DMY'")
        connection.execute("set local datestyle = 'German'")
        check("datestyle", "German")
    check("datestyle", "SQL, DMY")
    connection.execute("begin")
    connection.execute("reset datestyle")
    check("datestyle", before[2])
    connection.execute("rollback")
    check("datestyle", "SQL, DMY")
    connection.execute("reset datestyle")
    check("datestyle", before[2])
    connection.execute("set statement_timeout to default")
    check("statement_timeout", before[0])
    # Outside of a block it is not for anything, which is told.
    told = []
    connection.add_notice_handler(lambda notice: told.append(notice.sqlstate))
    connection.execute("set local statement_timeout to 50")
    check("statement_timeout", before[0])
    assert told == ["25P01"], told
    connection.execute("set work_mem = '4MB'")
    check("work_mem", "4MB")
    connection.execute("reset all")
    assert (shown("statement_timeout"), shown("timezone"), shown("datestyle")) == before
    connection.execute("set statement_timeout = 1500")
    connection.execute("discard all")
    check("statement_timeout", before[0])


def pipelines(connection):
    with connection.pipeline():
        first = connection.execute("select %s::int", [1])
        second = connection.execute("select %s::int", [2])
        assert (first.fetchone(), second.fetchone()) == ((1,), (2,))
    try:
        with connection.pipeline() as pipeline:
            connection.execute("select 1")
            connection.execute("select nope")
            pipeline.sync()
        raise AssertionError("there is no such column")
    except errors.UndefinedColumn:
        pass
    for _ in range(6):
        assert connection.execute("select %s::int", [3], prepare=True).fetchone() == (3,)


def cancelled(connection):
    timer = threading.Timer(0.2, connection.cancel_safe)
    timer.start()
    try:
        connection.execute(ENDLESS)
        raise AssertionError("it does not end by itself")
    except errors.QueryCanceled:
        pass
    timer.join()
    assert connection.execute("select 1").fetchone() == (1,)


def copied(connection):
    with connection.cursor().copy("copy (select tenant, 1 from tenants where tenant = 'acme') to stdout") as copy:
        assert list(copy.rows()) == [("acme", "1")]


async def asynchronous():
    async with await psycopg.AsyncConnection.connect(autocommit=True) as connection:
        cursor = await connection.execute("select count(*) from usage where tenant = %s", ["acme"])
        assert await cursor.fetchone() == (60,)


def proved():
    # Only libpq 16 and later can insist on it.
    with psycopg.connect("require_auth=scram-sha-256 channel_binding=require") as connection:
        assert connection.execute("select current_user").fetchone() == ("platform",)


def main():
    proved()
    with psycopg.connect(autocommit=True) as connection:
        assert connection.info.server_version == 160006
        # Parameters as the driver chooses, as text and in binary; so each result.
        for placeholder in ["%s", "%t", "%b"]:
            types(connection, False, placeholder)
            types(connection, True, placeholder)
        types_are_named(connection)
        subqueries(connection)
        cursors(connection)
        transactions(connection)
        settings(connection)
        pipelines(connection)
        cancelled(connection)
        copied(connection)
    asyncio.run(asynchronous())


main()

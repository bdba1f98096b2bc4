"""asyncpg against a node: every answer is what Postgres would give."""

import asyncio
import datetime as dt
import uuid
from decimal import Decimal

import asyncpg

UTC = dt.timezone.utc
SINCE = dt.datetime(2026, 11, 23, 11, 30, tzinfo=UTC)
LOCAL = dt.datetime(2026, 1, 2, 3, 4, 5, 678901)
DAY = dt.date(2026, 1, 2)
FIVE = uuid.UUID(int=5)
# Values go and come in binary, and have the types that the server tells of parameters and columns.
THERE_AND_BACK = [
    ("smallint", 7),
    ("int", 41),
    ("bigint", 1 << 40),
    ("numeric", Decimal("123.45678")),
    ("float8", 1.5),
    ("text", "hé"),
    ("bool", True),
    ("bytea", b"\x00\x01"),
    ("date", DAY),
    ("time", dt.time(1, 2, 3)),
    ("timestamp", LOCAL),
    ("timestamptz", SINCE),
    ("interval", dt.timedelta(days=1, seconds=5)),
    ("uuid", FIVE),
    ("jsonb", '{"a": 1}'),
    ("int[]", [1, None, 3]),
    ("bigint[]", [1 << 40]),
    ("numeric[]", [Decimal("1.5"), None, Decimal("-0.25")]),
    ("float8[]", [1.5, None]),
    ("text[]", ["a,b", None, 'c"d']),
    ("bool[]", [True, False]),
    ("date[]", [DAY, None]),
    ("timestamp[]", [LOCAL, None]),
    ("timestamptz[]", [SINCE, None]),
    ("int[]", []),
]
ANSWERS = [
    ("select tenant from tenants order by 1 limit $1", [2], ["acme", "globex"]),
    ("select tenant from tenants order by 1 limit $1 offset $2", [1, 1], ["globex"]),
    ("select count(*) from usage where tenant = any($1)", [["globex", "x"]], [1]),
    ("select count(*) from usage where value = any($1)", [[Decimal(1), Decimal("2.5")]], [1]),
    ("select count(*) from usage where window_start = any($1)", [[SINCE]], [2]),
    ("select count(*) from usage where revision <> all($1)", [[-1]], [61]),
    ("select count(*) from usage where value > $1", [Decimal("30.5")], [31]),
    ("select count(*) from usage where window_start >= $1 and tenant = $2", [SINCE, "acme"], [30]),
    ("select count(*) from usage where final = $1", [False], [61]),
    ("select array_agg(value order by value) from usage where value < $1", [3], [[Decimal(1), Decimal(2)]]),
    ("select array_agg(window_start) from usage where tenant = $1", ["globex"], [[SINCE]]),
    ("select array[1.5, 2.5]::numeric[]", [], [[Decimal("1.5"), Decimal("2.5")]]),
    ("select array_agg(distinct tenant order by tenant) from usage", [], [["acme", "globex"]]),
    ("select $1 || tenant from tenants where tenant = 'acme'", ["of "], ["of acme"]),
    ("select coalesce($1, tenant) from tenants where tenant = 'acme'", [None], ["acme"]),
]


async def types(connection):
    for kind, value in THERE_AND_BACK:
        found = await connection.fetchval(f"select $1::{kind}", value)
        assert found == value, (kind, value, found)
        assert await connection.fetchval(f"select $1::{kind}", None) is None, kind
    return f"{len(THERE_AND_BACK)} there and back"


async def answers(connection):
    for sql, parameters, expect in ANSWERS:
        found = [row[0] for row in await connection.fetch(sql, *parameters)]
        assert found == expect, (sql, found)
    twice = await connection.fetchrow("select value, value::int, count(*), count(*) from usage where tenant = 'globex' group by value")
    assert list(twice.keys()) == ["value", "value", "count", "count"] and list(twice) == [100, 100, 1, 1], twice
    return f"{len(ANSWERS) + 1} answers"


async def prepared(connection):
    statement = await connection.prepare("select window_start, value from usage where value >= $1 and tenant = any($2) limit $3")
    assert [kind.name for kind in statement.get_parameters()] == ["numeric", "text[]", "int8"], statement.get_parameters()
    assert [column.type.name for column in statement.get_attributes()] == ["timestamptz", "numeric"]
    counts = [len(await statement.fetch(Decimal(least), ["acme"], 5)) for least in (1, 58, 61)]
    assert counts == [5, 3, 0], counts
    try:
        await connection.fetch("select nothing from usage where value = $1", 1)
        raise AssertionError("there is no such column")
    except asyncpg.UndefinedColumnError:
        pass
    return f"{counts} rows"


async def cursors(connection):
    async with connection.transaction(readonly=True):
        cursor = await connection.cursor("select value from usage where tenant = $1 order by value", "acme")
        first = [int(row["value"]) for row in await cursor.fetch(2)]
        second = [int(row["value"]) for row in await cursor.fetch(2)]
        assert (first, second) == ([1, 2], [3, 4]), (first, second)
        assert [int(row["value"]) async for row in connection.cursor("select value from usage", prefetch=10)] != []
    # Both portions come of one message, whose first is not taken before the second is made.
    await connection.execute("begin; declare c cursor for select tenant from usage; fetch 2 from c; fetch 2 from c; commit")
    return f"portions {first} and {second}"


async def copied(connection):
    rows = []

    async def write(data):
        rows.append(data)

    query = "select tenant, value from usage where tenant = $1"
    assert await connection.copy_from_query(query, "globex", output=write, format="csv") == "COPY 1"
    assert b"".join(rows) == b"globex,100.000000000\n", rows
    return "1 row"


async def pooled(pool):
    async def one(n):
        async with pool.acquire() as connection:
            found = await connection.fetchval("select value from usage where value = $1 and tenant = 'acme'", Decimal(n))
            await connection.execute("set application_name = 'taken'")
            return int(found)

    found = await asyncio.gather(*(one(n) for n in range(1, 41)))
    assert found == list(range(1, 41)), found
    # What a connection was told is forgotten when it goes back.
    assert await pool.fetchval("show application_name") != "taken"
    return f"{len(found)} answers by {pool.get_size()} connections"


async def main():
    async with asyncpg.create_pool(min_size=1, max_size=4) as pool:
        for part in [types, answers, prepared, cursors, copied]:
            # Each part comes upon what the one before has left behind.
            async with pool.acquire() as connection:
                print(f"{part.__name__}: {await part(connection)}")
        print(f"pooled: {await pooled(pool)}")


asyncio.run(main())

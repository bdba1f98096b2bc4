"""Asks the statements of a file by the simple and by the extended protocol, and compares rows with those below each.

A block is a comment, a statement, and its rows behind `-->`, as psql writes them with -At.
"""

import sys
from pathlib import Path

import psycopg


def rows(connection, sql, prepare):
    with connection.cursor() as cursor:
        # Percent signs are the driver's only with parameters, which there are none of.
        cursor.execute(sql.encode(), prepare=prepare)
        result = cursor.pgresult
        values = lambda row: [(result.get_value(row, column) or b"").decode() for column in range(result.nfields)]
        return ["|".join(values(row)) for row in range(result.ntuples)]


def differences(connection, blocks):
    for block in blocks:
        lines = block.splitlines()
        sql = "\n".join(line for line in lines if not line.startswith("--"))
        expect = [line.removeprefix("-->").strip() for line in lines if line.startswith("-->")]
        for prepare in [False, True]:
            protocol = "extended" if prepare else "simple"
            try:
                found = rows(connection, sql, prepare)
            except psycopg.Error as error:
                yield f"{lines[0]} ({protocol})\n{sql}\n{error.sqlstate} {error}"
                continue
            if found != expect:
                yield f"{lines[0]} ({protocol})\n{sql}\n{found}\ninstead of\n{expect}"


def main():
    blocks = [block for block in Path(sys.argv[1]).read_text().split("\n\n") if block.strip()]
    with psycopg.connect(autocommit=True) as connection:
        found = list(differences(connection, blocks))
    print("\n\n".join(found) or f"{len(blocks)} statements")
    sys.exit(bool(found))


main()

"""Asks the statements of a file, by the simple and the extended protocol in turn; prints all that came back of each."""

import json
import sys

import psycopg

FIELDS = ["severity", "sqlstate", "message_primary", "message_detail", "message_hint", "context", "internal_query"]


def ask(connection, sql, extended):
    try:
        with connection.cursor() as cursor:
            # Percent signs are the driver's only with parameters, which there are none of.
            cursor.execute(sql.encode(), binary=extended)
            names = [column.name for column in cursor.description or []]
            rows = cursor.fetchall() if names else []
            return True, repr([names, rows])
    except psycopg.Error as error:
        return False, repr([str(error)] + [getattr(error.diag, field) for field in FIELDS])


with open(sys.argv[1]) as file:
    statements = json.load(file)
with psycopg.connect(autocommit=True) as connection:
    json.dump([ask(connection, sql, at % 2 == 1) for at, sql in enumerate(statements)], sys.stdout)

"""chDB, which is ClickHouse in a process: `on_chdb.py EVENTS.parquet ANSWERS.json FOLDER`. Tables in memory.

Of its ways to keep one row per id, LIMIT 1 BY costs less than DISTINCT and GROUP BY.
"""

import json
import sys

import job
from chdb import session

FILL = """CREATE TABLE peers.minutes ENGINE = Memory AS
SELECT tenant, type, region, model, toStartOfMinute(time) AS minute_start,
       count() AS events, sum(units) AS total, max(units) AS largest
FROM (SELECT * FROM file('{events}', Parquet) LIMIT 1 BY id)
GROUP BY tenant, type, region, model, minute_start"""


def main(events, answers_path, folder):
    clickhouse = session.Session(f"{folder}/clickhouse")
    clickhouse.query("CREATE DATABASE peers")
    clickhouse.query(FILL.format(events=events))
    minutes_cpu_s = job.cpu_s()
    clickhouse.query("USE peers")
    # Wide whole numbers would be quoted in JSON.
    settings = "SETTINGS output_format_json_quote_64bit_integers = 0"
    questions = job.sql("toUnixTimestamp(minute_start)", lambda expression: expression)
    answers = {}
    for name, question in questions.items():
        lines = str(clickhouse.query(f"{question} {settings}", "JSONCompactEachRow")).splitlines()
        answers[name] = [json.loads(line) for line in lines if line]
    version = str(clickhouse.query("SELECT version()", "TabSeparated")).strip()
    job.hand_in(answers_path, version, minutes_cpu_s, answers)


if __name__ == "__main__":
    main(*sys.argv[1:])

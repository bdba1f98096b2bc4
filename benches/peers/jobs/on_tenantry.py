"""Ours: `on_tenantry.py EVENTS ANSWERS.json FOLDER`, with the binary's path in TENANTRY.

Only starts the commands that somebody would type: define the meters, import the file, ask three times. Each command
opens the data folder anew. The events are durable and deduplicated for 34 days, and a file imported twice changes
nothing.
"""

import csv
import io
import os
import subprocess
import sys

import job

TYPES = ["api.request", "llm.completion", "search.query", "storage.write"]
AGGREGATIONS = ["count", "sum", "max"]
COLUMNS = ["id", "time", "tenant", "type", "region", "model", "units"]

METER = """[[meter]]
name = "{name}"
event_type = "{event_type}"
aggregation = "{aggregation}"
dimensions = [{{ name = "region", path = "$.region" }}, {{ name = "model", path = "$.model" }}]
window = {{ tumbling = {{ size_s = 60 }} }}
"""


def view(event_type, aggregation):
    return f"meter_{event_type.replace('.', '_')}_{aggregation}"


def meters():
    for event_type in TYPES:
        for aggregation in AGGREGATIONS:
            name = view(event_type, aggregation).removeprefix("meter_")
            yield METER.format(name=name, event_type=event_type, aggregation=aggregation)
            if aggregation != "count":
                yield 'value = "$.units"\n'


def questions():
    """As in `job.sql`. A meter is one aggregation of one type of events, so a row of several numbers is a join."""

    def counts(event_type, keys, condition=""):
        events, total, largest = (
            f"(SELECT {', '.join(keys)}, {function}(value) AS value FROM {view(event_type, aggregation)} {condition} "
            f"GROUP BY {', '.join(keys)})"
            for aggregation, function in [("count", "sum"), ("sum", "sum"), ("max", "max")]
        )
        same_t, same_l = (" AND ".join(f"n.{key} = {other}.{key}" for key in keys) for other in "tl")
        return f"{events} AS n JOIN {total} AS t ON {same_t} JOIN {largest} AS l ON {same_l}"

    top = counts(job.TOP_TYPE, ["tenant"])
    series = counts(job.SERIES_TYPE, ["window_start"], f"WHERE tenant = '{job.SERIES_TENANT}'")
    largest = " UNION ALL ".join(
        f"SELECT '{event_type}' AS type, n.region, n.model, n.value, t.value, l.value "
        f"FROM {counts(event_type, ['region', 'model'])}"
        for event_type in TYPES
    )
    return {
        "top": f"SELECT n.tenant, n.value, t.value FROM {top} ORDER BY t.value DESC, n.tenant LIMIT {job.TOP_TENANTS}",
        "series": "SELECT CAST(to_unixtime(n.window_start) AS BIGINT) AS minute, n.value, t.value, l.value "
        f"FROM {series} ORDER BY minute",
        "largest": f"{largest} ORDER BY type, region, model",
    }


def main(events, answers_path, folder):
    tenantry, data = os.environ["TENANTRY"], ["--data", f"{folder}/data"]

    def run(*arguments, **options):
        return subprocess.run([tenantry, *arguments, *data], check=True, text=True, **options)

    version = subprocess.run([tenantry, "--version"], check=True, text=True, capture_output=True).stdout.split()[-1]
    meters_file = f"{folder}/meters.toml"
    with open(meters_file, "w", encoding="utf-8") as file:
        file.writelines(meters())
    run("meter", "define", meters_file, stdout=subprocess.DEVNULL)
    columns = [f"--{role}-column={role}" for role in ("id", "time", "tenant", "type")]
    if events.endswith(".csv"):
        with subprocess.Popen(["cat", "-", events], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as named:
            named.stdin.write((",".join(COLUMNS) + "\n").encode())
            named.stdin.close()
            run("import", "-", "--format=csv", "--time-format=unix_us", *columns, stdin=named.stdout)
    else:
        run("import", events, "--format=parquet", *columns)
    minutes_cpu_s = job.cpu_s()
    answers = {}
    for name, question in questions().items():
        table = run("sql", question, "--format=csv", stdout=subprocess.PIPE).stdout
        answers[name] = [[whole(cell) for cell in row] for row in list(csv.reader(io.StringIO(table)))[1:]]
    job.hand_in(answers_path, version, minutes_cpu_s, answers)


def whole(cell):
    return int(cell) if cell.isdecimal() else cell


if __name__ == "__main__":
    main(*sys.argv[1:])

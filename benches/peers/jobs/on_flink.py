"""Apache Flink SQL: `on_flink.py EVENTS.csv ANSWERS.json FOLDER`.

A streaming job on a cluster inside of this process's JVM: dedup by id (the first one stays), event-time windows, a
file sink that commits with checkpoints. The three questions are then asked of what it has written. State is kept on
the heap, which is Flink's fastest backend. CSV, because reading Parquet would need Hadoop's libraries, which PyPI
doesn't have.
"""

import calendar
import os
import sys

import job

CHECKPOINT_S = 10
LATE_S_MAX = 60
HEAP_GB = 8
os.environ["JVM_ARGS"] = f"-Xmx{HEAP_GB}g"
# The gateway finds out how a Python worker would be reached; no Python function runs here.
os.environ["_python_worker_execution_mode"] = "process"

from pyflink.common import Configuration  # noqa: E402: the JVM reads the environment when this is loaded
from pyflink.table import EnvironmentSettings, TableEnvironment  # noqa: E402
from pyflink.version import __version__ as version  # noqa: E402

EVENTS = """CREATE TABLE events (
  id STRING, time_us BIGINT, tenant STRING, type STRING, region STRING, model STRING, units BIGINT,
  arrived AS PROCTIME(),
  happened AS TO_TIMESTAMP_LTZ(time_us / 1000, 3), WATERMARK FOR happened AS happened - INTERVAL '{late_s}' SECOND
) WITH ('connector' = 'filesystem', 'path' = 'file://{path}', 'format' = 'csv')"""

MINUTES = """CREATE TABLE minutes (
  tenant STRING, type STRING, region STRING, model STRING, minute_start TIMESTAMP(3),
  events BIGINT, total BIGINT, largest BIGINT
) WITH ('connector' = 'filesystem', 'path' = 'file://{path}', 'format' = 'csv')"""

FILL = """INSERT INTO minutes
SELECT tenant, type, region, model, window_start, COUNT(*), SUM(units), MAX(units)
FROM TABLE(TUMBLE(TABLE first_seen, DESCRIPTOR(happened), INTERVAL '1' MINUTE))
GROUP BY tenant, type, region, model, window_start, window_end"""

FIRST_SEEN = """CREATE TEMPORARY VIEW first_seen AS
SELECT tenant, type, region, model, units, happened
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY arrived) AS nth FROM events) WHERE nth = 1"""


def environment(settings, folder):
    loopback = "127.0.0.1"
    configuration = Configuration()
    for key, value in {
        "rest.address": loopback,
        "rest.bind-address": loopback,
        "jobmanager.rpc.address": loopback,
        "jobmanager.bind-host": loopback,
        "taskmanager.host": loopback,
        "taskmanager.bind-host": loopback,
        "parallelism.default": str(len(os.sched_getaffinity(0))),
        "state.backend.type": "hashmap",
        "execution.checkpointing.interval": f"{CHECKPOINT_S} s",
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.dir": f"file://{folder}/checkpoints",
        "execution.checkpointing.storage": "filesystem",
        "restart-strategy.type": "none",
        "table.local-time-zone": "UTC",
        "pipeline.object-reuse": "true",
    }.items():
        configuration.set_string(key, value)
    return TableEnvironment.create(settings.with_configuration(configuration).build())


def main(events, answers_path, folder):
    minutes = MINUTES.format(path=f"{folder}/minutes")
    stream = environment(EnvironmentSettings.new_instance().in_streaming_mode(), folder)
    stream.execute_sql(EVENTS.format(path=events, late_s=LATE_S_MAX))
    stream.execute_sql(minutes)
    stream.execute_sql(FIRST_SEEN)
    stream.execute_sql(FILL).wait()
    minutes_cpu_s = job.cpu_s()

    batch = environment(EnvironmentSettings.new_instance().in_batch_mode(), folder)
    batch.execute_sql(minutes)
    answers = {}
    for name, question in job.sql("minute_start", lambda expression: expression).items():
        with batch.execute_sql(question).collect() as rows:
            answers[name] = [[whole(cell) for cell in row] for row in rows]
    job.hand_in(answers_path, version, minutes_cpu_s, answers)


def whole(cell):
    """A minute as seconds since the epoch; anything else as it is."""
    return calendar.timegm(cell.timetuple()) if hasattr(cell, "timetuple") else cell


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Polars: `on_polars.py EVENTS.parquet ANSWERS.json FOLDER`. In memory.

Its in-memory engine with one row per id costs less here than the streaming one and than unique over whole rows.
"""

import sys

import job
import polars as pl


def main(events, answers_path, _folder):
    counts = pl.len().alias("events"), pl.sum("units").alias("total"), pl.max("units").alias("largest")
    minutes = (
        pl.scan_parquet(events)
        .unique(subset=["id"], keep="any")
        .group_by("tenant", "type", "region", "model", pl.col("time").dt.truncate("1m").alias("minute_start"))
        .agg(counts)
        .collect(engine="in-memory")
    )
    minutes_cpu_s = job.cpu_s()
    answers = {name: frame.rows() for name, frame in questions(minutes).items()}
    job.hand_in(answers_path, pl.__version__, minutes_cpu_s, answers)


def questions(minutes):
    """As in `job.sql`."""
    sums = pl.sum("events").cast(pl.Int64), pl.sum("total")
    largest = pl.max("largest")
    top = minutes.filter(pl.col("type") == job.TOP_TYPE).group_by("tenant").agg(sums)
    series = minutes.filter(pl.col("tenant") == job.SERIES_TENANT, pl.col("type") == job.SERIES_TYPE)
    minute_s = pl.col("minute_start").dt.epoch("s")
    return {
        "top": top.sort("total", "tenant", descending=[True, False]).head(job.TOP_TENANTS),
        "series": series.group_by(minute_s).agg(*sums, largest).sort("minute_start"),
        "largest": minutes.group_by("type", "region", "model").agg(*sums, largest).sort("type", "region", "model"),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])

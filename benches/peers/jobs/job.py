"""What every job shares: the three questions, and how a job hands in its answers and what they cost.

Answers are lists of rows of texts and whole numbers, in the order the question gives, and are compared exactly.
"""

import json
import os

TOP_TYPE, TOP_TENANTS = "llm.completion", 20
SERIES_TENANT, SERIES_TYPE = "tenant-0042", "api.request"


def sql(minute_s, whole):
    """The questions over the table `minutes`, which has one row per (tenant, type, region, model, minute_start) with
    the columns events, total and largest. `minute_s` and `whole` say in a dialect: a minute as seconds, a sum as a
    whole number.

    top: the tenants with the largest total of one type; series: one tenant and type by the minute; largest: by type,
    region and model over all tenants.
    """
    counts = f"{whole('sum(events)')} AS n, {whole('sum(total)')} AS t"
    return {
        "top": f"SELECT tenant, {counts} FROM minutes WHERE type = '{TOP_TYPE}' "
        f"GROUP BY tenant ORDER BY t DESC, tenant LIMIT {TOP_TENANTS}",
        "series": f"SELECT {minute_s} AS m, {counts}, max(largest) AS l FROM minutes "
        f"WHERE tenant = '{SERIES_TENANT}' AND type = '{SERIES_TYPE}' GROUP BY {minute_s} ORDER BY m",
        "largest": f"SELECT type, region, model, {counts}, max(largest) AS l FROM minutes "
        "GROUP BY type, region, model ORDER BY type, region, model",
    }


def cpu_s():
    """CPU seconds, user and system, of this process, its children that live, and those that have ended."""
    ticks, pids = 0, [os.getpid()]
    while pids:
        pid = pids.pop()
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
        ticks += sum(int(field) for field in fields[11:15])
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as children:
                pids.extend(int(child) for child in children.read().split())
    return ticks / os.sysconf("SC_CLK_TCK")


def hand_in(path, version, minutes_cpu_s, answers):
    """Writes what the harness reads."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"version": version, "minutes_cpu_s": minutes_cpu_s, "answers": answers}, file)

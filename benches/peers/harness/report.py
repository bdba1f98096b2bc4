"""The table, as markdown."""

import os

HEADINGS = (
    "engine", "version", "cores", "runs", "wall s", "CPU s", "of which questions", "peak memory MB",
    "events a second (wall)", "CPU of ours", "what it guarantees",
)  # fmt: skip


def line(engine, figures):
    low, high = figures["cpu_s_spread"]
    return f"{engine}: {figures['cpu_s']:.1f} CPU s ({low:.1f} to {high:.1f}), {figures['wall_s']:.1f} s"


def table(results, guarantees, facts):
    cores = len(os.sched_getaffinity(0))
    ours = results.get("tenantry", {}).get("cpu_s")
    rows = [HEADINGS, ["---"] * len(HEADINGS)]
    for engine, figures in results.items():
        rows.append([
            engine,
            figures["version"],
            str(cores),
            str(figures["runs"]),
            f"{figures['wall_s']:.1f}",
            f"{figures['cpu_s']:.1f}",
            f"{figures['cpu_s'] - figures['minutes_cpu_s']:.1f}",
            f"{figures['peak_bytes'] / 1e6:,.0f}",
            f"{facts['rows'] / figures['wall_s']:,.0f}",
            f"{figures['cpu_s'] / ours:.2f}x" if ours else "",
            guarantees[engine],
        ])
    heading = (
        f"{facts['rows']:,} events, {facts['unique']:,} of them different, {facts['late']:,} late; "
        f"{cores} cores; medians.\n\n"
    )
    return heading + "".join(f"| {' | '.join(row)} |\n" for row in rows)

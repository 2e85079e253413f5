"""What `punctual demo` left: both ways to its history show the same runs, and the runs are those it was made to show.

    demo.py RUNS HISTORY EVENTS    `punctual runs -o ndjson`, the view `history`, and the table `run_event`
"""

import json
import pathlib
import sys
from collections import Counter
from datetime import datetime, timedelta

runs_file, history_file, events_file = (pathlib.Path(name) for name in sys.argv[1:])
runs = [json.loads(line) for line in runs_file.read_text().splitlines()]
history = json.loads(history_file.read_text())
events = json.loads(events_file.read_text())

# In the view these are JSON texts.
for row in history:
    for column in ("jobs", "arguments", "output"):
        row[column] = None if row[column] is None else json.loads(row[column])

wrong = []


def between(one, other):
    """Whole milliseconds from one instant to another, where both are known."""
    if one is None or other is None:
        return None
    return (datetime.fromisoformat(other) - datetime.fromisoformat(one)) // timedelta(milliseconds=1)


# `runs` has three lengths behind the columns of the view, worked out from these.
for run in runs:
    late, pending, running = (run.pop(name) for name in ("late_ms", "pending_ms", "running_ms"))
    if late != between(run["fire_at"], run["sent_at"]):
        wrong.append(f"it was not {late} ms late: {run}")
    if run["state"] == "succeeded" and running != between(run["started_at"], run["ended_at"]):
        wrong.append(f"it did not run {running} ms: {run}")
    if run["state"] == "succeeded" and pending != max(0, between(run["accepted_at"], run["started_at"])):
        wrong.append(f"it was not pending for {pending} ms: {run}")

for name, one, other in (("the view", history, runs), ("`punctual runs`", runs, history)):
    known = {row["run"]: row for row in other}
    for row in one:
        if known.get(row["run"]) != row:
            wrong.append(f"{name} says {row}\n  and the other {known.get(row['run'])}")
if len(runs) != len(history):
    wrong.append(f"{len(runs)} runs, and {len(history)} rows in the view")

kinds = Counter((run["state"], run["reason"]) for run in runs)
for kind in (("succeeded", None), ("faulted", None), ("skipped", "overlap")):
    if not kinds[kind]:
        wrong.append(f"no run is {kind}")

# The start whose answer was dropped: first unclear, then found, and one call made one job.
unclear = {event["run_id"] for event in events if event["state"] == "unknown"}
found = {event["run_id"] for event in events if event["text"].startswith("Found at Orchestrator by its Reference")}
settled = [run for run in runs if run["run"] in unclear & found and run["state"] == "succeeded" and run["attempts"] == 1]
if not settled:
    wrong.append("no start was unclear, found again and ended well")

for (state, reason), count in sorted(kinds.items(), key=str):
    print(f"{count:3} {state}" + (f" ({reason})" if reason else ""))
for run in settled:
    print(f"found again: run {run['run']} of {run['schedule']} as job {run['job_id']}")
print(f"{len(runs)} runs compared, {len(wrong)} differences")
if wrong:
    sys.exit("\n".join(wrong))

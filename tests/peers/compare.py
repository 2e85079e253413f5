"""Compares what punctual's history says of its jobs with what the official clients see. Standard library only.

    compare.py keys RUNS                 prints the key of each job in the history
    compare.py FOLDER CLIENT...          compares FOLDER/runs.ndjson with FOLDER/CLIENT/*.ndjson; 1 when they differ

Every job of the folder must be one that punctual started, or one that a client started: none missing, none twice, none
that nobody knows. The clients list them all, and retrieve each of punctual's, with times, arguments and output.
"""

import difflib
import json
import pathlib
import sys
from collections import Counter

STATES = {"succeeded": "Successful", "faulted": "Faulted", "stopped": "Stopped"}
SHORT = ("key", "id", "state", "process", "reference")


def lines(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def jobs_of(runs: list[dict]) -> list[dict]:
    """The jobs of the history, in the words of Orchestrator. An open run has no place here: `run` waits for all."""
    jobs = []
    for run in runs:
        for job in run["jobs"]:
            if run["state"] not in STATES or job["state"] != STATES[run["state"]]:
                raise SystemExit(f"run {run['run']} is {run['state']}, and its job {job['state']}")
            jobs.append(
                {
                    "key": job["job_key"],
                    "id": job["job_id"],
                    "state": job["state"],
                    "process": run["process"],
                    "reference": job["reference"],
                    "started": run["started_at"],
                    "ended": run["ended_at"],
                    "arguments": run["arguments"],
                    "output": run["output"],
                }
            )
    return jobs


def text(rows: list[dict]) -> list[str]:
    return [json.dumps(row, sort_keys=True) for row in sorted(rows, key=lambda row: row["id"])]


def differ(what: str, ours: list[dict], theirs: list[dict]) -> bool:
    diff = difflib.unified_diff(text(ours), text(theirs), "punctual runs", what, lineterm="", n=0)
    found = list(diff)
    print("\n".join(found), end="\n" if found else "")
    return bool(found)


def compare(folder: pathlib.Path, clients: list[str]) -> int:
    runs = lines(folder / "runs.ndjson")
    ours = jobs_of(runs)
    if not ours:
        raise SystemExit("the history has no job: nothing was compared")
    wrong = len({job["key"] for job in ours}) != len(ours)
    foreign = [job for client in clients for job in lines(folder / client / "started.ndjson")]
    for job in foreign:
        if job["reference"] is not None or job["key"] in {known["key"] for known in ours}:
            print(f"job {job['key']} was started by a client, and stands in punctual's history")
            wrong = True
    for client in clients:
        listed = lines(folder / client / "listed.ndjson")
        retrieved = lines(folder / client / "retrieved.ndjson")
        in_short = [{name: job[name] for name in SHORT} for job in ours]
        wrong |= differ(f"{client}: list", in_short + foreign, listed)
        wrong |= differ(f"{client}: retrieve", ours, retrieved)
        print(f"{client}: listed {len(listed)} jobs, {len(foreign)} of them not punctual's; retrieved {len(retrieved)}")
    states = ", ".join(f"{count} {state}" for state, count in sorted(Counter(job["state"] for job in ours).items()))
    print(f"punctual: {len(runs)} runs, {len(ours)} jobs: {states}")
    return int(wrong)


match sys.argv[1:]:
    case ["keys", runs]:
        print("\n".join(job["key"] for job in jobs_of(lines(pathlib.Path(runs)))))
    case [folder, *clients] if clients:
        sys.exit(compare(pathlib.Path(folder), clients))
    case _:
        raise SystemExit(__doc__)

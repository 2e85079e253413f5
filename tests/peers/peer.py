"""The official Python SDK against the sandbox. `run` beside this file says what for.

    peer.py start ORIGIN OUT        starts one job and reads it to its end, starts another and stops it
    peer.py read ORIGIN KEYS OUT    lists all jobs of the folder, and retrieves each job named in the file KEYS

OUT is a folder; a line of what is written there is one job, as this client sees it.
"""

import json
import pathlib
import sys
import time

from uipath.platform import UiPath
from uipath.platform.identity import IdentityService

FOLDER = "Shared"
SCOPE = "OR.Jobs OR.Execution.Read OR.Folders.Read"
FINAL = {"Successful", "Faulted", "Stopped"}
PAGE = 7  # Small, so that there is more than one.


def connect(origin: str) -> UiPath:
    """Logs in with the SDK's own identity client."""
    identity = IdentityService(f"{origin}/acme")
    token = identity.get_client_credentials_token("sandbox-client", "sandbox-secret", SCOPE)
    return UiPath(base_url=f"{origin}/acme/acmeprod", secret=token.access_token)


def parsed(text: str | None):
    return None if text is None else json.loads(text)


def short(job) -> dict:
    extra = job.model_extra or {}
    return {
        "key": job.key,
        "id": job.id,
        "state": job.state,
        "process": extra.get("ReleaseName"),
        "reference": extra.get("Reference"),
    }


def whole(job) -> dict:
    return short(job) | {
        "started": job.start_time,
        "ended": job.end_time,
        "arguments": parsed(job.input_arguments),
        "output": parsed(job.output_arguments),
    }


def write(out: pathlib.Path, name: str, rows: list[dict]) -> None:
    (out / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def until_final(sdk: UiPath, key: str):
    for _ in range(120):
        job = sdk.jobs.retrieve(key, folder_path=FOLDER)
        if job.state in FINAL:
            return job
        time.sleep(0.25)
    raise SystemExit(f"python: job {key} is still {job.state} after 30 s")


def start(sdk: UiPath, out: pathlib.Path) -> None:
    first = sdk.processes.invoke("InvoiceIntake", {"source": "python"}, folder_path=FOLDER)
    ended = until_final(sdk, first.key)
    if sdk.jobs.extract_output(ended) != '{"invoices":17}':
        raise SystemExit(f"python: output of job {ended.key}: {sdk.jobs.extract_output(ended)}")
    second = sdk.processes.invoke("LongReport", folder_path=FOLDER)
    sdk.jobs.stop(job_keys=[second.key], folder_path=FOLDER)
    write(out, "started.ndjson", [short(ended), short(until_final(sdk, second.key))])


def read(sdk: UiPath, keys: list[str], out: pathlib.Path) -> None:
    jobs, more = [], True
    while more:
        page = sdk.jobs.list(folder_path=FOLDER, orderby="Id asc", skip=len(jobs), top=PAGE)
        jobs += page.items
        more = page.has_more
    write(out, "listed.ndjson", [short(job) for job in jobs])
    write(out, "retrieved.ndjson", [whole(sdk.jobs.retrieve(key, folder_path=FOLDER)) for key in keys])


match sys.argv[1:]:
    case ["start", origin, out]:
        start(connect(origin), pathlib.Path(out))
    case ["read", origin, keys, out]:
        read(connect(origin), pathlib.Path(keys).read_text().split(), pathlib.Path(out))
    case _:
        raise SystemExit(__doc__)

"""What the proofs of `prove.py` share: the OpenID server, a folder with schedules and a state, and ways to wait.

Nothing waits for a time that is hoped to be long enough: all wait for something to be seen, and fail after a minute.
"""

import fcntl
import hashlib
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

PATIENCE = 60.0


class Failed(Exception):
    """What was promised and did not hold."""


def expect(holds: bool, promise: str) -> None:
    if not holds:
        raise Failed(promise)


def await_(what: str, found, patience: float = PATIENCE):
    """Asks again and again, until the answer is not empty."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        answer = found()
        if answer:
            return answer
        time.sleep(0.01)
    raise Failed(f"waited {patience:.0f} s in vain: {what}")


RUNNING: list = []
HAND = threading.Lock()


def spawn(command: list, **settings) -> subprocess.Popen:
    """A process that does not outlive this one; see `end_all`."""
    process = subprocess.Popen(command, **settings)
    with HAND:
        RUNNING[:] = [other for other in RUNNING if other.poll() is None] + [process]
    return process


def end_all() -> None:
    for process in RUNNING:
        process.kill()
        process.wait()


class Server:
    """`server.mjs`, as a process of its own."""

    def __init__(self, tools: pathlib.Path, log: pathlib.Path, **settings):
        self.log, self.tools = log, tools
        command = ["node", "server.mjs", json.dumps(settings)]
        with log.open("w") as out:
            self.process = spawn(command, cwd=tools, stdout=out, stderr=subprocess.STDOUT)
        lines = await_("the OpenID server listens", lambda: [x for x in log.read_text().splitlines() if x.startswith("url: ")])
        self.origin = lines[0].removeprefix("url: ")

    def ask(self, what: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.origin}/-/{what}", data, timeout=PATIENCE) as answer:
            return json.load(answer)

    def stats(self) -> dict:
        return self.ask("stats")

    def idle(self) -> dict:
        """What it saw, once it has answered all that reached it."""
        return await_("the OpenID server has answered", lambda: (s := self.stats())["in_flight"] == 0 and s)

    def events(self) -> "Events":
        return Events(f"{self.origin}/-/events")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        errors = [line for line in self.log.read_text().splitlines() if "server_error" in line]
        expect(not errors, f"the OpenID server works: {errors[:1]}")


class Events:
    """What the server tells, as it happens."""

    def __init__(self, url: str):
        self.answer = urllib.request.urlopen(url)
        self.lines: queue.Queue = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        try:
            for line in self.answer:
                self.lines.put(json.loads(line))
        except (OSError, ValueError):
            pass  # the server has gone

    def forget(self) -> None:
        while not self.lines.empty():
            self.lines.get()

    def next(self, event: str, patience: float = PATIENCE) -> dict | None:
        end = time.monotonic() + patience
        while (left := end - time.monotonic()) > 0:
            try:
                told = self.lines.get(timeout=left)
            except queue.Empty:
                break
            if told["event"] == event:
                return told
        return None


class Place:
    """Schedules, the first refresh token and a state folder, for one login."""

    def __init__(self, punctual: str, work: pathlib.Path, origin: str, client: str, seed: str | None, fault: str | None = None):
        self.punctual, self.work = punctual, work
        self.tokens = work / "state" / "tokens"
        self.err = work / "daemon.log"
        if seed is not None:
            self.seed(seed)
        refresh_token = "" if seed is None else 'refresh_token: "file:seed", '
        (work / "schedules.yaml").write_text(
            f"""version: 1
connections:
  test:
    url: {origin}/acme/acmeprod/orchestrator_
    auth: {{ grant: refresh_token, style: identity, client_id: {client}, {refresh_token}scope: OR.Jobs OR.Execution.Read OR.Folders.Read offline_access }}
schedules:
  heartbeat: {{ every: 2s, overlap: allow, start: {{ process: Heartbeat, folder: Shared }} }}
"""
        )
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(work),
            "PUNCTUAL_CONFIG": str(work / "schedules.yaml"),
            "PUNCTUAL_STATE_DIR": str(work / "state"),
            "PUNCTUAL_SOCKET": str(work / "punctual.sock"),
        }
        if fault is not None:
            self.environment["PUNCTUAL_FAULT"] = fault

    def seed(self, token: str) -> None:
        path = self.work / "seed"
        path.touch(0o600)
        path.write_text(token)

    def daemon(self) -> subprocess.Popen:
        """Begins a daemon; `said` tells what it has logged since."""
        self.begin = self.err.stat().st_size if self.err.exists() else 0
        with self.err.open("a") as err:
            return spawn([self.punctual, "daemon"], env=self.environment, stdin=subprocess.DEVNULL, stderr=err)

    def said(self) -> str:
        with self.err.open() as err:
            err.seek(self.begin)
            return err.read()

    def command(self, *words: str, alone: bool = True) -> list:
        """Arguments for `subprocess`; alone: as if no daemon ran, by a socket where nobody answers."""
        environment = dict(self.environment)
        if alone:
            environment["PUNCTUAL_SOCKET"] = str(self.work / "nobody.sock")
        return [[self.punctual, *words], environment]

    def refresh(self) -> subprocess.Popen:
        words, environment = self.command("token", "refresh", "test")
        with (self.work / "refresh.log").open("a") as log:
            return spawn(words, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stored(self) -> dict | None:
        """The token file, held against its checksum; none before the first request."""
        paths = list(self.tokens.glob("*.token")) if self.tokens.exists() else []
        expect(len(paths) <= 1, "one file for one login")
        if not paths:
            return None
        head, body = paths[0].read_bytes().split(b"\n", 1)
        checksum = head.split(b" ")[-1].decode()
        expect(hashlib.sha256(body).hexdigest() == checksum, "the token file loads at any time")
        return json.loads(body)

    def generation(self, first: str) -> str:
        """The hash by which the server knows the refresh token that would be sent next."""
        stored = self.stored()
        token = (stored or {}).get("refresh_token") or first
        return hashlib.sha256(token.encode()).hexdigest()[:16]

    def no_lock_left(self) -> None:
        for path in self.tokens.glob("*.lock") if self.tokens.exists() else []:
            with path.open("r+") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise Failed(f"no lock is left behind, but {path.name} is taken") from None


def ended(process: subprocess.Popen, patience: float = PATIENCE) -> int:
    return process.wait(timeout=patience)


def stop(process: subprocess.Popen) -> None:
    """As a service manager does."""
    process.send_signal(signal.SIGTERM)
    code = ended(process)
    expect(code == 0, f"the daemon ends with 0 when asked to, not with {code}")


def work_folder() -> pathlib.Path:
    return pathlib.Path(tempfile.mkdtemp(prefix="punctual-token-"))


def figure(text: str) -> None:
    print(f"figure: {text}")
    sys.stdout.flush()

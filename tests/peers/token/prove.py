"""Proofs of the token rules against a certified OpenID server; `run` beside this file says what for and starts it.

    prove.py TOOLS PUNCTUAL race SECONDS        one daemon and four command lines share a login of two-second tokens
    prove.py TOOLS PUNCTUAL drops ROTATIONS     every fifth answer is lost after the work; the server has a grace window
    prove.py TOOLS PUNCTUAL kills COUNT SEED    SIGKILL at random moments of rotation; the server has a grace window
    prove.py TOOLS PUNCTUAL no-grace            SIGKILL between the work and its answer, at a server without one
    prove.py TOOLS PUNCTUAL browser PICTURE     `punctual login` through a real browser

TOOLS is the folder with server.mjs and its packages. PUNCTUAL_FAULT in the environment breaks punctual on purpose.
"""

import collections
import enum
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from house import PATIENCE, Events, Failed, Place, Server, await_, end_all, ended, expect, figure, spawn, stop, work_folder

COMMAND_LINES = 4
GRACE = 10  # seconds
AT_ONCE = 0.2  # seconds: each process renews such a token, and none takes it from the file


class Login(enum.Enum):
    """Where the first refresh token comes from."""

    IN_A_FILE = enum.auto()
    BY_BROWSER = enum.auto()


class World:
    """A server, and one login at it."""

    def __init__(self, tools: str, punctual: str, login: Login = Login.IN_A_FILE, **settings):
        self.work = work_folder()
        self.server = Server(pathlib.Path(tools), self.work / "server.log", **settings)
        given = self.server.ask("login", {})
        self.first = given["refresh_token"]
        seed = self.first if login is Login.IN_A_FILE else None
        fault = os.environ.get("PUNCTUAL_FAULT")
        self.place = Place(punctual, self.work, self.server.origin, given["client_id"], seed, fault)

    def renewed(self) -> None:
        """A command line of its own renews the token, whatever happened before."""
        code = ended(self.place.refresh())
        expect(code == 0, f"the login still works (`punctual token refresh` ended with {code}, see refresh.log)")


def race(world: World, seconds: float) -> None:
    """T11: nobody's refresh ends the others' login."""
    place, server = world.place, world.server
    dice = random.Random(1)
    end = time.monotonic() + seconds
    codes: collections.Counter = collections.Counter()
    over = threading.Event()

    def command_line(share: random.Random) -> None:
        while time.monotonic() < end and not over.is_set():
            codes[ended(place.refresh())] += 1
            # People do not ask without a pause, and a pause of any length meets the others at any moment.
            over.wait(share.random() * 0.5)

    daemon = place.daemon()
    threads = [threading.Thread(target=command_line, args=[random.Random(dice.random())]) for _ in range(COMMAND_LINES)]
    for thread in threads:
        thread.start()
    # The first sign of harm is enough.
    while time.monotonic() < end:
        stats = server.stats()
        if stats["revoked_families"] or stats["replays"] or daemon.poll() is not None:
            break
        time.sleep(0.1)
    over.set()
    for thread in threads:
        thread.join()
    expect(daemon.poll() is None, f"the daemon goes on: {place.said()[-500:]}")
    stop(daemon)
    stats = server.idle()
    figure(
        f"race of a daemon and {COMMAND_LINES} command lines, {seconds:.0f} s, 2 s tokens: {stats['rotations']} rotations,"
        f" {stats['revoked_families']} revoked families, {stats['most_calls_of_a_generation']} token call a generation at most,"
        f" {sum(codes.values())} command lines of which {sum(codes.values()) - codes[0]} failed;"
        f" {stats['jobs']} jobs, bearers taken {stats['bearers_taken']}, refused {stats['bearers_refused']}"
    )
    expect(stats["revoked_families"] == 0, "no family is revoked")
    expect(stats["most_calls_of_a_generation"] <= 1, "one token call a generation")
    expect(set(codes) <= {0}, f"every command line gets its token: {dict(codes)}")
    expect(stats["rotations"] >= min(50, seconds / 3), "fifty rotations")
    expect(stats["jobs"] > 0, "jobs start meanwhile")


def drops(world: World, rotations: int) -> None:
    """T8, T10: a lost answer is asked for again in time, so that the grace window saves the login."""
    codes: collections.Counter = collections.Counter()
    while (stats := world.server.idle())["rotations"] < rotations:
        codes[ended(world.place.refresh())] += 1
        # It waits for the second request, which is answered. 5 would mean that a new login is needed.
        expect(set(codes) <= {0}, f"every command line gets its token: {dict(codes)}")
    figure(
        f"every fifth answer dropped: {stats['rotations']} rotations, {stats['dropped']} dropped,"
        f" {stats['graced']} asked for again, {stats['revoked_families']} families revoked, errors {stats['errors']},"
        f" needs_login {codes[5]} times"
    )
    expect(stats["dropped"] >= rotations // 6, "answers were dropped")
    expect(stats["errors"] == {} and stats["revoked_families"] == 0, "no login is lost")


def kills(world: World, count: int, seed: int) -> None:
    """T9, T10, T11: whenever it dies, the next process goes on with the login."""
    place, server = world.place, world.server
    print(f"seed {seed}: {count} kills; again with: PUNCTUAL_SEED={seed} PUNCTUAL_TOKEN_KILLS={count} tests/peers/token/run PUNCTUAL kills")
    dice = random.Random(seed)
    events = server.events()
    hits: collections.Counter = collections.Counter()
    in_a_row = 0
    world.renewed()
    for _ in range(count):
        hit = one_kill(place, server, events, dice, world.first)
        hits[hit] += 1
        # The window is for crashes, not for ten in a row.
        in_a_row = in_a_row + 1 if hit == LOST else 0
        if in_a_row == 5 or dice.random() < 0.2:
            world.renewed()
            in_a_row = 0
    world.renewed()
    daemon = place.daemon()
    await_("a daemon gets a token after all", lambda: "Got an access token" in place.said() or place.said().count("ERROR"))
    stop(daemon)
    stats = server.idle()
    lost = hits[LOST]
    figure(
        f"{count} kills during rotation (seed {seed}): 0 lost logins, {stats['rotations']} rotations, {stats['graced']} answers given"
        f" again; died {', '.join(f'{what} {n}' for what, n in hits.most_common())};"
        f" between POST and save {lost} of {count}, {100 * lost / count:.0f} %"
    )
    expect(stats["errors"] == {} and stats["revoked_families"] == 0, f"no login is lost: {stats['errors']}")
    expect(lost > 0, "some kill hits the moment between the server's work and the save")


LOST = "between the server's work and the save"


def one_kill(place: Place, server: Server, events: Events, dice: random.Random, first: str) -> str:
    before = server.idle()
    events.forget()
    process = dice.choice([place.daemon, place.refresh])()
    if dice.random() < 0.3:
        time.sleep(dice.random() * 0.1)  # anywhere in its life
    else:
        # The server tells of a request while it works on it; it and the save after it take up to 40 ms.
        events.next("arrived", 5)
        time.sleep(dice.random() * 0.04)
    finished = process.poll() is not None
    process.send_signal(signal.SIGKILL)
    process.wait()
    after = server.idle()
    stored = place.stored()
    place.no_lock_left()
    if place.generation(first) != after["current"]:
        return LOST
    if finished:
        return "after its end"
    if after["calls"] > before["calls"]:
        return "after the save"
    return "before the request" + (", which was noted" if (stored or {}).get("pending") else "")


def no_grace(world: World) -> None:
    """A login that a crash took is given up after one replay; only a person has it tried again; a new one is taken up."""
    place, server = world.place, world.server
    world.renewed()
    calls = server.idle()["calls"]
    server.ask("settings", {"hold": [2000, 2000]})
    events = server.events()
    killed = place.refresh()
    expect(events.next("worked") is not None, "a request arrives")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    server.ask("settings", {"hold": [0, 0]})
    place.stored()
    place.no_lock_left()
    daemon = place.daemon()
    told = await_("the daemon says that the login is lost", lambda: [x for x in place.said().splitlines() if "ERROR" in x])
    expect(ended(place.refresh()) != 0, "a command line is told the same")
    expect(ended(place.refresh()) != 0, "and again")
    stop(daemon)
    daemon = place.daemon()
    await_("the next daemon says so, too", lambda: "ERROR" in place.said())
    stats = server.idle()
    figure(
        f"killed without a grace window: {stats['replays']} replay, {stats['calls'] - calls} calls in all,"
        f" {stats['revoked_families']} family revoked, told once by each daemon: {told[0]}"
    )
    expect(len(told) == 1, f"needs_login is said once: {told}")
    # The killed one, the daemon's, and one for each command line: a person may know better (T8).
    expect(stats["replays"] == 3 and stats["calls"] == calls + 4, "one replay by itself, and one each time a person asks")
    # A new login is taken up by the daemon that runs.
    place.seed(server.ask("login", {})["refresh_token"])
    await_("the new login is taken up", lambda: "Got an access token" in place.said(), 10)
    stop(daemon)


def browser(world: World, pictures: str) -> None:
    """The login that a person does once, with a daemon that waits for it."""
    place, server = world.place, world.server
    daemon = place.daemon()
    await_("the daemon says that a login is needed", lambda: "punctual login test" in place.said())
    refused, said, page = login(place, server, "refuse", pictures)
    expect(refused != 0 and "access_denied" in said, f"a refusal is told: {said}")
    expect(server.stats()["calls"] == 0 and place.stored() is None, "nothing is kept of a refusal")
    code, said, page = login(place, server, "agree", pictures)
    expect(code == 0, f"the login ends with 0, not with {code}: {said}")
    await_("the daemon has a token at once", lambda: "Got an access token" in place.said(), 10)
    world.renewed()
    await_("a job starts with it", lambda: server.stats()["jobs"])
    stop(daemon)
    stats = server.idle()
    figure(f"login through chromium, with a daemon: kept, and renewed {stats['rotations']} times; errors {stats['errors']}")
    expect(stats["revoked_families"] == 0 and stats["replays"] == 0, "the login is good")


def login(place: Place, server: Server, answer: str, pictures: str) -> tuple[int, str, str]:
    """Its exit code, what it said, and the last page of the browser."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    words, environment = place.command("login", "test", "--no-browser", "--port", port, alone=False)
    with (place.work / f"login-{answer}.log").open("w+") as log:
        process = spawn(words, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        address = re.compile(re.escape(server.origin) + r"/\S*/authorize\?\S+")
        path = pathlib.Path(log.name)
        url = await_("the login prints where to go", lambda: address.search(path.read_text()))[0]
        command = ["node", "browser.mjs", url, answer, str(pathlib.Path(pictures).resolve())]
        page = subprocess.run(command, cwd=server.tools, stdout=subprocess.PIPE, text=True, timeout=PATIENCE)
        expect(page.returncode == 0, "the browser ends on punctual's page")
        return ended(process), path.read_text(), page.stdout


def main() -> None:
    match sys.argv[1:]:
        case [tools, punctual, "race", seconds]:
            prove(race, World(tools, punctual, life=2), float(seconds))
        case [tools, punctual, "drops", rotations]:
            prove(drops, World(tools, punctual, life=2, grace=GRACE, drop=5), int(rotations))
        case [tools, punctual, "kills", count, seed]:
            prove(kills, World(tools, punctual, life=AT_ONCE, grace=GRACE, hold=[0, 15]), int(count), int(seed))
        case [tools, punctual, "no-grace"]:
            prove(no_grace, World(tools, punctual, life=AT_ONCE))
        case [tools, punctual, "browser", pictures]:
            prove(browser, World(tools, punctual, Login.BY_BROWSER, life=2), pictures)
        case _:
            raise SystemExit(__doc__)


def prove(story, world: World, *arguments) -> None:
    try:
        story(world, *arguments)
        world.server.stop()
    except Failed as failed:
        raise SystemExit(f"FAILED: {failed}; what was seen is in {world.work}") from None
    finally:
        end_all()
    shutil.rmtree(world.work)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
main()

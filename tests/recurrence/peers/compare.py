"""Random cron patterns: punctual's next times against croniter's, and systemd's where it can say the same.

Agreed differences, none of them compared:

- `*/2` in one day field beside a restriction in the other: punctual refuses it, because programs differ on it.
- `1/2` among weekdays, ranges that run backwards, a step longer than its field, `*` in a list: refused by punctual.
- A pattern without any date (31 April): refused by punctual, an error of croniter once it is asked for times.
- `LW`, `L-n`: croniter does not know them. `nW` and lists with `L` or `#`: not made here, the naive evaluator has them.
- Year fields: croniter has them last as well, but only up to 2099; none is made here.

So patterns are made without these. A pattern that punctual refuses all the same, or that croniter cannot read, is a failure:
the list above would be wrong. systemd joins day and weekday by "and", cron by "or": it is asked only if one of them is `*`. Steps are written out for it:
version 252 contradicts itself on them, `0/13:36` lacks the 00:36 of 1 February 2026 that `0,13:36` has.
"""

import datetime
import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from croniter import CroniterBadDateError, croniter

FROM = datetime.datetime(2026, 1, 30, 23, 59, 30, tzinfo=datetime.timezone.utc)
# A range holds its beginning; croniter looks for what comes after it.
AFTER = FROM + datetime.timedelta(seconds=1)
TIMES = 5
# As many as one file of 1 MiB holds with ease.
BATCH = 2_000
# systemd is a process for each pattern: one in ten is asked, and never fewer than these.
SYSTEMD_PATTERNS = 200

HEAD = """version: 1
connections:
  cloud:
    url: https://cloud.uipath.com/acme/production/orchestrator_
    auth: { grant: client_credentials, client_id: app, client_secret: "credential:cloud", scope: OR.Jobs }
defaults: { timezone: UTC }
schedules:
"""

MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
WEEKDAYS = "SUN MON TUE WED THU FRI SAT".split()


def item(rng, first, last):
    kind = rng.random()
    if kind < 0.6:
        return str(rng.randint(first, last))
    low, high = sorted((rng.randint(first, last), rng.randint(first, last)))
    if low == high:
        return str(low)
    if kind < 0.85:
        return f"{low}-{high}"
    return f"{low}-{high}/{rng.randint(1, high - low)}"


def field(rng, first, last, star=0.3, step=0.15):
    kind = rng.random()
    if kind < star:
        return "*"
    if kind < star + step:
        return f"*/{rng.randint(1, last)}"
    return ",".join(item(rng, first, last) for _ in range(rng.choice((1, 1, 1, 2, 3))))


def pattern(rng):
    minute, hour, month = field(rng, 0, 59), field(rng, 0, 23), field(rng, 1, 12, star=0.6)
    if rng.random() < 0.1:
        month = rng.choice(MONTHS)
    days, weekdays = "*", "*"
    which = rng.random()
    if which < 0.4:
        days = "L" if rng.random() < 0.1 else field(rng, 1, 31, star=0)
    elif which < 0.8:
        special = rng.random()
        if special < 0.15:
            weekdays = f"{rng.randint(0, 6)}#{rng.randint(1, 5)}"
        elif special < 0.25:
            weekdays = f"L{rng.randint(0, 6)}"
        elif special < 0.35:
            low, high = sorted(rng.sample(range(1, 7), 2))
            weekdays = f"{WEEKDAYS[low]}-{WEEKDAYS[high]}"
        else:
            weekdays = field(rng, 0, 6, star=0)
    elif which < 0.9:
        # Both restricted: either matches.
        days, weekdays = field(rng, 1, 31, star=0, step=0), field(rng, 0, 6, star=0, step=0)
    second = field(rng, 0, 59) if rng.random() < 0.2 else None
    return second, minute, hour, days, month, weekdays


def for_punctual(fields):
    second, *five, weekdays = fields
    # croniter's `L5` is `5L` here.
    weekdays = weekdays[1:] + "L" if weekdays.startswith("L") else weekdays
    return " ".join(([second] if second else []) + five + [weekdays])


def for_croniter(fields):
    # croniter has seconds last.
    second, *five = fields
    return " ".join(five + ([second] if second else []))


def theirs(fields):
    """None: there are no such times."""
    times = croniter(for_croniter(fields), FROM, max_years_between_matches=60)
    try:
        return [times.get_next(datetime.datetime).strftime("%Y-%m-%dT%H:%M:%SZ") for _ in range(TIMES)]
    except CroniterBadDateError:
        return None


def ours(punctual, batch):
    with tempfile.TemporaryDirectory() as folder:
        lines = [
            f'  p{number}: {{ cron: "{for_punctual(fields)}", start: {{ process: P }} }}\n'
            for number, fields in enumerate(batch)
        ]
        file = Path(folder) / "schedules.yaml"
        file.write_text(HEAD + "".join(lines))
        command = [punctual, "next", "--config", file, "-o", "ndjson", "-n", str(TIMES), "--from", AFTER.isoformat()]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"punctual ended with {done.returncode}:\n{done.stderr[:4000]}")
    times = {number: [] for number in range(len(batch))}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        times[int(row["schedule"][1:])].append(row["nominal_at"].split(".")[0].rstrip("Z") + "Z")
    return times


def for_systemd(fields):
    """None: systemd cannot say it."""
    second, minute, hour, days, month, weekdays = fields
    text = " ".join(fields[1:])
    if "#" in text or "L" in text or any(name in month for name in MONTHS) or ("*" not in (days, weekdays)):
        return None
    if weekdays != "*" and not all(part.isdigit() for part in weekdays.split(",")):
        return None

    def change(field, first, last):
        if field == "*":
            return field
        values = set()
        for part in field.split(","):
            base, _, step = part.partition("/")
            low, _, high = base.partition("-")
            low, high = (first, last) if base == "*" else (int(low), int(high or low))
            values.update(range(low, high + 1, int(step or 1)))
        return ",".join(str(value) for value in sorted(values))

    names = "" if weekdays == "*" else ",".join(WEEKDAYS[int(day)].capitalize() for day in weekdays.split(",")) + " "
    clock = f"{change(hour, 0, 23)}:{change(minute, 0, 59)}:{change(second or '0', 0, 59)}"
    return f"{names}*-{change(month, 1, 12)}-{change(days, 1, 31)} {clock} UTC"


def systemds(expression):
    begin = f"@{int(FROM.timestamp())}"
    command = ["systemd-analyze", "calendar", f"--iterations={TIMES}", f"--base-time={begin}", expression]
    environment = {"TZ": "UTC", "LANG": "C", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"systemd-analyze calendar '{expression}': {done.stderr}")
    times = []
    for line in done.stdout.splitlines():
        label, _, rest = line.strip().partition(": ")
        if label == "Next elapse" or label.startswith("Iter") or label.startswith("Iteration"):
            words = rest.split()
            if len(words) >= 4:
                times.append(f"{words[1]}T{words[2]}Z")
    return times


def main():
    punctual, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(seed)
    systemd = shutil.which("systemd-analyze")
    compared = without = by_systemd = 0
    most_by_systemd = max(SYSTEMD_PATTERNS, count // 10)
    differences = []
    while compared < count:
        batch, expected = [], []
        while len(batch) < min(BATCH, count - compared):
            fields = pattern(rng)
            times = theirs(fields)
            if times is None:
                without += 1
                continue
            batch.append(fields)
            expected.append(times)
        found = ours(punctual, batch)
        for number, (fields, times) in enumerate(zip(batch, expected)):
            compared += 1
            if found[number] != times:
                differences.append((for_punctual(fields), found[number], "croniter", times))
            expression = for_systemd(fields) if systemd and by_systemd < most_by_systemd else None
            if expression:
                by_systemd += 1
                said = systemds(expression)
                if found[number][: len(said)] != said or not said:
                    differences.append((for_punctual(fields), found[number], f"systemd `{expression}`", said))
    for text, mine, who, others in differences[:20]:
        print(f"`{text}`\n  punctual: {mine}\n  {who}: {others}")
    print(f"figure: {compared} patterns compared with croniter, {by_systemd} with systemd, seed {seed}; "
          f"{without} without any date; {len(differences)} differ")
    if differences or compared < count:
        sys.exit(1)


if __name__ == "__main__":
    main()

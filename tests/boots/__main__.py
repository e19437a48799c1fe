"""Break real guests, boot them, mend them, boot them again: `python -m tests.boots [NAME ...]`.

Without names all are done, and docs/boots.md is written. Two boots at a time; without KVM some forty minutes. The last
two are disks that are made of a real guest's files, and booted.
With `--rows FILE` a sweep may be made in parts: rows of earlier parts are taken from there, if they were good.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from fixtures.ailments import Ailment, ailments
from imgtools.records.image import DiskSource
from imgtools.records.request import ImageRequest
from imgtools.workflows.boot import BootRequest, boot
from tests.boots.cases import CASES, OWN, Case
from tests.boots.login import Login, Visitor
from tests.boots.made import GUEST, MADE, made_and_booted
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "boots.md"
TIMEOUT = 240.0  # seconds for a verdict; a login takes some 60 without KVM


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one case. ``shown``: the boot before failed; ``good``: the one after did not."""

    name: str
    guest: str
    cause: str
    before: str
    repairs: str
    after: str
    good: bool
    seconds: int
    shown: bool = False
    day: str = ""


def main(words: list[str] | None = None) -> int:
    """Run the cases that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.boots", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=TIMEOUT, help="seconds for a verdict")
    parser.add_argument("--one", metavar="NAME", help="run one here and print its row as JSON")
    parser.add_argument(
        "--rows", type=Path, metavar="FILE", help="keep the rows there, and go on with a cut sweep"
    )
    asked = parser.parse_args(words)
    if asked.one:
        print(json.dumps(asdict(run(asked.one, asked.timeout))))
        return 0
    names = asked.names or [*(one.ailment for one in CASES), *MADE]
    done = _kept(asked.rows)
    with ThreadPoolExecutor(asked.jobs) as pool:
        rows = list(pool.map(lambda name: done.get(name) or _apart(name, asked.timeout, asked.rows), names))
    if not asked.names:
        PAGE.write_text(page(rows), encoding="utf-8")
    return 0 if all(one.good and one.shown for one in rows) else 1


def _kept(file: Path | None) -> dict[str, Row]:
    """The good rows of a sweep that was cut, by name."""
    lines = file.read_text().splitlines() if file is not None and file.exists() else []
    rows = [Row(**json.loads(one)) for one in lines]
    return {row.name: row for row in rows if row.good and row.shown}


def _apart(name: str, timeout: float, kept: Path | None) -> Row:
    """Run one case in a process of its own."""
    argv = [sys.executable, "-m", "tests.boots", "--timeout", str(timeout), "--one", name]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["?"])[-1]
        row = Row(name, "", "", "", "", f"failed: {last}", False, 0)
    else:
        row = Row(**json.loads(done.stdout.splitlines()[-1]))
    print(line(row), flush=True)
    if kept is not None:
        with kept.open("a") as stream:
            stream.write(json.dumps(asdict(row)) + "\n")
    return row


def run(name: str, timeout: float = TIMEOUT) -> Row:
    """Break a guest, boot it, mend it, boot it again; or make a disk, and boot it."""
    if name in MADE:
        return _made(name, timeout)
    case = next(one for one in CASES if one.ailment == name)
    ailment = next(one for one in (*OWN, *ailments()) if one.name == name)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="imgtools-boots-") as folder:
        image = copy_fixture(ailment.guest, Path(folder))[0]
        ailment.breaks(image)
        cause = _cause(image)
        sound, before = booted(image, case.login, timeout)
        repairs = mend(image, case, Path(folder))
        good, after = booted(image, case.login, timeout)
    return Row(
        name,
        ailment.guest,
        cause,
        before,
        repairs,
        after,
        good=good and _fits(cause, ailment),
        seconds=round(time.monotonic() - started),
        shown=not sound,
        day=_today(),
    )


def _made(name: str, timeout: float) -> Row:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="imgtools-boots-") as folder:
        good, after = made_and_booted(name, Path(folder), timeout)
    seconds = round(time.monotonic() - started)
    return Row(name, GUEST, "", "", "", after, good, seconds, shown=True, day=_today())


def _today() -> str:
    return datetime.datetime.now(tz=datetime.UTC).date().isoformat()


def _fits(cause: str, ailment: Ailment) -> bool:
    return cause == ailment.finding


def _cause(image: Path) -> str:
    stations = imgtools("diagnose", image, "--json", code=None).data["stations"]
    ordered = sorted(stations, key=lambda one: one["state"] != "broken")
    return next((one["id"] for station in ordered for one in station["findings"]), "")


def mend(image: Path, case: Case, folder: Path) -> str:
    """Repair as the case says; returns the names of the repairs that changed something."""
    secret = folder / "secret"
    secret.write_text("fixture\n")
    secret.chmod(0o600)
    words: list[str | Path] = ["repair", image, "--write", "--json"]
    words += ["--only", ",".join(case.repairs)] if case.repairs else ["--auto"]
    for setting in case.settings:
        if "{package " in setting:
            head, _, rest = setting.partition("{package ")
            setting = f"{head}{package(image, rest.removesuffix('}'), folder)}"
        words += ["--set", setting.replace("{secret}", str(secret))]
    ran = imgtools(*words, code=None)
    if not ran.out.startswith("{"):
        return f"exit {ran.code}: {ran.err.splitlines()[0]}"
    return ", ".join(one["name"] for one in ran.data["repairs"] if one["changes"]) or "none"


def package(image: Path, name: str, folder: Path) -> Path:
    """Fetch the package file that a guest has installed, from the host's own mirror of the same Debian."""
    found = imgtools("inspect", image, "--json").data["guests"][0]["applications"]
    one = next(
        each for each in found if each["name"].startswith(name) and any(c.isdigit() for c in each["name"])
    )
    subprocess.run(["apt-get", "-qq", "update"], check=False, capture_output=True)  # the guest may be newer
    subprocess.run(["apt-get", "download", f"{one['name']}"], cwd=folder, check=True, capture_output=True)
    return next(folder.glob(f"{one['name']}_*.deb"))


def booted(image: Path, login: Login | None, timeout: float) -> tuple[bool, str]:
    """Boot; whether it was good, and the verdict in words."""
    request = ImageRequest((DiskSource(image),))
    if login is None:
        report = boot(request, BootRequest(seconds=timeout))
        causes = ", ".join(dict.fromkeys(one.id for one in report.causes))
        return report.reached, f"{report.verdict}{f' ({causes})' if causes else ''}"
    visitor = Visitor(login)
    boot(request, BootRequest(), talk=visitor)
    if visitor.succeeded:
        return True, f"{login.user}: `{login.command}` succeeds"
    refused = "rc=" in visitor.text.split("login:")[-1]
    return False, f"{login.user}: `{login.command}` fails" if refused else f"{login.user} does not get in"


def line(row: Row) -> str:
    """A row of the table."""
    if row.name in MADE:
        after = row.after + ("" if row.good else " **not booted**")
        return f"| {row.name} | {row.guest} | {after} | {row.seconds} s | {row.day} |"
    before = row.before + ("" if row.shown else " **not broken**")
    after = row.after + ("" if row.good else " **not mended**")
    return f"| {row.name} | {row.guest} | {row.cause} | {before} | {row.repairs} | {after} | {row.day} |"


def page(rows: list[Row]) -> str:
    """The page with the last sweep."""
    made = [one for one in rows if one.name in MADE]
    rows = [one for one in rows if one.name not in MADE]
    good, shown = sum(one.good for one in rows), sum(one.shown for one in rows)
    head = (
        "# Boots\n\n"
        "Real Debian guests, broken in one way each, booted, mended by `imgtools repair`, and booted again. Written\n"
        "by `make boots`, which takes some forty minutes without KVM; CI boots three guests. A boot is good if it\n"
        "ends at a login prompt, or, where somebody is named, if they get in there and their command succeeds.\n\n"
        f"{len(rows)} guests: {shown} boots before show the failure, {good} guests came up after their repair. A\n"
        "sweep may be made in parts (`--rows`); the day is that on which a row was measured.\n\n"
        "| Broken | Guest | Diagnosis | Boot before | Repairs | Boot after | Day |\n|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(map(line, rows)) + "\n" + (_made_page(made) if made else "")


def _made_page(rows: list[Row]) -> str:
    head = (
        "\n## Disks that are made\n\n"
        "`imgtools make --bootable` of a real guest's files, booted by the firmware that it was told; the time\n"
        "is that of reading the files, making the disk and booting it.\n\n"
        "| Made | Files of | Boot | Time | Day |\n|---|---|---|---|---|\n"
    )
    return head + "\n".join(map(line, rows)) + "\n"


if __name__ == "__main__":
    sys.exit(main())

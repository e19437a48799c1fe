"""What a machine is called (machine-id), and whether cloud-init came to its end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from imgtools.files.tree import GuestReader
from imgtools.guest.settings.cloud_init import MAIN, is_installed

MACHINE_ID = "/etc/machine-id"
RESULT, STATUS = "/var/lib/cloud/data/result.json", "/var/lib/cloud/data/status.json"
LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class FirstBootTrouble:
    """What is wrong: ``kind`` is ``machine-id``, ``config``, ``errors`` or ``unfinished``."""

    kind: str
    path: str
    text: str
    line: int = 0


def first_boot_troubles(files: GuestReader) -> Iterator[FirstBootTrouble]:
    """Yield what is wrong with the machine's ID, and what cloud-init says of its last run."""
    yield from _machine_id(files)
    if is_installed(files):
        yield from _config(files)
        yield from _last_run(files)


def _machine_id(files: GuestReader) -> Iterator[FirstBootTrouble]:
    found = files.lstat(MACHINE_ID)
    if found is None:
        return
    if not files.is_file(MACHINE_ID):
        yield FirstBootTrouble("machine-id", MACHINE_ID, "it leads to what is not there, or is no file")
        return
    text = files.read_text(MACHINE_ID, limit=LIMIT) if files.stat(MACHINE_ID).size <= LIMIT else "?"
    if text.strip() and text.strip() != "uninitialized" and not re.fullmatch(r"[0-9a-fA-F]{32}\s*", text):
        yield FirstBootTrouble(
            "machine-id", MACHINE_ID, f"not 32 hexadecimal digits: {text.strip()[:40]!r}", 1
        )


def _config(files: GuestReader) -> Iterator[FirstBootTrouble]:
    for path in (MAIN, *files.glob(f"{MAIN}.d/*.cfg")):
        if not files.is_file(path) or files.stat(path).size > LIMIT:
            continue
        try:
            said = yaml.safe_load(files.read_text(path, limit=LIMIT))
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 0
            yield FirstBootTrouble("config", path, f"not YAML: {error.problem}", line)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            yield FirstBootTrouble("config", path, f"not YAML: {' '.join(str(error).split())[:120]}")
        else:
            if said is not None and not isinstance(said, dict):
                yield FirstBootTrouble("config", path, "no settings: not a list of names and values", 1)


def _last_run(files: GuestReader) -> Iterator[FirstBootTrouble]:
    result = _v1(files, RESULT)
    errors = result.get("errors")
    for one in errors[:3] if isinstance(errors, list) else ():
        yield FirstBootTrouble("errors", RESULT, str(one)[:200])
    stage = _v1(files, STATUS).get("stage")
    # It writes its stage while it runs, and none when it has come to its end.
    if not result and isinstance(stage, str) and stage:
        yield FirstBootTrouble("unfinished", STATUS, f"its last run ended in the stage {stage[:40]}")


def _v1(files: GuestReader, path: str) -> dict[str, object]:
    if not files.is_file(path) or files.stat(path).size > LIMIT:
        return {}
    try:
        said = json.loads(files.read_text(path, limit=LIMIT))
    except (ValueError, RecursionError):
        return {}
    inner = said.get("v1") if isinstance(said, dict) else None
    return inner if isinstance(inner, dict) else {}

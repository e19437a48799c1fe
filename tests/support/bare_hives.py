"""Registry hives as files of the host, for commands that take --hive."""

from __future__ import annotations

from pathlib import Path

from imgtools.engine.hive import open_hive
from tests.support.command import Ran, imgtools
from tests.support.hives import Keys, make_hive

KEYS: Keys = {
    "Software\\Example": {"Name": "text", "Count": 3, "List": ["one", "two"], "": "default"},
    "Software\\Example\\Below": {"x": b"\1\2"},
    "Environment": {"TEMP": "%USERPROFILE%\\t"},
}
EXAMPLE = "Software\\Example"


def bare_hive(folder: Path, name: str = "NTUSER.DAT", keys: Keys = KEYS) -> Path:
    path = folder / name
    path.write_bytes(make_hive(keys, name))
    return path


def registry(verb: str, hive: Path, *words: str | Path, code: int = 0) -> Ran:
    """Run ``imgtools registry VERB --hive HIVE WORDS``."""
    return imgtools("registry", verb, "--hive", hive, *words, code=code)


def values_of(hive: Path, key: str = EXAMPLE) -> dict[str, tuple[int, bytes]]:
    """What hivex finds in a key."""
    with hive.open("rb") as stream, open_hive(stream, hive.name) as opened:
        return {one.name: (one.type, one.data) for one in opened.root.require(key).values()}


def has_key(hive: Path, key: str) -> bool:
    """Whether hivex finds a key."""
    with hive.open("rb") as stream, open_hive(stream, hive.name) as opened:
        return opened.key(key) is not None

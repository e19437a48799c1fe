"""What cloud-init is told, read as it reads it: cloud.cfg, and then the files of cloud.cfg.d, of which the last wins.

Source: cloudinit/util.py, ``read_conf_with_confd`` and ``read_conf_d``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import yaml

from imgtools.change.change import Change, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.guest.network.interface_files import folder_of

MAIN = "/etc/cloud/cloud.cfg"
PROGRAM = "/usr/bin/cloud-init"
LIMIT = 1 << 20  # bytes of one file


def is_installed(files: GuestReader) -> bool:
    """Whether cloud-init may run in the guest."""
    return files.exists(MAIN) or files.exists(PROGRAM)


def has_run(files: GuestReader) -> bool:
    """Whether cloud-init has done its work for the machine that the disk was last: it does not give keys again."""
    return files.is_file("/var/lib/cloud/instance/boot-finished")


def read_setting(files: GuestReader, key: str) -> object:
    """Return what cloud-init takes for a setting; None if nothing says."""
    found = [settings[key] for _path, settings in _read(files) if key in settings]
    return found[-1] if found else None


def tell(files: GuestReader, key: str, value: object, name: str) -> Iterator[Change]:
    """Yield a file of cloud.cfg.d whose word about a setting is the last one.

    :param name: of the file, without its ending; one that another would be read behind gets a longer one.
    """
    others = (path for path, settings in _read(files) if path != MAIN and key in settings)
    last = max(others, default="")
    path = f"{_folder(files)}/{name}.cfg"
    if last > path:
        # A dot sorts before an underscore: directly behind the file that is last.
        path = last if last.endswith(f"_{name}.cfg") else f"{last.removesuffix('.cfg')}_{name}.cfg"
    yield from folder_of(files, path)
    yield WriteFile(path, f"{key}: {json.dumps(value)}\n".encode())


def _folder(files: GuestReader) -> str:
    folder = _parsed(files, MAIN).get("conf_d")
    return folder if isinstance(folder, str) and folder.startswith("/") else f"{MAIN}.d"


def _read(files: GuestReader) -> Iterator[tuple[str, dict[object, object]]]:
    yield MAIN, _parsed(files, MAIN)
    folder = _folder(files)
    if files.is_dir(folder):
        names = sorted(entry.name for entry in files.list_dir(folder) if entry.name.endswith(".cfg"))
        yield from ((f"{folder}/{name}", _parsed(files, f"{folder}/{name}")) for name in names)


def _parsed(files: GuestReader, path: str) -> dict[object, object]:
    """Return what a file says; one that is no YAML says nothing, as to cloud-init."""
    if not files.is_file(path) or files.stat(path).size > LIMIT:
        return {}
    try:
        said = yaml.safe_load(files.read_text(path, limit=LIMIT))
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}

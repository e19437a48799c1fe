"""What was found out with some effort, kept for later commands under ~/.cache/imgtools; losing it costs time only."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from imgtools.engine.own_files import write_own

log = logging.getLogger(__name__)


def keep(name: str, key: object, value: object) -> None:
    """Keep JSON values under a name; a cache that cannot be written is no error.

    :param key: what the value depends on; :func:`recall` wants the same.
    """
    path = kept_path(name)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_own(path, json.dumps({"key": key, "value": value}).encode())
    except OSError as error:
        log.debug("cannot keep %s: %s", name, error)


def recall(name: str, key: object) -> Any:  # Any: JSON
    """Return what was kept under a name for this key, or None. The caller does not trust its shape."""
    try:
        kept = json.loads(kept_path(name).read_text())
        return kept["value"] if kept["key"] == json.loads(json.dumps(key)) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def kept_path(name: str) -> Path:
    """Where it is kept, for each user apart."""
    folder = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(folder) / "imgtools" / f"{name}-{os.geteuid()}.json"

"""A script that stands for a program which somebody else starts: it becomes that program, behind its fence.

libguestfs starts QEMU itself, from a process that we do not begin, but asks us for its path.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path

from imgtools.engine.confined.fence import Fence, PutUp
from imgtools.engine.confined.kinds import Kind
from imgtools.engine.confined.start import AS_ITS_KIND
from imgtools.errors import ImgtoolsError

HOME = Path(__file__).parents[3]
BEGIN = "import sys; sys.path.insert(0, {home!r}); from {name} import main; main()"


def write_launcher(
    folder: Path, own: Path, program: str, kind: Kind, reads: list[Path], writes: list[Path]
) -> Path:
    """Write the script into ``folder`` and return its path.

    It is run as often as libguestfs likes, as who we are: the program must not be able to change it.

    libguestfs remembers what a QEMU can do by size and time of its file: those of the script are the same for one
    program, and others when the program is replaced.

    :param own: a folder that the program may write to, its TMPDIR.
    :param program: its full path.
    """
    script = folder / "qemu"
    told = {
        "program": program,
        "kind": kind.name,
        "reads": [os.fspath(path) for path in reads],
        "writes": [os.fspath(path) for path in (own, *writes)],
        "own": os.fspath(own),
    }
    script.with_suffix(".json").write_text(json.dumps(told))
    code = BEGIN.format(home=os.fspath(HOME), name=__name__)
    script.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -S -c {shlex.quote(code)} "$0" "$@"\n'
    )
    script.chmod(0o700)
    with suppress(OSError):  # it is not there, which its start will say
        changed = Path(program).stat().st_mtime_ns
        os.utime(script, ns=(changed, changed))
    return script


def main() -> None:
    """Become the program that was told of; the script's own path comes first."""
    script, *words = sys.argv[1:]
    told = json.loads(Path(script).with_suffix(".json").read_text())
    os.environ["TMPDIR"] = told["own"]
    fence = Fence(Kind[told["kind"]], _paths(told["reads"]), _paths(told["writes"]))
    try:
        put_up = PutUp(fence, told["program"], AS_ITS_KIND, vforks=False)
        put_up.limit()
        put_up.enter()
        os.execv(told["program"], [told["program"], *words])
    except (OSError, ImgtoolsError) as error:
        sys.exit(f"imgtools: cannot start {told['program']}: {error}")


def _paths(names: list[str]) -> tuple[Path, ...]:
    return tuple(map(Path, names))

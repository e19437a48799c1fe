"""What stands for QEMU and was taken over by a hostile guest: it is started by its script, as libguestfs would."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from imgtools.engine.confined import landlock, seccomp
from imgtools.engine.confined.kinds import Kind
from imgtools.engine.confined.launcher import write_launcher
from tests.unit.engine.confined.test_fence import CONNECT, FORK, MEMORY, PYTHON, READ, SPAWN, WRITE

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(not landlock.abi() or not seccomp.is_known(), reason="no fences on this host"),
]
BOTH = pytest.mark.parametrize("kind", [Kind.MACHINE, Kind.CONNECTED_MACHINE], ids=lambda kind: kind.name)


def said(
    folder: Path, kind: Kind, script: str, *words: object, reads: list[Path] | None = None
) -> tuple[int, str]:
    own = folder / "own"
    own.mkdir(exist_ok=True)
    launcher = write_launcher(folder, own, PYTHON, kind, reads or [], [Path("/dev/kvm")])
    done = subprocess.run(
        [launcher, "-I", "-S", "-c", script, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout


@BOTH
def test_what_it_was_given_is_read_and_the_rest_is_not(kind: Kind, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sesame")
    secret.chmod(0o600)
    for place in (secret, Path("/etc/shadow")):
        code, words = said(tmp_path, kind, READ, place)
        assert code == 1 and "Permission denied" in words
    assert "sesame" in said(tmp_path, kind, READ, secret, reads=[secret])[1]
    assert said(tmp_path, kind, WRITE, secret, reads=[secret])[0] == 1
    assert said(tmp_path, kind, WRITE, tmp_path / "own" / "overlay") == (0, "")
    assert "own" in said(tmp_path, kind, "import os; print(os.environ['TMPDIR'])")[1]


@BOTH
def test_it_does_not_change_the_script_that_starts_it_the_next_time(kind: Kind, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert said(tmp_path, kind, WRITE, tmp_path / "qemu.json")[0] == 1
    assert said(tmp_path, kind, WRITE, tmp_path / "qemu")[0] == 1


@BOTH
@pytest.mark.parametrize("script", [FORK, SPAWN])
def test_no_process_is_started(kind: Kind, script: str, tmp_path: Path) -> None:
    code, words = said(tmp_path, kind, script)
    assert code == 1 and "temporarily unavailable" in words


@BOTH
def test_memory_ends(kind: Kind, tmp_path: Path) -> None:
    assert "MemoryError" in said(tmp_path, kind, MEMORY, kind.allowance.memory + 1)[1]


@pytest.mark.parametrize(("kind", "code"), [(Kind.MACHINE, 1), (Kind.CONNECTED_MACHINE, 0)])
def test_a_network_is_there_only_where_it_was_asked_for(kind: Kind, code: int, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert said(tmp_path, kind, CONNECT, server.getsockname()[1])[0] == code


@BOTH
@pytest.mark.skipif(os.geteuid() != 0, reason="root only")
def test_it_is_not_root(kind: Kind, tmp_path: Path) -> None:
    assert said(tmp_path, kind, "import os; print(os.getuid(), os.getgroups())") == (0, "65534 []\n")


def test_what_libguestfs_remembers_a_program_by_is_the_same_from_launch_to_launch(tmp_path: Path) -> None:
    facts = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        found = write_launcher(
            tmp_path / name, tmp_path, PYTHON, Kind.MACHINE, [Path("/images", name * 3)], []
        ).stat()
        facts.add((found.st_size, found.st_mtime))
    assert len(facts) == 1 and facts.pop()[1] == Path(PYTHON).stat().st_mtime


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    launcher = write_launcher(tmp_path, tmp_path, "/none/qemu", Kind.MACHINE, [], [])
    done = subprocess.run([launcher], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "imgtools: cannot start /none/qemu: [Errno 2] No such file or directory\n"

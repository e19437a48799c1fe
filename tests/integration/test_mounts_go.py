"""No mount outlives the run that made it, whoever of those that keep it is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from imgtools.cli.app import main
from imgtools.engine.confined.ext import ExtWriter
from imgtools.engine.confined.mounts import may_mount
from imgtools.engine.direct.write_ntfs import NtfsWriter
from imgtools.engine.held_folder import PREFIX, mounts_below
from tests.support.fixtures import copy_fixture
from tests.support.other_user import BECOME, CAN_BECOME, NOBODY
from tests.support.waiting import wait_until

PLAN = "- {kind: write-file, path: %s, content: changed}\n"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="ntfs-3g mounts for root only")


@dataclass(frozen=True, slots=True)
class Case:
    """A fixture, a file in it, who writes it, how many mounts that takes, and as which user."""

    name: str
    path: str
    writer: type[ExtWriter] | type[NtfsWriter]
    mounts: int
    uid: int = os.geteuid()


# Where we mount for programs behind a fence, what ntfs-3g mounts is seen by nobody else.
WE_MOUNT = may_mount()
NTFS = pytest.param(
    Case("windows", "/Windows/win.ini", NtfsWriter, 1 if WE_MOUNT else 2), marks=AS_ROOT, id="ntfs"
)
EXT = pytest.param(Case("debian", "/etc/motd", ExtWriter, 1), id="ext")
USER = pytest.param(Case("debian", "/etc/motd", ExtWriter, 1, NOBODY), marks=CAN_BECOME, id="user")
both = pytest.mark.parametrize("edit", [NTFS, EXT], indirect=True)
everybody = pytest.mark.parametrize("edit", [NTFS, EXT, USER], indirect=True)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder that only this test uses; its name is short, because paths of sockets are.

    :param tmp_path: pytest makes it in the usual one.
    """
    folder = Path(tempfile.mkdtemp(prefix="mounts-", dir=os.path.realpath(tempfile.gettempdir())))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    for place in reversed(mounts_below(folder)):  # the test has failed
        subprocess.run(["fusermount3", "-u", "-z", place], check=False)
    shutil.rmtree(folder, ignore_errors=True)  # the keepers of NBD servers remove theirs meanwhile


def parents() -> dict[int, tuple[int, str]]:
    """The parent and the name of every process of the host."""
    found = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, _, rest = place.read_text().partition(" (")
        except OSError:  # it has ended
            continue
        name, _, words = rest.rpartition(") ")
        if words.split()[0] != "Z":
            found[int(number)] = (int(words.split()[1]), name)
    return found


def started_by(pid: int) -> dict[int, str]:
    """What a process has started, and what that has, by number."""
    known = parents()
    found: dict[int, str] = {}
    todo = [pid]
    while todo:
        parent = todo.pop()
        below = {child: name for child, (above, name) in known.items() if above == parent}
        found.update(below)
        todo += below
    return found


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit that stands still while what it writes to is mounted."""

    pid: int
    case: Case
    go: Path
    image: Path
    temporary: Path

    def numbers(self, name: str) -> list[int]:
        """The processes of a name that it has started, the oldest first."""
        return sorted(pid for pid, known in started_by(self.pid).items() if known.startswith(name))

    def keepers(self) -> list[int]:
        """The keepers of the programs that are kept, the oldest first."""
        known = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in started_by(self.pid)}
        marks = (b"\0keeper\0", PREFIX.encode())
        return sorted(pid for pid, words in known.items() if all(mark in words for mark in marks))

    def goes_on(self) -> int:
        """Let it go on; returns its exit code."""
        self.go.touch()
        return ended(self.pid)

    def again(self) -> int:
        """Do the same in a new process; returns its exit code."""
        self.go.touch()
        return ended(start_edit(self.case, self.go.parent, self.image))

    def is_gone(self) -> bool:
        """Whether nothing is mounted any more, and no folder left."""
        return not mounts_below(self.temporary) and not left_in(self.temporary)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def left_in(temporary: Path) -> list[str]:
    return [path.name for path in temporary.iterdir() if path.name.startswith(PREFIX)]


@pytest.fixture
def edit(request: pytest.FixtureRequest, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edit]:
    """An edit in a process of its own, which has come to the first file that it writes."""
    case = request.param
    work = temporary / "work"
    work.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(work))
    (image,) = copy_fixture(case.name, work)
    (work / "plan.yaml").write_text(PLAN % case.path)
    for path in (temporary, work, image):
        os.chown(path, case.uid, case.uid)
    one = Edit(start_edit(case, work, image), case, work / "go", image, temporary)
    try:
        wait_until((work / "reached").exists)
        assert len(mounts_below(temporary)) == case.mounts
        yield one
    finally:
        kill_all([one.pid])


def start_edit(case: Case, work: Path, image: Path) -> int:
    """Edit in a process of its own, which waits before the first file is written; returns its number."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    write = case.writer.write

    def wait_and_write(*arguments: object) -> None:
        (work / "reached").touch()
        wait_until((work / "go").exists)
        write(*arguments)  # type: ignore[arg-type]

    try:
        become(case.uid)
        case.writer.write = wait_and_write  # type: ignore[method-assign,assignment]  in this process only
        main(["apply", str(image), str(work / "plan.yaml"), "--write"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(code)


def become(uid: int) -> None:
    """Be another user, and silent."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    if uid != os.geteuid():
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def kill_all(pids: list[int]) -> None:
    """Kill processes at once: none of them sees another die."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
    for pid in pids:
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:  # not ours, or waited for already
            pass


# -- edits -------------------------------------------------------------------------------------------------


@everybody
def test_nothing_is_left_of_an_edit_that_is_killed(edit: Edit) -> None:
    kill_all([edit.pid])
    wait_until(edit.is_gone)


@both
@pytest.mark.parametrize("place", range(2))
def test_nothing_is_left_when_a_daemon_is_killed(edit: Edit, place: int) -> None:
    before = edit.image.read_bytes()
    kill_all([edit.numbers("qemu-storage")[place]])
    assert edit.goes_on() not in (0, 70)
    wait_until(edit.is_gone)
    assert edit.image.read_bytes() == before


@both
@pytest.mark.parametrize("place", range(2))
def test_nothing_is_left_when_the_keeper_of_a_daemon_is_killed(edit: Edit, place: int) -> None:
    kill_all([edit.keepers()[place]])
    assert edit.goes_on() == 0
    assert edit.is_gone()


@everybody
def test_nothing_stays_mounted_when_an_edit_is_killed_after_its_keepers(edit: Edit) -> None:
    kill_all(edit.keepers())
    kill_all([edit.pid])
    if not WE_MOUNT or edit.case.uid != 0:  # a daemon behind a fence has nobody any more who unmounts for it
        wait_until(lambda: not mounts_below(edit.temporary))
    assert edit.again() == 0
    assert edit.is_gone()


@pytest.mark.parametrize("edit", [NTFS], indirect=True)
def test_nothing_is_left_when_ntfs_3g_is_killed(edit: Edit) -> None:
    before = edit.image.read_bytes()
    kill_all(edit.numbers("ntfs-3g"))
    assert edit.goes_on() not in (0, 70)
    assert edit.is_gone()
    assert edit.image.read_bytes() == before


@pytest.mark.parametrize("edit", [NTFS], indirect=True)
def test_nothing_is_left_when_the_keeper_of_ntfs_3g_is_killed(edit: Edit) -> None:
    kill_all([edit.keepers()[2]])
    assert edit.goes_on() == 0
    assert edit.is_gone()


@pytest.mark.parametrize("edit", [NTFS], indirect=True)
def test_files_of_a_guest_are_nothing_but_files_to_the_host(edit: Edit) -> None:
    (pid,) = edit.numbers("ntfs-3g")
    mounts = Path("/proc", str(pid), "mountinfo")
    lines = [line for line in mounts.read_text().splitlines() if f"{edit.temporary}/" in line]
    (ntfs,) = (line for line in lines if line.split()[4].endswith("/m"))
    assert {"nosuid", "nodev", "noexec"} <= set(ntfs.split()[5].split(","))
    assert edit.goes_on() == 0


@everybody
def test_what_is_killed_at_once_is_swept_by_the_next_edit(edit: Edit) -> None:
    kill_all([edit.pid, *started_by(edit.pid)])
    assert mounts_below(edit.temporary) and left_in(edit.temporary)
    assert edit.again() == 0
    assert edit.is_gone()


# -- imgtools mount ----------------------------------------------------------------------------------------


@pytest.fixture(params=["us", pytest.param("nobody", marks=CAN_BECOME)])
def as_user(request: pytest.FixtureRequest, temporary: Path) -> list[str]:
    """The words before a command that is run by us, or by an ordinary user."""
    home = temporary / "home"
    home.mkdir()
    words = ["env", f"XDG_CACHE_HOME={home}"]
    if request.param == "us":
        return words
    for folder in (temporary, home):
        os.chown(folder, NOBODY, NOBODY)
    return [*BECOME, *words]


@pytest.fixture
def image(temporary: Path) -> Path:
    (image,) = copy_fixture("debian", temporary)
    return image


@pytest.fixture
def place(as_user: list[str], temporary: Path) -> Path:
    """The folder to mount on, below the temporary one, which is cleared up whatever happens."""
    place = temporary / "home" / "a guest"
    place.mkdir()
    shutil.chown(place, temporary.stat().st_uid)
    return place


def mount(as_user: list[str], image: Path, place: Path) -> int:
    """Mount; returns the number of the server."""
    command = [*as_user, sys.executable, "-m", "imgtools", "mount", image, place, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout)["data"]["pid"])


def watchers(server: int) -> list[int]:
    return [pid for pid in started_by(server) if b"\0watcher\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_folder_goes_with_its_server(as_user: list[str], image: Path, place: Path, temporary: Path) -> None:
    server = mount(as_user, image, place)
    assert mounts_below(temporary) == [str(place)] and left_in(temporary)
    os.kill(server, signal.SIGKILL)
    wait_until(lambda: not mounts_below(temporary) and not left_in(temporary))
    assert list(place.iterdir()) == []


def test_a_folder_that_is_unmounted_leaves_no_watcher(
    as_user: list[str], image: Path, place: Path, temporary: Path
) -> None:
    server = mount(as_user, image, place)
    (watcher,) = watchers(server)
    subprocess.run([*as_user, sys.executable, "-m", "imgtools", "unmount", place], check=True)
    wait_until(lambda: watcher not in parents() and not left_in(temporary))


def test_a_dead_folder_is_taken_down_by_the_next_mount_there(
    as_user: list[str], image: Path, place: Path, temporary: Path
) -> None:
    server = mount(as_user, image, place)
    kill_all([server, *started_by(server)])
    wait_until(lambda: server not in parents())
    assert mounts_below(temporary) == [str(place)] and len(left_in(temporary)) == 1
    again = mount(as_user, image, place)
    assert mounts_below(temporary) == [str(place)] and len(left_in(temporary)) == 1
    os.kill(again, signal.SIGTERM)
    wait_until(lambda: again not in parents())
    assert not mounts_below(temporary) and not left_in(temporary)

"""Killed at any moment, imgtools leaves the image as it was, as it shall be, or with an edit that can be finished."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from imgtools.cli.app import main
from imgtools.disk.new_file import PREFIX
from imgtools.disk.transaction.lock import is_locked
from imgtools.disk.transaction.transaction import Transaction
from imgtools.engine.held_folder import HeldFolder, sweep, take_away
from imgtools.errors import BadImage, EditConflict, EditCut, ImageInUse, NoRoom, UnfinishedEdit
from tests.support.command import imgtools
from tests.support.cut import Ended, run_cut
from tests.support.mounts import fuse_mounted
from tests.support.volumes import disk_to_change
from tests.support.waiting import wait_until

PLAN = """
- {kind: write-file, path: /etc/motd, content: changed}
- {kind: write-file, path: /etc/large, content: "%s"}
- {kind: remove, path: /etc/old}
""" % ("imgtools" * 20_000)


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw disk of 24 MB with one ext4 filesystem."""
    return disk_to_change(tmp_path_factory.mktemp("blank"))


class Bench:
    """One image, the plan for it, and what it is before and after."""

    def __init__(self, blank: Path, folder: Path, form: str) -> None:
        self.folder, self._form = folder, form
        self.image, self.plan = folder / f"disk.{form}", folder / "plan.yaml"
        self._blank = blank
        self.plan.write_text(PLAN)
        self.reset()
        self.before = self.digest()
        imgtools("apply", self.image, self.plan, "--write")  # imports what the children then need not
        self.reset()
        self.whole = self.edit()
        self.after = self.digest()
        assert self.whole.code == 0 and self.after != self.before

    def reset(self) -> None:
        """Put the image back to what it was; nothing may lie beside it."""
        self.image.unlink(missing_ok=True)
        if self._form == "raw":
            shutil.copyfile(self._blank, self.image)
        else:
            subprocess.run(["qemu-img", "convert", "-O", self._form, self._blank, self.image], check=True)

    def edit(self, cut: int | None = None, *, by: int = signal.SIGKILL, path: Path | None = None) -> Ended:
        """Carry the plan out in a child."""
        words = ["apply", str(self.image), str(self.plan), "--write"]
        return run_cut(lambda: main(words), self.folder, cut=cut, by=by, path=path)

    def digest(self) -> str:
        """What the image is: of raw its bytes, of other formats the disk that they mean."""
        shown = self.image
        if self._form != "raw":
            shown = self.folder / "flat"
            subprocess.run(["qemu-img", "convert", "-O", "raw", self.image, shown], check=True)
        return hashlib.sha256(shown.read_bytes()).hexdigest()

    @property
    def beside(self) -> set[str]:
        """What lies beside the image, less what the test has put there."""
        known = {self.image.name, "plan.yaml", "output", "steps", "flat", "bin"}
        return {path.name for path in self.folder.iterdir()} - known

    @property
    def has_marker(self) -> bool:
        return (self.folder / f"{self.image.name}.imgtools-unfinished").exists()

    def said(self) -> str:
        return (self.folder / "output").read_text()

    def require_sound(self) -> str:
        """The promise; returns which of the three it was."""
        # A qemu-img commit that has outlived imgtools keeps the lock.
        wait_until(lambda: not is_locked(self.image), seconds=300)
        if self.has_marker:
            refused = imgtools("ls", self.image, "/", code=UnfinishedEdit.exit_code)
            assert "recover" in refused.err
            done = imgtools("recover", self.image, "--json")
            assert done.data["outcome"] == "finished"
            assert self.digest() == self.after
            outcome = "recovered"
        else:
            digest = self.digest()
            assert digest in (self.before, self.after)
            imgtools("recover", self.image)  # removes what lies beside it, and nothing else
            assert self.digest() == digest
            outcome = "before" if digest == self.before else "after"
        self._let_age()
        assert self.beside == set()
        return outcome

    def _let_age(self) -> None:
        """A scratch folder whose maker was killed before he had locked it goes when it is old."""
        for folder in self.folder.glob(f"{PREFIX}*"):
            os.utime(folder, (0, 0))
        sweep(self.folder, PREFIX)


@pytest.fixture(scope="module")
def raw(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(blank, tmp_path_factory.mktemp("raw"), "raw")


@pytest.fixture(scope="module")
def qcow2(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(blank, tmp_path_factory.mktemp("qcow2"), "qcow2")


def places(steps: Sequence[str], before: int, inside: int) -> list[int]:
    """Where to cut: evenly spread before the commit, and densely in it."""
    begin = steps.index("edit.commit")
    length = len(steps) - begin
    early = [round((place + 0.5) * begin / before) for place in range(before)]
    return early + [begin + round((place + 0.5) * length / inside) for place in range(inside)]


def phases(outcomes: Sequence[str]) -> list[str]:
    """The outcomes without repetitions in a row."""
    return [one for one, then in itertools.pairwise([*outcomes, ""]) if one != then]


# -- imgtools is killed ------------------------------------------------------------------------------------


def kill_at(bench: Bench, cut: int) -> str:
    """Kill one edit; returns what became of the image. A failure says where, and what the child had to say."""
    bench.reset()
    ended = bench.edit(cut)
    try:
        assert ended.code == -signal.SIGKILL, f"{len(ended.steps)} steps were made"
        return bench.require_sound()
    except AssertionError as error:
        step = bench.whole.steps[cut - 1]
        error.add_note(f"cut {cut} ({step}), exit code {ended.code}, lies there: {sorted(bench.beside)}")
        error.add_note(f"the child said: {bench.said()!r}")
        raise


def kill_everywhere(bench: Bench, before: int, inside: int) -> list[str]:
    """Kill edits at many places; returns the phases of the transaction that they met."""
    cuts = places(bench.whole.steps, before, inside)
    outcomes = [kill_at(bench, cut) for cut in cuts]
    print(*zip(cuts, outcomes, strict=True))  # shown when it fails
    return phases(outcomes)


def test_an_edit_makes_the_same_steps_every_time(raw: Bench, qcow2: Bench) -> None:
    """Else a cut would fall at another place on a slower machine."""
    for bench in (raw, qcow2):
        bench.reset()
        assert bench.edit().steps == bench.whole.steps


def test_what_others_do_on_the_host_is_no_step(raw: Bench) -> None:
    """An edit looks at all loop devices and at the folders of other edits, however many there are."""
    folders = [HeldFolder() for _ in range(3)]
    try:
        raw.reset()
        assert raw.edit().steps == raw.whole.steps
    finally:
        for folder in folders:
            folder.let_go()
            assert take_away(folder.path)


def test_a_loop_device_of_the_host_is_no_step(raw: Bench, tmp_path: Path) -> None:
    backing = tmp_path / "backing"
    backing.write_bytes(bytes(1 << 20))
    attached = subprocess.run(
        ["losetup", "--find", "--show", backing], capture_output=True, text=True, check=False
    )
    if attached.returncode != 0:
        pytest.skip(f"no loop device can be attached: {attached.stderr.strip()}")
    try:
        raw.reset()
        assert raw.edit().steps == raw.whole.steps
    finally:
        subprocess.run(["losetup", "--detach", attached.stdout.strip()], check=True)


def test_killed_at_sixty_places_a_raw_image_is_never_torn(raw: Bench) -> None:
    # Nothing counts before the marker, everything after it, and each is met in its turn.
    assert kill_everywhere(raw, 20, 40) == ["before", "recovered", "after"]


def test_killed_at_thirty_places_a_qcow2_image_is_never_torn(qcow2: Bench) -> None:
    assert kill_everywhere(qcow2, 6, 24) == ["before", "recovered", "after"]


def test_recovery_may_be_killed_too(raw: Bench) -> None:
    begin = raw.whole.steps.index("overlay.commit_overlay")
    raw.reset()
    raw.edit(begin)
    whole = run_cut(lambda: main(["recover", str(raw.image)]), raw.folder)
    assert whole.code == 0 and raw.digest() == raw.after
    for place in range(8):
        raw.reset()
        raw.edit(begin)
        cut = 1 + place * len(whole.steps) // 8
        ended = run_cut(lambda: main(["recover", str(raw.image)]), raw.folder, cut=cut)
        assert ended.code in (-signal.SIGKILL, 0)
        assert raw.require_sound() in ("recovered", "after")


def test_the_next_edit_does_not_mistake_what_a_killed_one_left(raw: Bench) -> None:
    raw.reset()
    raw.edit(raw.whole.steps.index("transaction.commit"))
    assert f"{raw.image.name}.imgtools-overlay" in raw.beside
    assert raw.edit().code == 0
    assert raw.digest() == raw.after and raw.beside == set()


def test_before_anything_is_written_an_edit_can_be_taken_back(raw: Bench) -> None:
    steps = raw.whole.steps
    raw.reset()
    raw.edit(steps.index("transaction.finish"))  # the marker is there, its second stage is not
    imgtools("ls", raw.image, "/", code=UnfinishedEdit.exit_code)
    assert imgtools("recover", raw.image, "--discard", "--json").data["outcome"] == "discarded"
    assert raw.digest() == raw.before and raw.beside == set()
    raw.reset()
    raw.edit(steps.index("overlay.commit_overlay"))
    imgtools("recover", raw.image, "--discard", code=UnfinishedEdit.exit_code)
    assert raw.require_sound() == "recovered"


def test_an_image_that_changed_since_is_not_overwritten_by_recovery(raw: Bench) -> None:
    raw.reset()
    raw.edit(raw.whole.steps.index("transaction.finish"))
    with raw.image.open("r+b") as file:
        file.write(b"someone else")
    changed = raw.digest()
    imgtools("recover", raw.image, code=EditConflict.exit_code)
    assert imgtools("recover", raw.image, "--discard", "--json").data["outcome"] == "discarded"
    assert raw.digest() == changed


def test_a_lost_overlay_is_not_taken_for_a_finished_commit(raw: Bench) -> None:
    raw.reset()
    raw.edit(raw.whole.steps.index("overlay.commit_overlay"))
    (raw.folder / f"{raw.image.name}.imgtools-overlay").unlink()
    assert "overlay is gone" in imgtools("recover", raw.image, code=BadImage.exit_code).err.replace(
        "imgtools-overlay is gone", "overlay is gone"
    )
    imgtools("ls", raw.image, "/", code=UnfinishedEdit.exit_code)
    for name in raw.beside:
        (raw.folder / name).unlink()


# -- qemu-img is cut, or left alone --------------------------------------------------------------------------


def wrap_qemu_img(folder: Path, script: str) -> Path:
    """Put a qemu-img first on the PATH that does something else when it shall commit."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    real = shutil.which("qemu-img")
    wrapper = programs / "qemu-img"
    wrapper.write_text(f'#!/bin/sh\nreal={real}\n[ "$1" = commit ] || exec $real "$@"\n{script}\n')
    wrapper.chmod(0o755)
    return programs


@pytest.mark.parametrize("place", range(8))
def test_a_commit_cut_between_two_writes_is_finished_later(raw: Bench, place: int) -> None:
    """The image may not be written beyond some byte: qemu-img ends there, with what is before it written."""
    raw.reset()
    limit = (24 << 20) * (place + 1) // 10
    path = wrap_qemu_img(raw.folder, f'exec prlimit --fsize={limit} -- $real "$@"')
    ended = raw.edit(path=path)
    if ended.code == 0:  # nothing lies behind the limit
        assert raw.digest() == raw.after
    else:
        assert ended.code == EditCut.exit_code, raw.said()
        assert "imgtools recover" in raw.said()
        assert raw.digest() != raw.after
        assert raw.require_sound() == "recovered"


def test_a_commit_that_outlives_imgtools_keeps_the_lock(raw: Bench) -> None:
    raw.reset()
    go = raw.folder / "bin" / "go"
    script = f'kill -9 $PPID; until [ -e {go} ]; do sleep 0.01; done; rm {go}; exec $real "$@"'
    path = wrap_qemu_img(raw.folder, script)
    assert raw.edit(path=path).code == -signal.SIGKILL
    assert raw.has_marker
    imgtools("ls", raw.image, "/", code=ImageInUse.exit_code)
    imgtools("apply", raw.image, raw.plan, "--write", code=ImageInUse.exit_code)
    go.touch()
    assert raw.require_sound() == "recovered"


def test_a_commit_that_never_began_is_rolled_back(raw: Bench) -> None:
    """Another program takes the image at the last moment: nothing is written, and nothing is left unfinished."""
    raw.reset()
    path = wrap_qemu_img(raw.folder, "echo 'Failed to get \"write\" lock' >&2; exit 1")
    assert raw.edit(path=path).code == ImageInUse.exit_code
    assert raw.digest() == raw.before and raw.beside == set()


# -- signals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_rolls_back_and_waits_for_the_commit(raw: Bench, number: int) -> None:
    steps = raw.whole.steps
    marked = steps.index("signals.uninterrupted")
    late = marked + 8  # the handlers are in place
    early = [round((place + 0.5) * marked / 4) for place in range(4)]
    for cut in (*early, late, (late + len(steps)) // 2):
        raw.reset()
        ended = raw.edit(cut, by=number)
        assert raw.beside == set(), raw.said()
        if cut < marked:
            assert ended.code == 128 + number, raw.said()
            assert raw.digest() == raw.before
        else:
            assert ended.code == 0, raw.said()
            assert raw.digest() == raw.after


# -- a full disk -------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for some 44 MB, on a filesystem of its own that nobody needs to be root for."""
    volume, folder = tmp_path / "volume", tmp_path / "small"
    with volume.open("wb") as file:
        file.truncate(48 << 20)
    folder.mkdir()
    subprocess.run(["mke2fs", "-q", "-t", "ext2", "-m", "0", volume], check=True)
    with fuse_mounted(folder, "fuse2fs", "-f", "-o", "fakeroot", volume, folder):
        yield folder


def fill(folder: Path, leave: int) -> Path:
    """Write a file that leaves this much room."""
    found = os.statvfs(folder)
    filler = folder / "filler"
    filler.write_bytes(bytes(found.f_bavail * found.f_frsize - leave))
    return filler


def test_no_room_for_the_overlay_is_told_before_anything_begins(blank: Path, small_disk: Path) -> None:
    image, plan = small_disk / "disk.raw", small_disk / "plan.yaml"
    shutil.copyfile(blank, image)
    before = image.read_bytes()
    plan.write_text(PLAN)
    filler = fill(small_disk, 1 << 20)
    imgtools("apply", image, plan, "--write", code=NoRoom.exit_code)
    assert image.read_bytes() == before
    assert {path.name for path in small_disk.iterdir()} - {"lost+found"} == {
        image.name,
        plan.name,
        filler.name,
    }


def test_a_disk_that_fills_up_meanwhile_leaves_the_image_alone(blank: Path, small_disk: Path) -> None:
    image, plan = small_disk / "disk.raw", small_disk / "plan.yaml"
    shutil.copyfile(blank, image)
    before = image.read_bytes()
    # The room check believes in it; while the overlay grows, somebody else takes the room.
    source = small_disk.parent / "large"
    source.write_bytes(os.urandom(6 << 20))
    plan.write_text(f"- {{kind: upload, path: /etc/large, host_path: {source}}}\n")
    fill(small_disk, 11 << 20)
    begin = Transaction.begin

    def begin_and_fill(transaction: Transaction) -> None:
        begin(transaction)
        (small_disk / "more").write_bytes(bytes(8 << 20))

    def edit() -> None:
        Transaction.begin = begin_and_fill  # type: ignore[method-assign]  in the child only
        main(["apply", str(image), str(plan), "--write"])

    ended = run_cut(edit, small_disk.parent)
    assert ended.code == NoRoom.exit_code, (small_disk.parent / "output").read_text()
    assert image.read_bytes() == before
    assert not list(small_disk.glob("*imgtools*"))


def test_a_disk_that_fills_up_in_the_commit_is_finished_when_there_is_room(
    blank: Path, small_disk: Path
) -> None:
    image, plan, source = small_disk / "disk.raw", small_disk / "plan.yaml", small_disk.parent / "large"
    subprocess.run(["cp", "--sparse=always", blank, image], check=True)
    source.write_bytes(os.urandom(6 << 20))
    plan.write_text(f"- {{kind: upload, path: /etc/large, host_path: {source}}}\n")
    filler = small_disk / "filler"
    path = wrap_qemu_img(small_disk.parent, f'cat /dev/zero > {filler} 2>/dev/null; exec $real "$@"')
    ended = run_cut(lambda: main(["apply", str(image), str(plan), "--write"]), small_disk.parent, path=path)
    assert ended.code == EditCut.exit_code, (small_disk.parent / "output").read_text()
    imgtools("cat", image, "/etc/large", code=UnfinishedEdit.exit_code)
    imgtools("recover", image, code=EditCut.exit_code)  # there is still no room
    filler.unlink()
    imgtools("recover", image)
    with subprocess.Popen(
        [sys.executable, "-m", "imgtools", "cat", image, "/etc/large"], stdout=subprocess.PIPE
    ) as read:
        assert read.stdout is not None
        assert read.stdout.read() == source.read_bytes()

"""A transaction on real images: what counts when, in which order, and what is left if it fails.

The overlays are filled with qemu-io, and qemu-img commits them; a diary notes the order of the steps that matter.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from imgtools.disk.backing import examine
from imgtools.disk.transaction import transaction as module
from imgtools.disk.transaction.marker import COMMITTING, READY, MarkedDisk, Marker, find_marker, write_marker
from imgtools.disk.transaction.sidecar import sidecar_of
from imgtools.disk.transaction.transaction import MARGIN, Transaction, finish, overlaid
from imgtools.errors import EditConflict, EditCut, HostError, ImageInUse, NoRoom
from imgtools.records.image import DiskSource, ImageInfo, Layer
from imgtools.records.request import OutputTarget

pytestmark = pytest.mark.host
MIB = 1 << 20


def run(*words: object) -> str:
    argv = [os.fspath(word) if isinstance(word, Path) else str(word) for word in words]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def image(path: Path, format: str = "raw", size: int = 4 * MIB) -> ImageInfo:
    """An image that is full of ones."""
    run("qemu-img", "create", "-q", "-f", format, path, size)
    run("qemu-io", "-f", format, "-c", f"write -P 1 0 {size}", path)
    return examine(DiskSource(path, format), ask_qemu=False)


def change(transaction: Transaction, *, at: int = 0, pattern: int = 7, number: int = 0) -> None:
    run("qemu-io", "-f", "qcow2", "-c", f"write -P {pattern} {at} 64k", transaction.disks[number][0])


def content(info: ImageInfo, format: str = "") -> bytes:
    target = info.source.host_path.with_name("content")
    run("qemu-img", "convert", "-f", format or info.format, "-O", "raw", info.source.host_path, target)
    try:
        return target.read_bytes()
    finally:
        target.unlink()


def beside(path: Path) -> set[str]:
    return {one.name for one in path.parent.iterdir()}


@pytest.fixture
def diary(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps of a commit in their order; all are really made."""
    steps: list[str] = []

    def noted(name: str) -> None:
        really = getattr(module, name)

        def step(*words: object, **more: object) -> object:
            first = words[0]
            what = first.stage if isinstance(first, Marker) else getattr(first, "host_path", first).name  # type: ignore[attr-defined]
            steps.append(f"{name} {what}")
            return really(*words, **more)

        monkeypatch.setattr(module, name, step)

    for name in (
        "sync_file",
        "sync_folder",
        "write_marker",
        "remove_marker",
        "commit_overlay",
        "shrink_image",
    ):
        noted(name)
    unlink = Path.unlink

    def removed(path: Path, missing_ok: bool = False) -> None:
        if path.name.endswith("-overlay"):
            steps.append(f"unlink {path.name}")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", removed)
    return steps


# -- one disk ---------------------------------------------------------------------------------------------


def test_nothing_counts_before_the_commit_and_all_after_it(tmp_path: Path) -> None:
    info = image(tmp_path / "a")
    transaction = Transaction([info])
    assert not transaction.makes_new_image and transaction.output == ""
    transaction.begin()
    change(transaction, at=MIB)
    before = info.source.host_path.read_bytes()
    assert before == b"\1" * 4 * MIB and beside(tmp_path / "a") == {"a", "a.imgtools-overlay"}
    transaction.commit()
    assert beside(tmp_path / "a") == {"a"}
    assert (tmp_path / "a").read_bytes() == before[:MIB] + b"\7" * 65536 + before[MIB + 65536 :]
    transaction.discard()


def test_several_disks_become_a_folder_of_images(tmp_path: Path) -> None:
    infos = [image(tmp_path / "a"), image(tmp_path / "b", "qcow2")]
    transaction = Transaction(infos, output=OutputTarget(tmp_path / "new"))
    transaction.begin()
    change(transaction, number=1)
    assert beside(tmp_path / "a") == {"a", "b", "new.imgtools-overlay", "new-2.imgtools-overlay"}
    transaction.commit()
    assert beside(tmp_path / "a") == {"a", "b", "new"} and beside(tmp_path / "new" / "a") == {
        "a.raw",
        "b.qcow2",
    }
    assert (tmp_path / "new" / "a.raw").read_bytes() == content(infos[0]) == b"\1" * 4 * MIB
    changed = examine(DiskSource(tmp_path / "new" / "b.qcow2"), ask_qemu=False)
    assert content(changed) == b"\7" * 65536 + content(infos[1])[65536:]


def test_an_image_that_changes_meanwhile_leaves_no_folder(tmp_path: Path) -> None:
    infos = [image(tmp_path / "a"), image(tmp_path / "b")]
    transaction = Transaction(infos, output=OutputTarget(tmp_path / "new"))
    transaction.begin()
    os.utime(tmp_path / "b", ns=(1, 1))
    with pytest.raises(EditConflict):
        transaction.commit()
    transaction.discard()
    assert beside(tmp_path / "a") == {"a", "b"}


def test_what_is_thrown_away_never_was(tmp_path: Path) -> None:
    info = image(tmp_path / "a")
    transaction = Transaction([info])
    transaction.begin()
    change(transaction)
    transaction.begin()  # an overlay that is there is of no use to anyone
    assert (
        run("qemu-img", "map", "--output=json", "-f", "qcow2", transaction.disks[0][0]).count('"depth": 0')
        == 0
    )
    transaction.discard()
    transaction.discard()
    assert beside(tmp_path / "a") == {"a"} and (tmp_path / "a").read_bytes() == b"\1" * 4 * MIB


def test_the_order_of_a_commit(tmp_path: Path, diary: list[str]) -> None:
    """The overlay is on the disk before the marker is, the image before the marker goes, the overlay goes last."""
    transaction = Transaction([image(tmp_path / "a")])
    transaction.begin()
    change(transaction)
    diary.clear()
    transaction.commit()
    assert diary == [
        "sync_file a.imgtools-overlay", f"sync_folder {tmp_path.name}", f"write_marker {READY}",
        f"write_marker {COMMITTING}", "commit_overlay a.imgtools-overlay", "sync_file a",
        f"remove_marker {READY}", "unlink a.imgtools-overlay",
    ]  # fmt: skip


def test_two_disks_are_committed_together(tmp_path: Path, diary: list[str]) -> None:
    infos = [image(tmp_path / "a"), image(tmp_path / "b", "qcow2")]
    transaction = Transaction(infos)
    transaction.begin()
    change(transaction), change(transaction, number=1, pattern=9)
    diary.clear()
    transaction.commit()
    folder = f"sync_folder {tmp_path.name}"
    assert diary == [
        "sync_file a.imgtools-overlay", folder, "sync_file b.imgtools-overlay", folder,
        f"write_marker {READY}", f"write_marker {COMMITTING}",
        "commit_overlay a.imgtools-overlay", "sync_file a", "commit_overlay b.imgtools-overlay", "sync_file b",
        f"remove_marker {READY}", "unlink a.imgtools-overlay", "unlink b.imgtools-overlay",
    ]  # fmt: skip
    assert [content(info)[:1] for info in infos] == [b"\7", b"\x09"]


def test_the_extents_of_an_image_are_on_the_disk_too(tmp_path: Path, diary: list[str]) -> None:
    run("qemu-img", "create", "-q", "-f", "vmdk", "-o", "subformat=monolithicFlat", tmp_path / "a.vmdk", "4M")
    transaction = Transaction([examine(DiskSource(tmp_path / "a.vmdk"), ask_qemu=False)])
    transaction.begin()
    change(transaction)
    transaction.commit()
    assert diary[diary.index("commit_overlay a.vmdk.imgtools-overlay") :][1:3] == [
        "sync_file a.vmdk", "sync_file a-flat.vmdk",
    ]  # fmt: skip


def test_what_the_marker_says_of_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = image(tmp_path / "a", "qcow2")
    (tmp_path / "link").symlink_to("a")
    linked = examine(DiskSource(tmp_path / "link", "qcow2"), ask_qemu=False)
    written: list[Marker] = []
    really = module.write_marker
    monkeypatch.setattr(module, "write_marker", lambda marker: (written.append(marker), really(marker))[1])
    transaction = Transaction([linked], new_size=8 * MIB)
    found = (tmp_path / "a").stat()
    transaction.begin()
    transaction.commit()
    wanted = MarkedDisk(str(tmp_path / "a"), "qcow2", 4 * MIB, found.st_size, found.st_mtime_ns, 8 * MIB)
    assert [marker.stage for marker in written] == [READY, COMMITTING]
    assert (
        all(marker.disks == (wanted,) for marker in written) and len({marker.id for marker in written}) == 1
    )
    assert info.virtual_size == 4 * MIB


# -- sizes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["raw", "qcow2"])
@pytest.mark.parametrize(("new", "shrinks"), [(8 * MIB, False), (4 * MIB, False), (2 * MIB, True)])
def test_a_disk_gets_its_new_size(
    tmp_path: Path, diary: list[str], format: str, new: int, shrinks: bool
) -> None:
    """An overlay is never smaller than its image: what is cut off is, when all else is written."""
    info = image(tmp_path / "a", format)
    transaction = Transaction([info], new_size=new)
    transaction.begin()
    overlay = examine(DiskSource(transaction.disks[0][0], "qcow2"), alone=True, ask_qemu=False)
    assert overlay.virtual_size == max(new, 4 * MIB)
    change(transaction)
    transaction.commit()
    assert ("shrink_image a" in diary) is shrinks
    if shrinks:
        assert diary.index("shrink_image a") == diary.index("commit_overlay a.imgtools-overlay") + 1
    found = content(info)
    assert len(found) == new and found[:1] == b"\7"


# -- room -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("free", "fits"), [(MARGIN + 100, True), (MARGIN + 99, False)])
def test_an_edit_needs_a_margin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, fits: bool
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(module, "free_room", lambda folder: (asked.append(folder), free)[1])
    transaction = Transaction([image(tmp_path / "a")])
    if fits:
        transaction.require_room(100)
    else:
        with pytest.raises(NoRoom, match=r"the edit needs about 4\.1M in .*, 4\.1M are free"):
            transaction.require_room(100)
    transaction.require_room(MARGIN + 50, margin=0)
    assert MARGIN == 4 * MIB and asked == [tmp_path, tmp_path]


def growth(transaction: Transaction) -> int:
    return module._growth(transaction.disks[0][0], transaction.disks[0][1][0], 4 * MIB)


@pytest.mark.parametrize(
    ("format", "spare", "grows"),
    [("raw", 0, False), ("qcow2", 0, True), ("qcow2", -1, True)],
)
def test_a_commit_needs_room_for_what_the_image_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, spare: int, grows: bool
) -> None:
    """A raw image that is full does not grow, however much is in the overlay; a qcow2 may."""
    info = image(tmp_path / "a", format)
    transaction = Transaction([info])
    transaction.begin()
    change(transaction)
    overlay = transaction.disks[0][0].stat().st_blocks * 512
    assert growth(transaction) == (overlay + MIB if grows else 0)
    monkeypatch.setattr(module, "free_room", lambda folder: growth(transaction) + spare)
    if spare < 0:
        with pytest.raises(NoRoom, match=r"the image may grow by 1\.\dM, 1\.\dM are free in "):
            transaction.commit()
        assert find_marker(tmp_path / "a") is None and content(info)[:1] == b"\1"
    else:
        transaction.commit()


def test_a_sparse_raw_image_grows_by_its_holes_or_by_the_overlay(tmp_path: Path) -> None:
    hole = tmp_path / "a"
    with hole.open("wb") as stream:
        stream.truncate(64 * MIB)
    layer = Layer(hole, "raw", 64 * MIB, 0)
    overlay = tmp_path / "o"
    overlay.write_bytes(b"1" * 65536)
    taken = overlay.stat().st_blocks * 512 + MIB
    assert module._growth(overlay, layer, 64 * MIB) == taken
    os.truncate(hole, MIB // 2)
    assert module._growth(overlay, layer, 0) == MIB // 2
    assert module._growth(overlay, layer, MIB) == MIB
    hole.write_bytes(b"1" * MIB)
    assert module._growth(overlay, layer, MIB // 2) == 0


def test_images_in_one_folder_need_their_room_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c").mkdir()
    infos = [image(tmp_path / name, "qcow2") for name in ("a", "b", "c/d")]
    transaction = Transaction(infos)
    transaction.begin()
    sizes = [overlay.stat().st_blocks * 512 + MIB for overlay, _ in transaction.disks]
    asked: dict[Path, int] = {tmp_path: sizes[0] + sizes[1], tmp_path / "c": sizes[2]}
    monkeypatch.setattr(module, "free_room", lambda folder: asked[folder])
    transaction._require_room_to_commit()
    for folder in asked:
        with monkeypatch.context() as inner:
            inner.setitem(asked, folder, asked[folder] - 1)
            with pytest.raises(NoRoom, match=f"are free in {folder}$"):
                transaction._require_room_to_commit()


def test_a_block_device_does_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transaction = Transaction([image(tmp_path / "a", "qcow2")])
    transaction.begin()
    monkeypatch.setattr(module, "free_room", lambda folder: 0)
    monkeypatch.setattr(module, "is_block_device", lambda path: True)
    transaction._require_room_to_commit()
    layer = transaction.disks[0][1][0]
    first = module._fingerprint(layer)
    os.utime(layer.host_path, ns=(1, 1))
    assert module._fingerprint(layer) == first, "a device has no time of its own"


# -- others, and failures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["time", "size", "file"])
def test_an_image_that_somebody_changed_is_a_conflict(tmp_path: Path, how: str) -> None:
    info = image(tmp_path / "a")
    transaction = Transaction([info])
    transaction.begin()
    change(transaction)
    found = (tmp_path / "a").stat()
    if how == "time":
        os.utime(tmp_path / "a", ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    elif how == "size":
        os.truncate(tmp_path / "a", 5 * MIB)
        os.utime(tmp_path / "a", ns=(found.st_atime_ns, found.st_mtime_ns))
    else:
        (tmp_path / "b").write_bytes(b"\1" * 4 * MIB)
        os.utime(tmp_path / "b", ns=(found.st_atime_ns, found.st_mtime_ns))
        (tmp_path / "b").replace(tmp_path / "a")
    with pytest.raises(EditConflict, match=r"/a was changed by another program during the edit"):
        transaction.commit()
    assert (tmp_path / "a").read_bytes()[:1] == b"\1" and find_marker(tmp_path / "a") is None
    transaction.discard()
    assert beside(tmp_path / "a") == {"a"}


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception, *, at: int = 0) -> list[Path]:
    """Have the commit of overlay number ``at`` fail."""
    really, done = module.commit_overlay, []

    def commit(overlay: Path, chain: Sequence[Layer], *, keep_open: Sequence[int] = ()) -> None:
        if len(done) == at:
            raise error
        done.append(overlay)
        really(overlay, chain, keep_open=keep_open)

    monkeypatch.setattr(module, "commit_overlay", commit)
    return done


def two_disks(tmp_path: Path) -> Transaction:
    transaction = Transaction([image(tmp_path / "a"), image(tmp_path / "b")])
    transaction.begin()
    change(transaction), change(transaction, number=1)
    return transaction


def test_an_image_that_is_in_use_at_the_last_moment_takes_all_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction = two_disks(tmp_path)
    failing(monkeypatch, ImageInUse("a is in use"))
    with pytest.raises(ImageInUse, match="a is in use"):
        transaction.commit()
    assert find_marker(tmp_path / "a") is None and find_marker(tmp_path / "b") is None
    transaction.discard()
    assert beside(tmp_path / "a") == {"a", "b"} and (tmp_path / "a").read_bytes()[:1] == b"\1"


@pytest.mark.parametrize("again", [False, True])
def test_an_image_in_use_when_something_is_written_leaves_the_marker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """Half of the guest's disks are as they should be: only recover may go on."""
    transaction = two_disks(tmp_path)
    found = [MarkedDisk(str(tmp_path / name), "raw", 4 * MIB, 4 * MIB, 0) for name in "ab"]
    marker = Marker("x", READY, tuple(found))
    write_marker(marker)
    failing(monkeypatch, ImageInUse("in use"), at=0 if again else 1)
    with pytest.raises(ImageInUse):
        finish(marker, transaction.disks, (), again=again)
    left = find_marker(tmp_path / "a")
    assert left is not None and left.stage == COMMITTING
    assert {"a.imgtools-overlay", "b.imgtools-overlay"} <= beside(tmp_path / "a")


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), NoRoom("no room")])
def test_a_commit_that_fails_half_way_is_cut_and_can_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    transaction = two_disks(tmp_path)
    with monkeypatch.context() as inner:
        failing(inner, error, at=1)
        with pytest.raises(EditCut, match=r"the commit failed half-way: .*(Input|no room)") as caught:
            transaction.commit()
    assert caught.value.hint.endswith(f"imgtools recover {tmp_path / 'b'}")
    transaction.discard()
    assert {"a.imgtools-overlay", "b.imgtools-overlay"} <= beside(tmp_path / "a"), (
        "nothing is thrown away now"
    )
    marker = find_marker(tmp_path / "a")
    assert marker is not None and marker.stage == COMMITTING
    finish(marker, transaction.disks, (), again=True)
    assert beside(tmp_path / "a") == {"a", "b"} and (tmp_path / "b").read_bytes()[:1] == b"\7"


def test_a_marker_that_cannot_be_written_takes_all_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction = two_disks(tmp_path)

    def write(marker: Marker) -> None:
        sidecar_of(marker.images[1]).marker.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_marker", write)
    with pytest.raises(
        HostError, match=r"cannot write the marker of the commit: .*: No space left on device"
    ):
        transaction.commit()
    transaction.discard()
    assert beside(tmp_path / "a") == {"a", "b"} and (tmp_path / "a").read_bytes()[:1] == b"\1"


def test_a_signal_does_not_cut_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transaction = Transaction([image(tmp_path / "a")])
    transaction.begin()
    change(transaction)
    really = module.commit_overlay

    def commit(overlay: Path, chain: Sequence[Layer], *, keep_open: Sequence[int] = ()) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        really(overlay, chain, keep_open=keep_open)

    monkeypatch.setattr(module, "commit_overlay", commit)
    transaction.commit()
    assert beside(tmp_path / "a") == {"a"} and (tmp_path / "a").read_bytes()[:1] == b"\7"


def test_locks_are_kept_by_what_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[object] = []
    for name in ("commit_overlay", "shrink_image"):
        really = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *words, keep_open, really=really: (kept.append(keep_open), really(*words))[1]
        )
    with (tmp_path / "lock").open("w") as lock:
        transaction = Transaction([image(tmp_path / "a")], [lock.fileno()], new_size=MIB)
        transaction.begin()
        transaction.commit()
        assert kept == [(lock.fileno(),)] * 2


# -- a new image ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "made"), [(None, "raw"), ("qcow2", "qcow2")])
def test_a_new_image_leaves_the_old_one(tmp_path: Path, format: str | None, made: str) -> None:
    info = image(tmp_path / "a")
    target = tmp_path / "out" / "new"
    target.parent.mkdir()
    transaction = Transaction([info], output=OutputTarget(target, format))
    assert transaction.makes_new_image and transaction.output == str(target)
    transaction.begin()
    assert beside(target) == {"new.imgtools-overlay"} and beside(tmp_path / "a") == {"a", "out"}
    assert transaction.overlaid[0].chain[0].host_path == target.with_name("new.imgtools-overlay")
    change(transaction)
    seen: list[tuple[int, int]] = []
    transaction.commit(lambda done, of: seen.append((done, of)))
    assert seen and beside(target) == {"new"} and (tmp_path / "a").read_bytes() == b"\1" * 4 * MIB
    found = examine(DiskSource(target))
    assert found.format == made and content(found)[:65537] == b"\7" * 65536 + b"\1"


def test_a_change_while_the_new_image_is_written_is_a_conflict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction = Transaction([image(tmp_path / "a")], output=OutputTarget(tmp_path / "new"))
    transaction.begin()
    really = module.convert_overlay

    def convert(*words: object, **more: object) -> None:
        really(*words, **more)  # type: ignore[arg-type]
        os.utime(tmp_path / "a", ns=(1, 1))

    monkeypatch.setattr(module, "convert_overlay", convert)
    with pytest.raises(EditConflict):
        transaction.commit()
    assert beside(tmp_path / "a") == {"a"}, "neither half of a new image, nor the overlay"


def test_a_new_image_is_packed_if_it_is_asked_for(tmp_path: Path) -> None:
    info = image(tmp_path / "a")
    for compress in (False, True):
        transaction = Transaction([info], output=OutputTarget(tmp_path / f"{compress}", "qcow2", compress))
        transaction.begin()
        transaction.commit()
    assert (tmp_path / "True").stat().st_size < MIB < (tmp_path / "False").stat().st_size


def test_an_overlaid_image_is_a_qcow2_on_its_chain(tmp_path: Path) -> None:
    info = replace(image(tmp_path / "a"), virtual_size=5)
    found = overlaid(info, tmp_path / "o")
    assert found == replace(
        info, format="qcow2", chain=(Layer(tmp_path / "o", "qcow2", 5, 0), *info.chain), snapshots=()
    )

"""Edits of whole images without booting: formats, chains, snapshots, new images."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from imgtools.cli.app import main
from imgtools.disk.transaction.lock import lock_images
from imgtools.errors import (
    BadImage,
    EditConflict,
    HostError,
    NoSuchGuestFile,
    TargetExists,
    UnfinishedEdit,
    UnsupportedFormat,
    UsageError,
)
from imgtools.guest.plan import make_plan
from imgtools.image.edit import edit_image
from imgtools.records.image import DiskSource
from imgtools.records.request import Engine
from tests.support.command import imgtools
from tests.support.cut import run_cut
from tests.support.edits import DIRECT, MOTD, beside, copy_family, digest, disk_digest, plan_file, read
from tests.support.fixtures import copy_fixture

# -- what can be edited in place -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    ["debian", "debian:raw", *(f"debian:qcow2-{kind}" for kind in ("v2", "zstd", "subclusters", "datafile"))],
)
def test_formats_that_are_edited_in_place(form: str, tmp_path: Path) -> None:
    image = copy_family(form, tmp_path)
    done = imgtools("apply", image, plan_file(tmp_path, MOTD), "--write", "--json", *DIRECT)
    assert done.data["written"] and done.json["engine"] == "direct"
    assert read(image, "/etc/motd") == "changed\n"
    assert beside(image) == set()
    assert not [
        path.name for path in tmp_path.iterdir() if path.name.endswith(("-overlay", "-unfinished", "-lock"))
    ]


def test_a_dry_run_changes_nothing_and_takes_no_lock(tmp_path: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    before = digest(image)
    with lock_images([image]):
        shown = imgtools("apply", image, plan_file(tmp_path, MOTD), "--json", *DIRECT)
    assert not shown.data["written"]
    assert shown.data["changes"][0]["summary"] == "create /etc/motd (8)"
    assert "+changed" in shown.data["changes"][0]["diff"]
    assert digest(image) == before


def test_what_is_shown_can_be_fed_back_and_is_then_done(tmp_path: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    edit = [{"kind": "edit-lines", "path": "/etc/hosts", "edits": [{"append": "10.1.2.3 db"}]}]
    shown = imgtools("apply", image, plan_file(tmp_path, edit), "--json", *DIRECT).json
    printed = plan_file(tmp_path, shown)
    imgtools("apply", image, printed, "--write", *DIRECT)
    assert "10.1.2.3 db" in read(image, "/etc/hosts")
    assert imgtools("apply", image, printed, "--json", *DIRECT).data["changes"] == []
    subprocess.run(["true"], check=True)
    other = [{"kind": "write-file", "path": "/etc/hosts", "content": "someone else\n"}]
    imgtools("apply", image, plan_file(tmp_path, other), "--write", *DIRECT)
    printed.write_text(json.dumps(shown))
    assert "has changed since" in imgtools("apply", image, printed, code=EditConflict.exit_code).err


def test_the_commit_goes_into_the_top_of_a_chain_only(tmp_path: Path) -> None:
    base = copy_fixture("debian", tmp_path)[0]
    top = tmp_path / "top.qcow2"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", base.name, "-F", "qcow2", top], check=True
    )
    before = digest(base)
    imgtools("apply", top, plan_file(tmp_path, MOTD), "--write", *DIRECT)
    assert digest(base) == before
    assert read(top, "/etc/motd") == "changed\n"
    subprocess.run(["qemu-img", "check", "-q", top], check=True)


def test_internal_snapshots_survive(tmp_path: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    subprocess.run(["qemu-img", "snapshot", "-c", "before", image], check=True)
    held = disk_digest(image)
    imgtools("apply", image, plan_file(tmp_path, MOTD), "--write", *DIRECT)
    assert read(image, "/etc/motd") == "changed\n"
    subprocess.run(["qemu-img", "check", "-q", image], check=True)
    subprocess.run(["qemu-img", "snapshot", "-a", "before", image], check=True)
    assert disk_digest(image) == held


def test_a_name_full_of_traps(tmp_path: Path) -> None:
    folder = tmp_path / "a,b:c 'd' %s"
    folder.mkdir()
    image = copy_fixture("debian", folder)[0].rename(folder / "nbd:x,y=ü.qcow2")
    imgtools("apply", image, plan_file(tmp_path, MOTD), "--write", *DIRECT)
    assert read(image, "/etc/motd") == "changed\n"
    link = tmp_path / "link.qcow2"
    link.symlink_to(image)
    imgtools(
        "apply", link, plan_file(tmp_path, [{"kind": "remove", "path": "/etc/motd"}]), "--write", *DIRECT
    )
    assert link.is_symlink()
    imgtools("cat", image, "/etc/motd", code=NoSuchGuestFile.exit_code)


def test_a_long_name_has_room_for_what_lies_beside_it(tmp_path: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0].rename(tmp_path / ("n" * 249 + ".qcow2"))
    imgtools("apply", image, plan_file(tmp_path, MOTD), "--write", *DIRECT)
    assert read(image, "/etc/motd") == "changed\n"


def test_an_edit_that_is_not_committed_never_happened(tmp_path: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    before = digest(image)
    with edit_image([DiskSource(image)], engine=Engine.DIRECT):
        pass
    from imgtools.change.change import WriteFile
    from imgtools.guest.guest import the_guest

    with edit_image([DiskSource(image)], engine=Engine.DIRECT) as edit:
        guest = the_guest(edit)
        edit.apply(make_plan(edit, [WriteFile("/etc/motd", b"changed\n")], guest.mounts))
        assert beside(image)
    assert digest(image) == before and beside(image) == set()


def test_changes_on_two_volumes_and_in_two_steps(tmp_path: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    from imgtools.change.change import Move, WriteFile
    from imgtools.guest.guest import the_guest

    with edit_image([DiskSource(image)], engine=Engine.DIRECT) as edit:
        guest = the_guest(edit)
        changes = [WriteFile("/boot/one", b"1"), WriteFile("/etc/two", b"2")]
        edit.apply(make_plan(edit, changes, guest.mounts))
        edit.apply(make_plan(edit, [Move("/boot/grub/grub.cfg", "/root/grub.cfg")], guest.mounts))
        edit.commit()
    assert read(image, "/boot/one") + read(image, "/etc/two") == "12"
    assert "menuentry" in read(image, "/root/grub.cfg")
    imgtools("cat", image, "/boot/grub/grub.cfg", code=NoSuchGuestFile.exit_code)


# -- several disks -------------------------------------------------------------------------------------------


def test_the_disks_of_a_guest_are_committed_together(tmp_path: Path) -> None:
    """Cut anywhere between the first and the second disk, both are finished, by whichever of them one asks."""
    first, second = tmp_path / "a.raw", tmp_path / "b.raw"
    for disk in (first, second):
        with disk.open("wb") as file:
            file.truncate(16 << 20)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", disk], check=True)
    changes = [{"kind": "write-file", "path": path, "content": "x"} for path in ("/one", "/data/two")]
    plan = plan_file(tmp_path, changes)
    mounts = ["-m", "/dev/sda", "-m", "/dev/sdb:/data"]
    words = ["apply", str(first), "-a", str(second), str(plan), "--write", *mounts]
    blank = first.read_bytes(), second.read_bytes()
    whole = run_cut(lambda: main(words), tmp_path)
    assert whole.code == 0, (tmp_path / "output").read_text()
    after = first.read_bytes(), second.read_bytes()
    commits = [number for number, step in enumerate(whole.steps) if step == "overlay.commit_overlay"]
    assert len(commits) == 2
    begin = whole.steps.index("marker.write_marker")
    for cut in (begin, begin + 8, begin + 14, commits[0], commits[1], commits[1] + 3, len(whole.steps) - 12):
        first.write_bytes(blank[0])
        second.write_bytes(blank[1])
        assert run_cut(lambda: main(words), tmp_path, cut=cut).code == -signal.SIGKILL
        asked = second if cut % 2 else first
        ended = imgtools("ls", asked, "/", "-m", "/dev/sda", code=None)
        imgtools("recover", asked)
        if ended.code == UnfinishedEdit.exit_code:
            assert (first.read_bytes(), second.read_bytes()) == after
        else:
            assert (first.read_bytes(), second.read_bytes()) in (blank, after)
        imgtools("recover", first)
        imgtools("recover", second)
        assert beside(first) == set()


def test_a_marker_that_names_strange_files_is_not_obeyed(tmp_path: Path) -> None:
    image, victim = copy_fixture("debian", tmp_path)[0], tmp_path / "victim"
    victim.write_bytes(b"precious" * 1000)
    overlay = tmp_path / "victim.imgtools-overlay"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", overlay, "8K"], check=True)
    subprocess.run(["qemu-io", "-c", "write -P 7 0 4k", overlay], check=True, capture_output=True)
    disk = {"format": "raw", "virtual_size": 8192, "size": 8000, "modified": 0}
    disks = [{"image": str(image), **disk}, {"image": str(victim), **disk}]
    marker = {"imgtools": 1, "id": "x", "stage": "committing", "disks": disks}
    (tmp_path / f"{image.name}.imgtools-unfinished").write_text(json.dumps(marker))
    (tmp_path / f"{image.name}.imgtools-overlay").write_bytes(overlay.read_bytes())
    imgtools("recover", image, code=BadImage.exit_code)
    assert victim.read_bytes() == b"precious" * 1000


# -- new images ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "form"),
    [
        ("debian", (), "qcow2"),
        ("debian", ("--compress",), "qcow2"),
        ("debian", ("-O", "raw"), "raw"),
        ("debian:vmdk-stream", ("-O", "qcow2"), "qcow2"),
        ("debian:vdi", (), "vdi"),
        ("debian:chain", ("-O", "qcow2"), "qcow2"),
    ],
)
def test_a_new_image_leaves_the_old_one_alone(
    name: str, options: tuple[str, ...], form: str, tmp_path: Path
) -> None:
    image = copy_family(name, tmp_path)
    before, new = digest(image), tmp_path / "out" / "new.img"
    new.parent.mkdir()
    done = imgtools("apply", image, plan_file(tmp_path, MOTD), "--output", new, *options, "--json", *DIRECT)
    assert done.data["written"] and done.data["output"] == str(new)
    assert digest(image) == before
    told = json.loads(
        subprocess.run(["qemu-img", "info", "--output=json", new], check=True, capture_output=True).stdout
    )
    assert told["format"] == form and "backing-filename" not in told
    assert read(new, "/etc/motd") == "changed\n"
    assert [path.name for path in new.parent.iterdir()] == ["new.img"]


def test_a_new_image_takes_nobodys_place(tmp_path: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    before = digest(image)
    plan = plan_file(tmp_path, MOTD)
    for more in ([], ["--overwrite"]):
        said = imgtools("apply", image, plan, "--output", image, *more, code=UsageError.exit_code).err
        assert "is a file of the image that is read" in said
    (taken := tmp_path / "taken").touch()
    imgtools("apply", image, plan, "--output", taken, code=TargetExists.exit_code)
    imgtools("apply", image, plan, "--output", tmp_path / "no" / "such", code=HostError.exit_code)
    imgtools("apply", image, plan, "--output", tmp_path / "x", "-O", "dmg", code=UnsupportedFormat.exit_code)
    imgtools(
        "apply", image, plan, "--output", tmp_path / "x", "-O", "raw", "--compress", code=UsageError.exit_code
    )
    assert digest(image) == before and not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--write", "--output", "x"),
        ("--write", "--dry-run"),
        ("-O", "raw"),
        ("--compress",),
    ],
)
def test_options_that_do_not_fit_together_are_wrong_usage(words: tuple[str, ...], tmp_path: Path) -> None:
    imgtools("apply", tmp_path / "x", tmp_path / "p", *words, code=UsageError.exit_code)

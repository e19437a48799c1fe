"""Whole guests are prepared and then fit to be cloned: without a boot on ext4, through the appliance elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.cache import digest_of
from imgtools.change.compose import compose
from imgtools.change.contradictions import refuse_contradictions
from imgtools.errors import ImageInUse, UnsupportedFormat
from imgtools.guest.guest import the_guest
from imgtools.image.handle import open_request
from imgtools.ops.operation import load_shelf
from imgtools.ops.selection import Selection, choose
from imgtools.ops.shelf_plan import all_changes, plan_operations
from imgtools.records.image import DiskSource
from imgtools.records.request import Engine, ImageRequest
from imgtools.workflows.sysprep import SHELF
from tests.support.command import Ran, imgtools
from tests.support.edits import beside, disk_digest
from tests.support.fixtures import copy_fixture, fixture, fixture_image

ON_EXT4 = ("debian", "ubuntu", "alpine", "arch", "rhel6")
# Written through the appliance; on XFS the guest is read without it, on btrfs it is not.
ON_XFS = ("rocky", "amazon")
ON_BTRFS = ("opensuse", "fedora")
# Nobody can tell whether their work was done, so they are planned again each time (Operation.repeats).
REPEATING = {name for name, one in load_shelf(SHELF).items() if one.operation.repeats}
# What every used guest has and no clone may have.
IDENTITY = {"bash-history", "hostid", "logfiles", "mail-spool", "ssh-hostkeys", "ssh-userdir", "tmp-files"}


def prepare(name: str, folder: Path, engine: str) -> Ran:
    """Prepare a private copy of a fixture in place and say how it went."""
    image = copy_fixture(name, folder)[0]
    done = imgtools("sysprep", image, "--write", "--json")
    assert done.json["engine"] == engine and done.data["written"]
    assert beside(image) == set()
    return done


def assert_fit(image: Path) -> None:
    """Nothing is left that --verify knows."""
    verdict = imgtools("sysprep", image, "--verify", "--json")
    assert verdict.data["fit"] and verdict.data["left"] == []


def assert_nothing_to_do(image: Path) -> None:
    """A new plan is empty but for what repeats."""
    again = imgtools("sysprep", image, "--json").data
    assert working(again["operations"]) <= REPEATING
    assert again["changes"] == [] or working(again["operations"])


def working(operations: list[dict[str, object]]) -> set[str]:
    """The names of the operations that have something to do."""
    return {str(one["name"]) for one in operations if one["changes"]}


@pytest.mark.parametrize("name", [name for name in ON_EXT4 if name != "rhel6"])
def test_a_guest_on_ext4_is_prepared_without_booting(name: str, tmp_path: Path) -> None:
    done = prepare(name, tmp_path, "direct")
    assert working(done.data["operations"]) >= IDENTITY
    assert_fit(Path(done.json["image"]))
    assert_nothing_to_do(Path(done.json["image"]))


@pytest.mark.appliance
@pytest.mark.parametrize("name", ON_XFS + ON_BTRFS)
def test_other_guests_are_prepared_through_the_appliance(name: str, tmp_path: Path) -> None:
    done = prepare(name, tmp_path, "appliance")
    assert working(done.data["operations"]) >= IDENTITY
    assert_fit(Path(done.json["image"]))
    if name in ON_XFS:  # on btrfs it would be a third launch for what --verify has planned already
        assert_nothing_to_do(Path(done.json["image"]))


WINDOWS_STATE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State"


@pytest.mark.parametrize("name", ["windows", "windows11"])
def test_a_windows_guest_is_prepared_and_fit_once_it_is_generalised(name: str, tmp_path: Path) -> None:
    """Nothing boots; of what is its own only the SID stays, which Microsoft's own sysprep changes."""
    image, prepared = fixture_image(name), tmp_path / "prepared.qcow2"
    dry = imgtools("sysprep", image, "--json")
    assert dry.json["engine"] == "direct" and not dry.data["written"]
    done = imgtools("sysprep", image, "--output", prepared, "-O", "qcow2", "--json")
    assert working(done.data["operations"]) == working(dry.data["operations"])
    assert working(done.data["operations"]) >= {"windows-event-logs", "windows-paging-files"}
    left = imgtools("sysprep", image, "--verify", "--json", code=1).data
    assert working(left["left"]) == working(dry.data["operations"]) - REPEATING
    verdict = imgtools("sysprep", prepared, "--verify", "--json", code=1).data
    assert not verdict["left"] and [one["kind"] for one in verdict["traces"]] == ["setup state"]
    imgtools(
        "registry",
        "set",
        prepared,
        WINDOWS_STATE,
        "ImageState",
        "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE",
        "--write",
    )
    assert imgtools("sysprep", prepared, "--verify", "--original", image, "--json").data["fit"]
    again = imgtools("sysprep", prepared, "--write", "--json")
    assert working(again.data["operations"]) <= REPEATING


@pytest.mark.parametrize("name", ON_EXT4 + ON_XFS)
def test_an_untouched_guest_is_not_fit_and_every_reason_is_named(name: str) -> None:
    image = fixture_image(name)
    verdict = imgtools("sysprep", image, "--verify", "--json", code=1)
    planned = imgtools("sysprep", image, "--json").data
    assert not verdict.data["fit"]
    assert working(verdict.data["left"]) == working(planned["operations"]) - REPEATING
    text = imgtools("sysprep", image, "--verify", code=1).out
    assert "ssh-hostkeys\tremove\t/etc/ssh/ssh_host_rsa_key\t" in text


@pytest.mark.parametrize("name", ON_EXT4 + ON_XFS)
def test_a_dry_run_leaves_the_image_as_it_is(name: str, tmp_path: Path) -> None:
    image = copy_fixture(name, tmp_path)[0]
    before = digest_of(image)
    shown = imgtools("sysprep", image, "--json")
    assert not shown.data["written"] and shown.json["engine"] == "direct"
    assert digest_of(image) == before and beside(image) == set()


@pytest.mark.parametrize("name", ON_EXT4 + ON_XFS)
def test_default_operations_agree_and_plan_the_same_twice(name: str) -> None:
    request = ImageRequest((DiskSource(fixture_image(name)),), engine=Engine.DIRECT)
    with open_request(request) as image:
        guest = the_guest(image)
        chosen = choose(load_shelf(SHELF), Selection())
        first = plan_operations(guest, chosen)
        assert plan_operations(guest, chosen) == first
        assert refuse_contradictions(compose(all_changes(first), guest.files), guest.files)


def test_the_result_may_be_a_new_compressed_image(tmp_path: Path) -> None:
    """A VMDK cannot be changed in place; its prepared copy is a qcow2, and the VMDK stays."""
    image = copy_fixture("rhel6", tmp_path)[0]
    before = digest_of(image)
    imgtools("sysprep", image, "--write", code=UnsupportedFormat.exit_code)
    template = tmp_path / "template.qcow2"
    done = imgtools("sysprep", image, "--output", template, "-O", "qcow2", "--compress", "--json")
    assert done.data["written"] and done.data["output"] == str(template)
    assert digest_of(image) == before and beside(image) == set()
    assert imgtools("info", template, "--json").data["disks"][0]["format"] == "qcow2"
    assert_fit(template)
    assert_nothing_to_do(template)
    plain = tmp_path / "plain.qcow2"
    imgtools("convert", template, plain, "-O", "qcow2")
    assert disk_digest(plain) == disk_digest(template)
    assert template.stat().st_size < plain.stat().st_size


def test_an_image_that_others_read_may_be_prepared_as_a_new_one_and_cloned(tmp_path: Path) -> None:
    """Such as a template that a linked clone runs on; only writing to it is refused."""
    image = copy_fixture("arch", tmp_path)[0]
    with open_request(ImageRequest((DiskSource(image),))) as held:
        the_guest(held)
        imgtools("sysprep", image, "--write", code=ImageInUse.exit_code)
        template = tmp_path / "template.qcow2"
        imgtools("sysprep", image, "--output", template)
    with open_request(ImageRequest((DiskSource(template),))) as held:
        the_guest(held)
        imgtools("clone", template, "--linked", "-n", "one", "-n", "two")
    assert_fit(template)


def test_what_is_not_named_stays(tmp_path: Path) -> None:
    """Host keys go, and nothing else: not a byte of the other filesystems, nor any other file."""
    image = copy_fixture("debian", tmp_path)[0]
    imgtools("sysprep", image, "--enable", "ssh-hostkeys", "--write")
    left = imgtools("sysprep", image, "--verify", "--json", code=1).data["left"]
    planned = imgtools("sysprep", fixture("debian").image, "--json").data["operations"]
    assert working(left) == working(planned) - REPEATING - {"ssh-hostkeys"}

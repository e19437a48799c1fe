"""Words of other programs: each leads to commands that exist, and none takes a command's place."""

from __future__ import annotations

import re
import shlex

import pytest

from imgtools.cli.command.listing import command_modules
from imgtools.cli.command.peers import IN_GROUPS, OTHERWISE, SAME, in_group, instead_of
from imgtools.cli.command.typer_adapter import taken
from tests.support.command import imgtools
from tools.options import command_object

KNOWN = list(command_modules())
# What comes with libguestfs and guestfs-tools, and what people type around it.
ASKED_FOR = (
    "virt-df virt-cat virt-ls virt-edit virt-sysprep virt-customize virt-resize virt-inspector virt-filesystems "
    "virt-rescue virt-win-reg virt-tar-in virt-tar-out virt-copy-in virt-copy-out virt-clone virt-diff virt-log "
    "virt-tail virt-format virt-make-fs virt-sparsify virt-alignment-scan virt-get-kernel virt-builder virt-v2v "
    "guestfish guestmount guestunmount fsck fsck.ext4 e2fsck growpart chroot parted fdisk sfdisk lsblk blkid umount "
    "resize2fs qemu-nbd qemu-img mkfs.ext4 libguestfs-test-tool losetup"
)


@pytest.mark.parametrize("word", [*SAME, *OTHERWISE])
def test_what_is_said_exists(word: str) -> None:
    assert word not in KNOWN, f"imgtools {word} is there now: take it out of peers.py"
    said = instead_of([word], KNOWN)
    calls = re.findall(r"imgtools ([a-z]+(?:-[a-z]+)*(?: (?:--?[\w-]+|[\w/=]+))*)", said)
    assert calls, f"{word}: say what to type"
    for call in calls:
        name, *more = shlex.split(call)
        if name == "help":
            continue
        found = command_object(name)
        assert found is not None, f"{word} leads to imgtools {name}, which does not exist"
        if more and hasattr(found, "list_commands") and more[0] in found.list_commands(None):
            found = found.get_command(None, more.pop(0))
        options = {option for option in more if option.startswith("-")}
        assert options <= set(taken(found)), f"{word} leads to options that do not exist: {options}"


@pytest.mark.parametrize("word", ASKED_FOR.split())
def test_a_peers_word_is_answered(word: str) -> None:
    ran = imgtools(word, "disk.img", "--json", code=2)
    assert ran.err.splitlines()[0] == f"imgtools: no such command '{word}'"
    assert ran.json["error"]["hint"] == instead_of([word], KNOWN) != ""
    assert ran.json["error"]["exit_code"] == 2


def test_qemu_imgs_commands_are_ours() -> None:
    assert instead_of(["qemu-img", "convert", "-f", "raw"], KNOWN) == "that is imgtools convert"
    for word in ("amend", "bench", "bitmap", "check", "commit", "compare", "convert", "create", "dd", "info", "map",
                 "measure", "rebase", "resize", "snapshot"):  # fmt: skip
        assert word in KNOWN


def test_groups_know_other_words_too() -> None:
    assert in_group("rm", ["create", "delete"]) == "delete"
    assert in_group("add", ["create", "delete"]) == "create"
    assert in_group("rm", ["get", "set"]) == "" == in_group("nonsense", KNOWN)
    assert not set(IN_GROUPS) - {word for word in IN_GROUPS if word.isalpha()}
    assert "did you mean delete?" in imgtools("snapshot", "rm", "d", "s", code=2).err

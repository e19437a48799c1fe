"""The programs that there are: which module is which, and which command of imgtools does the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Program(NamedTuple):
    """One program: its module in this room, what it does in a few words, and the command that does it here."""

    module: str
    summary: str
    command: str


PROGRAMS: Mapping[str, Program] = {
    "guestmount": Program("guestmount", "show a guest's files as a folder", "mount"),
    "guestunmount": Program("guestunmount", "take that folder down", "unmount"),
    "virt-cat": Program("cat", "print files of a guest", "cat"),
    "virt-copy-in": Program("copy_in", "copy files into a guest", "copy-in"),
    "virt-copy-out": Program("copy_out", "copy files out of a guest", "copy-out"),
    "virt-customize": Program("customize", "change a guest", "customize"),
    "virt-df": Program("df", "show how full filesystems are", "df"),
    "virt-edit": Program("edit", "edit files of a guest", "edit"),
    "virt-filesystems": Program("filesystems", "list filesystems, partitions, LVM", "filesystems"),
    "virt-get-kernel": Program("get_kernel", "copy the kernel out of a guest", "get-kernel"),
    "virt-inspector": Program("inspector", "tell of operating systems in XML", "inspect"),
    "virt-log": Program("log", "print the log of a guest", "log"),
    "virt-ls": Program("ls", "list files of a guest", "ls"),
    "virt-make-fs": Program("make_fs", "make a disk of files", "make"),
    "virt-resize": Program("resize", "copy a disk, divided anew", "resize"),
    "virt-sparsify": Program("sparsify", "give free room back to the host", "sparsify"),
    "virt-sysprep": Program("sysprep", "prepare a guest to be cloned", "sysprep"),
    "virt-tar-in": Program("tar_in", "unpack an archive into a guest", "tar-in"),
    "virt-tar-out": Program("tar_out", "pack files of a guest", "tar-out"),
    "virt-win-reg": Program("win_reg", "export and merge registry keys", "registry"),
}

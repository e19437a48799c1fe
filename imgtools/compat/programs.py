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
    "virt-cat": Program("cat", "print files of a guest", "cat"),
    "virt-df": Program("df", "show how full filesystems are", "df"),
    "virt-filesystems": Program("filesystems", "list filesystems, partitions, LVM", "filesystems"),
    "virt-inspector": Program("inspector", "tell of operating systems in XML", "inspect"),
    "virt-ls": Program("ls", "list files of a guest", "ls"),
}

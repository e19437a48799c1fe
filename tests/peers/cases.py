"""What the real programs were asked about the fixtures, and where their answers are kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "virt"
# Of volumes with hyphens, of groups and physical volumes without.
LVM_IDS = re.compile(r"\b[0-9A-Za-z]{6}(?:-[0-9A-Za-z]{4}){5}-[0-9A-Za-z]{6}\b|\b[0-9A-Za-z]{32}\b")
FIRST = "FIRST"  # stands for the first disk, without -a
DISKS = "DISKS"  # stands for -a of each disk of the fixtures


def as_kept(answer: bytes) -> str:
    """Return an answer as text: a byte that is no UTF-8 is \\xNN, for names that are none."""
    return answer.decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Case:
    """One call of one program; ``name`` is that of the file with its answer."""

    name: str
    fixtures: tuple[str, ...]
    program: str
    words: tuple[str, ...]
    mended: tuple[tuple[str, str], ...] = ()  # what is wrong in the answer, and what is right

    @staticmethod
    def comparable(text: str) -> str:
        """Return an answer as it is kept, and without the ids that LVM makes up when the fixture is built."""
        kept = as_kept(text.encode("utf-8", "surrogateescape"))
        return LVM_IDS.sub(lambda found: "x" * len(found[0]), kept)

    @property
    def golden(self) -> Path:
        """Where the answer of the real program is: its exit code, a line end, its standard output."""
        return GOLDEN / f"{self.name}.txt"

    def argv(self, disks: tuple[Path, ...]) -> list[str]:
        """The words of the call, with the fixtures' disks in their place."""
        named = [word for disk in disks for word in ("-a", str(disk))]
        places = {DISKS: named, FIRST: [str(disks[0])]}
        return [part for word in self.words for part in places.get(word, [word])]


def _case(name: str, fixtures: str, *words: str, mended: tuple[tuple[str, str], ...] = ()) -> Case:
    return Case(name, tuple(fixtures.split()), words[0], words[1:], mended)


# virt-filesystems has PVs under names of its appliance, which change from boot to boot, and of a VG's parents says the
# first PV of all (compare_pvuuids in cat/filesystems.c looks at one letter).
PVS = (("/dev/sdc", "/dev/sda"), ("469762048 /dev/sda3  ", "469762048 /dev/sda2  "))
PARENTS = (("469762048,/dev/sda3,", "469762048,/dev/sda2,"),)
# virt-inspector finds no partition by PARTUUID=, and loses the last package of a list that no empty line ends.
SWAP = """      <filesystem dev="/dev/sda4">
        <type>swap</type>
        <label>SWAP</label>
        <uuid>d0d0d0d0-0001-4000-8000-000000000501</uuid>
      </filesystem>
    </filesystems>
"""
LAST = """      <application>
        <name>tzdata</name>
        <version>2024a</version>
        <release>0+deb12u1</release>
        <arch>all</arch>
        <summary>time zone and daylight-saving time data</summary>
      </application>
    </applications>
"""
LOST = (("    </filesystems>\n", SWAP), ("    </applications>\n", LAST))


# fmt: off
CASES = (
    _case("ls-l", "debian", "virt-ls", "-l", DISKS, "-m", "/dev/sda3", "/etc", "/home", "/nowhere", "/var"),
    _case("df", "mbr-logical", "virt-df", DISKS),
    _case("filesystems-all", "lvm mbr-logical", "virt-filesystems", "--all", "--long", "--uuid", DISKS, mended=PVS),
    _case("ls-lR-extra", "debian", "virt-ls", "-lR", "--extra-stats", "--time-t", DISKS, "-m", "/dev/sda3", "/"),
    _case("cat", "mbr-logical", "virt-cat", DISKS, "-m", "/dev/sda5", "/etc/hostname", "/nowhere", "/etc/fstab"),
    _case("ls-R", "debian", "virt-ls", "-R", DISKS, "-m", "/dev/sda3", "/"),
    _case("filesystems-lvm", "lvm", "virt-filesystems", "--all", "--long", "--csv", "--uuids", DISKS,
          mended=PARENTS),
    _case("ls-lR-csv", "debian", "virt-ls", "-lR", "--csv", "--times", "--uids", DISKS, "-m", "/dev/sda3", "/etc"),
    _case("df-h", "lvm", "virt-df", "-h", DISKS),
    _case("inspector", "debian", "virt-inspector", "--no-icon", DISKS, mended=LOST),
    _case("win-reg", "windows", "virt-win-reg", FIRST, r"HKLM\SYSTEM\ControlSet001\Control"),
    _case("log", "debian", "virt-log", DISKS),
    _case("filesystems-md", "md", "virt-filesystems", "--all", "--long", DISKS),
    _case("filesystems-btrfs", "opensuse", "virt-filesystems", "--all", "--long", "-h", DISKS),
    _case("df-inodes", "windows", "virt-df", "--csv", "-i", DISKS),
    _case("inspector-windows", "windows", "virt-inspector", DISKS),
    # With its packages the program fails: its librpm cannot read a database that it has not made.
    _case("inspector-rocky", "rocky", "virt-inspector", "--no-applications", DISKS),
    _case("ls-l-rocky", "rocky", "virt-ls", "-l", DISKS, "/etc"),
)
# fmt: on

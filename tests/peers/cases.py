"""What the real programs were asked about the fixtures, and where their answers are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "virt"
FIRST = "FIRST"  # stands for the first disk, without -a
DISKS = "DISKS"  # stands for -a of each disk of the fixtures


@dataclass(frozen=True, slots=True)
class Case:
    """One call of one program; ``name`` is that of the file with its answer."""

    name: str
    fixtures: tuple[str, ...]
    program: str
    words: tuple[str, ...]
    mended: tuple[tuple[str, str], ...] = ()  # what is wrong in the answer, and what is right

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


# fmt: off
CASES = (
    _case("ls-l", "debian", "virt-ls", "-l", DISKS, "-m", "/dev/sda3", "/etc", "/home", "/nowhere", "/var"),
    _case("df", "mbr-logical", "virt-df", DISKS),
    _case("filesystems-all", "lvm mbr-logical", "virt-filesystems", "--all", "--long", "--uuid", DISKS, mended=PVS),
    _case("ls-lR-extra", "debian", "virt-ls", "-lR", "--extra-stats", "--time-t", DISKS, "-m", "/dev/sda3", "/"),
    _case("cat", "mbr-logical", "virt-cat", DISKS, "-m", "/dev/sda5", "/etc/hostname", "/nowhere", "/etc/fstab"),
    _case("ls-R", "debian", "virt-ls", "-R", DISKS, "-m", "/dev/sda3", "/"),
    _case("filesystems-lvm", "lvm", "virt-filesystems", "--all", "--long", "--csv", "--uuids", DISKS),
    _case("ls-lR-csv", "debian", "virt-ls", "-lR", "--csv", "--times", "--uids", DISKS, "-m", "/dev/sda3", "/etc"),
    _case("df-h", "lvm", "virt-df", "-h", DISKS),
    _case("inspector", "debian", "virt-inspector", "--no-icon", DISKS),
    _case("win-reg", "windows", "virt-win-reg", FIRST, r"HKLM\SYSTEM\ControlSet001\Control"),
    _case("log", "debian", "virt-log", DISKS),
    _case("filesystems-md", "md", "virt-filesystems", "--all", "--long", DISKS),
    _case("filesystems-btrfs", "opensuse", "virt-filesystems", "--all", "--long", "-h", DISKS),
    _case("df-inodes", "windows", "virt-df", "--csv", "-i", DISKS),
    _case("inspector-windows", "windows", "virt-inspector", DISKS),
    _case("inspector-rocky", "rocky", "virt-inspector", DISKS),
    _case("ls-l-rocky", "rocky", "virt-ls", "-l", DISKS, "/etc"),
)
# fmt: on

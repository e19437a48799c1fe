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

    @property
    def golden(self) -> Path:
        """Where the answer of the real program is: its exit code, a line end, its standard output."""
        return GOLDEN / f"{self.name}.txt"

    def argv(self, disks: tuple[Path, ...]) -> list[str]:
        """The words of the call, with the fixtures' disks in their place."""
        named = [word for disk in disks for word in ("-a", str(disk))]
        places = {DISKS: named, FIRST: [str(disks[0])]}
        return [part for word in self.words for part in places.get(word, [word])]


def _case(name: str, fixtures: str, *words: str) -> Case:
    return Case(name, tuple(fixtures.split()), words[0], words[1:])


# fmt: off
CASES = (
    _case("filesystems-all", "lvm mbr-logical", "virt-filesystems", "--all", "--long", "--uuid", DISKS),
    _case("ls-lR-extra", "debian", "virt-ls", "-lR", "--extra-stats", "--time-t", "--checksum", DISKS, "/"),
    _case("df", "lvm mbr-logical", "virt-df", DISKS),
    _case("inspector", "debian windows", "virt-inspector", "--no-icon", DISKS),
    _case("ls-l", "debian", "virt-ls", "-l", DISKS, "/etc", "/home", "/nowhere", "/var"),
    _case("log-journal", "debian", "virt-log", DISKS),
    _case("win-reg", "windows", "virt-win-reg", FIRST, r"HKLM\SYSTEM\ControlSet001\Control"),
    _case("cat-two", "debian", "virt-cat", DISKS, "/etc/hostname", "/nowhere", "/etc/fstab"),
    _case("ls", "lvm", "virt-ls", DISKS, "/", "/srv"),
    _case("filesystems-md", "md opensuse", "virt-filesystems", "--all", "--long", "--csv", "--uuids", DISKS),
    _case("ls-lR-csv", "rocky", "virt-ls", "-lR", "--csv", "--checksum=sha256", "--uids", DISKS, "/etc", "/boot"),
    _case("df-csv", "windows debian", "virt-df", "--csv", "-i", DISKS),
    _case("ls-R", "debian", "virt-ls", "-R", DISKS, "/"),
    _case("filesystems-h", "windows debian", "virt-filesystems", "--extra", "-h", "-l", DISKS),
    _case("inspector-bare", "opensuse", "virt-inspector", "--no-applications", "--no-icon", DISKS),
    _case("win-reg-value", "windows", "virt-win-reg", FIRST,
          r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion", "ProductName"),
    _case("cat-windows", "windows", "virt-cat", DISKS, r"C:\ProgramData\Microsoft\Windows\Start Menu\desktop.ini"),
    _case("ls-l-rocky", "rocky", "virt-ls", "-l", DISKS, "/etc"),
    _case("df-h", "rocky", "virt-df", "-h", DISKS),
    _case("inspector-rocky", "rocky", "virt-inspector", DISKS),
    _case("ls-lR-windows", "windows", "virt-ls", "-l", "-R", "-h", "--times", "--uid", DISKS, "/Users", "/ProgramData"),
    _case("ls-lR-extra-lvm", "lvm", "virt-ls", "-lR", "--extra-stats", DISKS, "/srv"),
    _case("log-text", "opensuse", "virt-log", DISKS),
)
# fmt: on

"""Checks of mounts: what may be run, and counted as a device or a set-user-ID program, where."""

from __future__ import annotations

import pytest

from imgtools.change.sequence import ChangeSequence
from imgtools.guest.find.fstab import read_fstab
from imgtools.ops.check import Flaw
from tests.support.checks import Case, audited, chosen, hold
from tests.support.memory import Content, link

FSTAB = "/etc/fstab"
SYSTEMD: dict[str, Content] = {"/usr/lib/systemd/systemd": ""}


def options(id: str, place: str, *, noexec: bool = True, fixed: bool = True) -> list[Case]:
    """Without any; without nodev alone; as it should be."""
    end = ",noexec" if noexec else ""
    good: dict[str, Content] = {FSTAB: f"/dev/vda3 {place} ext4 rw,nodev,nosuid{end} 0 2\n"}
    none = f"/dev/vda1 / ext4 defaults 0 1\n/dev/vda3\t{place}\text4\tdefaults{end}\t0\t2  \n"
    both = (f"{FSTAB}:2 {place} nodev", f"{FSTAB}:2 {place} nosuid")
    one = f"/dev/vda3 {place} ext4 nosuid{end} 0 2\n"
    return [
        Case(id, {FSTAB: none}, both, good, fixed=fixed),
        Case(id, {FSTAB: one}, (f"{FSTAB}:1 {place} nodev",), good, fixed=fixed),
    ]


CASES = (
    *options("mount-tmp", "/tmp"),
    *options("mount-var-tmp", "/var/tmp"),
    *options("mount-home", "/home", noexec=False),
    *options("mount-var", "/var", noexec=False, fixed=False),
    *options("mount-var-log", "/var/log"),
    Case(
        "mount-tmp",
        {FSTAB: "tmpfs /tmp tmpfs nodev,nosuid,noexec,exec 0 0\n"},
        (f"{FSTAB}:1 /tmp noexec",),
        {FSTAB: "tmpfs /tmp tmpfs user 0 0\n"},
    ),
    Case(
        "mount-tmp",
        {
            **SYSTEMD,
            "/usr/lib/systemd/system/tmp.mount": "[Mount]\nWhat=tmpfs\nWhere=/tmp\nType=tmpfs\nOptions=nosuid,nodev\n",
            "/usr/lib/systemd/system/local-fs.target.wants/tmp.mount": link("../tmp.mount"),
        },
        ("/usr/lib/systemd/system/tmp.mount /tmp noexec",),
        {
            **SYSTEMD,
            "/usr/lib/systemd/system/tmp.mount": "[Mount]\nWhat=tmpfs\nWhere=/tmp\nType=tmpfs\nOptions=nosuid,nodev\n",
            "/usr/lib/systemd/system/local-fs.target.wants/tmp.mount": link("../tmp.mount"),
            "/etc/systemd/system/tmp.mount": link("/dev/null"),
        },
    ),
    Case(
        "mount-dev-shm",
        SYSTEMD,
        ("/dev/shm noexec",),
        {**SYSTEMD, FSTAB: "tmpfs /dev/shm tmpfs nodev,nosuid,noexec 0 0\n"},
    ),
    Case("mount-dev-shm", SYSTEMD, ("/dev/shm noexec",), {"/sbin/openrc": ""}),
    Case(
        "mount-separate",
        {FSTAB: "/dev/vda2 /home ext4 defaults 0 2\n"},
        ("/var", "/srv"),
        {FSTAB: "/dev/vda2 /home ext4\n/dev/vda3 /srv ext4\n/dev/vda4 /var xfs\n"},
        set={"places": "/home,/var,/srv"},
    ),
    Case(
        "mount-removable",
        {FSTAB: "/dev/sr0 /media/cdrom0 udf,iso9660 noauto 0 0\n"},
        (f"{FSTAB}:1 /media/cdrom0 nodev", f"{FSTAB}:1 /media/cdrom0 nosuid"),
        {FSTAB: "/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0\nLABEL=d /data auto owner 0 0\n"},
        fixed=True,
    ),
    Case(
        "mount-removable",
        {FSTAB: "/dev/sr0 /media/cdrom0 udf,iso9660 user,suid,noauto 0 0\n"},
        (f"{FSTAB}:1 /media/cdrom0 nosuid",),
        fixed=True,
    ),
    Case(
        "mount-network",
        {FSTAB: "srv:/export /srv/data nfs rw,nodev 0 0\n"},
        (f"{FSTAB}:1 /srv/data nosuid",),
        {FSTAB: "srv:/usr /usr nfs4 ro 0 0\n//srv/x /mnt/x cifs nosuid,nodev 0 0\n"},
        fixed=True,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)


def test_a_line_without_options_gets_them_and_others_keep_their_form() -> None:
    case = Case("mount-home", {FSTAB: "# disks\n/dev/vda2 /home\n/dev/vda1 / ext4 defaults 0 1\n"}, ())
    examined = audited(case.bad)
    sequence = ChangeSequence(examined.files)
    for flaw in case.shelved.check.look(examined, chosen(case).params):
        assert isinstance(flaw, Flaw)
        assert flaw.fix is not None
        sequence.add(flaw.fix(sequence.files))
    text = sequence.files.read_text(FSTAB)
    assert text == "# disks\n/dev/vda2 /home auto defaults,nodev,nosuid\n/dev/vda1 / ext4 defaults 0 1\n"
    assert read_fstab(sequence.files).entries[0].options == "defaults,nodev,nosuid"

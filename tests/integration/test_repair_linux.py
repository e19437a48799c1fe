"""Five repairs of a real Debian in one transaction, without a boot: what was broken works as before."""

from __future__ import annotations

from pathlib import Path

from fixtures.ailments.breaking import change
from imgtools.change.change import Change, EditLines, LineEdit, MakeLink, SetMode, WriteFile
from imgtools.guest.guest import Guest
from tests.support.command import imgtools
from tests.support.fixtures import overlay_image

SSH = "/etc/systemd/system/ssh.service"
UNIT = ("--set", "unit.names=ssh", "--set", "unit.action=unmask")
FIVE = ("--only", "fstab,sshd-config,sudoers,unit,account-files", *UNIT)


def broken(guest: Guest) -> list[Change]:
    """Break five things: a swap that has another name, sshd, sudo, a masked service, a passwd of zeros."""
    return [
        EditLines("/etc/fstab", (LineEdit(r"^/dev/mapper/vg0-swap", "/dev/mapper/vg1-swap"),)),
        EditLines("/etc/ssh/sshd_config", (LineEdit(append="PermitRootLogn yes"),)),
        EditLines("/etc/sudoers", (LineEdit(r"^%sudo.*", "%sudo ALL=(ALL:ALL"),)),
        SetMode("/etc/sudoers", 0o666),
        MakeLink(SSH, "/dev/null"),
        WriteFile("/etc/passwd", bytes(1190)),
    ]


def test_five_repairs_of_a_real_debian(tmp_path: Path) -> None:
    image = overlay_image("real", tmp_path)
    sound = {path: imgtools("cat", image, path).out for path in ("/etc/fstab", "/etc/passwd-")}
    change(image, broken)
    ran = imgtools("repair", image, *FIVE, "--write", "--json")
    assert ran.json["engine"] == "direct" and ran.data["written"]
    assert {one["name"] for one in ran.data["repairs"] if one["changes"]} == {
        "account-files", "fstab", "sshd-config", "sudoers", "unit",
    }  # fmt: skip
    assert imgtools("cat", image, "/etc/fstab").out == sound["/etc/fstab"]
    assert imgtools("cat", image, "/etc/passwd").out == sound["/etc/passwd-"]
    assert "# PermitRootLogn yes" in imgtools("cat", image, "/etc/ssh/sshd_config").out
    sudoers = imgtools("cat", image, "/etc/sudoers").out
    assert "# %sudo ALL=(ALL:ALL\n" in sudoers and "root\tALL=(ALL:ALL) ALL\n" in sudoers
    assert imgtools("repair", image, *FIVE, "--json").data["changes"] == []
    assert imgtools("repair", image, "--json").data["changes"] == []

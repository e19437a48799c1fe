"""A used guest, prepared and cloned twice: every clone boots as a machine of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.boot import booted
from fixtures.real import PASSWORDS
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture

pytestmark = [pytest.mark.real, pytest.mark.appliance]

KINDS = {"ecdsa", "ed25519", "rsa"}
# The units of the first boot are done when this one has ended; a guest without a network may stay degraded.
ASK = """systemctl is-system-running --wait >/dev/null
hostname
cat /etc/machine-id
cat /etc/ssh/ssh_host_*_key.pub | ssh-keygen -lf - | awk '{ print $2 }'
for key in /etc/ssh/ssh_host_*_key; do ssh-keygen -y -f $key >/dev/null && basename $key; done
sshd -t && systemctl is-active ssh
cat /root/.ssh/authorized_keys
ip -4 -o addr show dev eth0 | awk '{ print $4 }'
dmesg | grep -c 'EXT4-fs error'
true"""
PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGsomeSomeSomeSomeSomeSomeSomeSomeSomeSomeSo clone"

CLONES = {"one": "192.0.2.1/24", "two": "192.0.2.2/24"}


def test_two_clones_boot_and_differ(tmp_path: Path) -> None:
    (image,) = copy_fixture("real", tmp_path)
    (tmp_path / "clones.yaml").write_text(
        "".join(
            f"- name: {name}\n  ssh_key: root:{PUBLIC} {name}\n"
            f"  interface: eth0\n  address: {address}\n  gateway: 192.0.2.254\n"
            for name, address in CLONES.items()
        )
    )
    assert imgtools("sysprep", image, "--write", "--json").data["written"]
    words = ("--table", tmp_path / "clones.yaml", "--linked", "--json")
    clones = imgtools("clone", image, *words).data["clones"]
    said = {clone["name"]: _boot(Path(clone["paths"][0])) for clone in clones}
    machine_ids, fingerprints = set(), set()
    for name, lines in said.items():
        hostname, machine_id, *rest = lines
        assert hostname == name
        assert len(machine_id) == 32 and set(machine_id) <= set("0123456789abcdef")
        machine_ids.add(machine_id)
        assert len(rest) == 2 * len(KINDS) + 4, rest
        fingerprints.update(rest[: len(KINDS)])
        assert set(rest[len(KINDS) : 2 * len(KINDS)]) == {f"ssh_host_{kind}_key" for kind in KINDS}
        assert rest[2 * len(KINDS) :] == ["active", f"{PUBLIC} {name}", CLONES[name], "0"]
    assert len(machine_ids) == len(CLONES)
    assert len(fingerprints) == len(CLONES) * len(KINDS), "no clone has a key of another"


def _boot(image: Path) -> list[str]:
    with booted(image) as console:
        console.login("root", PASSWORDS["root"])
        return console.run(ASK.replace("\n", "; "), timeout=300).splitlines()

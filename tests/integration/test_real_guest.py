"""The real Debian guest, changed without booting, still boots, and is what the changes say."""

from pathlib import Path

import pytest

from fixtures.boot import booted
from fixtures.real import PASSWORDS
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture

pytestmark = [pytest.mark.real, pytest.mark.appliance]


def test_an_edited_guest_boots_with_the_edit(tmp_path: Path) -> None:
    (image,) = copy_fixture("real", tmp_path)
    (tmp_path / "site.conf").write_text("made on the host\n")
    edits = (
        ("edit", "-e", "s/.*/edited-guest/", image, "/etc/hostname", "--write"),
        ("copy-in", image, tmp_path / "site.conf", "/etc", "--write"),
        ("config", "set", image, "/files/etc/ssh/sshd_config/PermitRootLogin", "no", "--write"),
        ("chmod", image, "0600", "/etc/site.conf", "--write"),
    )
    for words in edits:
        ran = imgtools(*map(str, words), "--json")
        assert ran.code == 0, ran.err
        assert ran.json["engine"] == "direct", "an edit of ext4 on a linear volume boots nothing"
        assert ran.data["written"] is True
    with booted(image) as console:
        console.login("root", PASSWORDS["root"])
        said = console.run(
            "hostname; cat /etc/site.conf; stat -c %a /etc/site.conf; sshd -T | grep -i permitroot;"
            " dmesg | grep -c 'EXT4-fs error'; true"
        )
    assert said.split("\n")[:4] == ["edited-guest", "made on the host", "600", "permitrootlogin no"]
    assert said.split("\n")[4] == "0"

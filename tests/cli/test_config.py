"""`imgtools config get`, `match`, `set` and `rm` on a real image."""

from pathlib import Path

from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image

ROOT_LOGIN = "/files/etc/ssh/sshd_config/PermitRootLogin"


def test_one_value_is_printed_alone_and_several_as_a_table() -> None:
    image = str(fixture_image("debian"))
    one = imgtools("config", "get", image, ROOT_LOGIN)
    assert (one.code, len(one.out.splitlines())) == (0, 1)
    two = imgtools("config", "get", image, ROOT_LOGIN, "/etc/hosts/1/ipaddr")
    assert two.out.splitlines()[0] == "Path\tValue"
    assert two.out.splitlines()[2] == "/files/etc/hosts/1/ipaddr\t127.0.0.1"
    assert imgtools("config", "get", image, ROOT_LOGIN, "--json").json["schema"] == "imgtools.config/1"


def test_match_lists_nodes() -> None:
    ran = imgtools("config", "match", str(fixture_image("debian")), "/files/etc/fstab/*/file")
    assert "\t/\n" in ran.out


def test_set_and_rm_change_the_image_only_with_write(tmp_path: Path) -> None:
    (copy,) = copy_fixture("debian", tmp_path)
    image = str(copy)
    before = copy.read_bytes()
    assert imgtools("config", "set", image, ROOT_LOGIN, "maybe").code == 0
    assert copy.read_bytes() == before
    assert imgtools("config", "set", image, ROOT_LOGIN, "maybe", "--write").code == 0
    assert imgtools("config", "get", image, ROOT_LOGIN).out == "maybe\n"
    assert imgtools("config", "delete", image, ROOT_LOGIN, "--write").code == 0
    imgtools("config", "get", image, ROOT_LOGIN, code=25)


def test_pairs_and_nodes_that_are_none_are_named() -> None:
    image = str(fixture_image("debian"))
    imgtools("config", "set", image, ROOT_LOGIN, code=2)
    missing = imgtools("config", "get", image, "/files/etc/no-such-file/x", code=25)
    assert "no such file in the guest: /etc/no-such-file" in missing.err

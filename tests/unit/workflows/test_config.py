"""Single values of configuration files: found, matched, set and removed through real lenses."""

import pytest

from imgtools.errors import NoSuchGuestFile, OddGuest, UsageError
from imgtools.records.request import Target
from imgtools.workflows.config import ConfigValue, change_values, get_values, match_nodes
from tests.support.memory import Content, memory_guest_image, serve

SSHD = "# how to log in\nPort 22\nPermitRootLogin yes\n"
FILES: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "UUID=1 / ext4 defaults 0 1\n",
    "/bin/sh": "",
    "/etc/ssh/sshd_config": SSHD,
    "/etc/hosts": "127.0.0.1 localhost\n10.0.0.1 web1 web1.lan\n",
    "/etc/resolv.conf": "nameserver\n",
}
ROOT_LOGIN = "/files/etc/ssh/sshd_config/PermitRootLogin"


def test_a_value_is_found_with_and_without_files(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "config", memory_guest_image(FILES))
    report = get_values(request, [ROOT_LOGIN, "/etc/hosts/2/canonical"])
    assert report.values == (
        ConfigValue(ROOT_LOGIN, "yes"),
        ConfigValue("/files/etc/hosts/2/canonical", "web1"),
    )


def test_expressions_match_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "config", memory_guest_image(FILES))
    assert [one.value for one in match_nodes(request, ["/files/etc/hosts/*/ipaddr"]).values] == [
        "127.0.0.1",
        "10.0.0.1",
    ]
    assert match_nodes(request, ["/files/etc/hosts/9"]).values == ()


def test_settings_of_one_file_are_one_edit_and_comments_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    settings = [(ROOT_LOGIN, "no"), ("/etc/ssh/sshd_config/Port", None)]
    (change,) = change_values(request, Target(), settings).changes
    assert getattr(change.change, "content") == b"# how to log in\nPermitRootLogin no\n"  # noqa: B009


def test_setting_what_is_set_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    assert change_values(request, Target(), [(ROOT_LOGIN, "yes")]).changes == ()


def test_each_mistake_has_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "config", memory_guest_image(FILES))
    with pytest.raises(NoSuchGuestFile, match="no such node"):
        get_values(request, ["/files/etc/ssh/sshd_config/NoSuchThing"])
    with pytest.raises(NoSuchGuestFile, match="/etc/none"):
        get_values(request, ["/files/etc/none/x"])
    with pytest.raises(OddGuest, match=r"/etc/resolv.conf:1"):
        get_values(request, ["/files/etc/resolv.conf/nameserver"])
    with pytest.raises(UsageError, match="no Augeas lens"):
        get_values(request, ["/bin/sh/x"])
    with pytest.raises(UsageError, match="no lens"):
        get_values(request, [ROOT_LOGIN], lens="Nonsense.lns")


FSTAB = "//nas/share /mnt cifs ro 0 0\nUUID=1 / ext4 defaults 0 1\n"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ('/files/etc/fstab/*[spec="//nas/share"]/file', [("/files/etc/fstab/1/file", "/mnt")]),
        ("/files/etc/fstab//opt", [("/files/etc/fstab/1/opt", "ro"), ("/files/etc/fstab/2/opt", "defaults")]),
        ("/etc/fstab[1]/1/file", [("/files/etc/fstab/1/file", "/mnt")]),
        (
            "/files/etc/fstab/2/file | /files/etc/hosts/1/ipaddr|/files/etc/fstab/2/file",
            [("/files/etc/fstab/2/file", "/"), ("/files/etc/hosts/1/ipaddr", "127.0.0.1")],
        ),
        ('/files/etc/fstab/*[spec="a|b"]', []),
    ],
)
def test_an_expression_means_what_it_means_to_augeas(
    path: str, found: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = serve(monkeypatch, "config", memory_guest_image({**FILES, "/etc/fstab": FSTAB}))
    assert [(one.path, one.value) for one in match_nodes(request, [path]).values] == found


@pytest.mark.parametrize(
    "path",
    [
        "/files/etc/hosts/*[ipaddr = /files/etc/fstab/1/spec]",
        "/files/etc/hosts/*[ipaddr = $x]",
        "/files/etc/hosts/1/../..",
    ],
)
def test_what_names_another_file_too_is_refused_not_half_answered(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = serve(monkeypatch, "config", memory_guest_image(FILES))
    with pytest.raises(UsageError, match=r"one file|out of the file"):
        match_nodes(request, [path])


def test_what_is_set_by_the_descendant_axis_is_the_node_that_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {**FILES, "/etc/ssh/sshd_config": "Match User x\n  PermitRootLogin no\n"}
    request = serve(monkeypatch, "writing", memory_guest_image(files))
    (change,) = change_values(request, Target(), [("/etc/ssh/sshd_config//PermitRootLogin", "yes")]).changes
    assert getattr(change.change, "content") == b"Match User x\n  PermitRootLogin yes\n"  # noqa: B009
    with pytest.raises(UsageError, match="one file"):
        change_values(request, Target(), [("/etc/hosts/1/alias | /etc/hosts/2/alias", "x")])


def test_both_parts_of_a_union_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    union = "/files/etc/hosts/1 | /files/etc/ssh/sshd_config/Port"
    changes = change_values(request, Target(), [(union, None)]).changes
    assert [getattr(one.change, "content") for one in changes] == [  # noqa: B009
        b"10.0.0.1 web1 web1.lan\n",
        b"# how to log in\nPermitRootLogin yes\n",
    ]

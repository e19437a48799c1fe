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

"""Logins come from netrc, for the host that is meant, and only from a file that nobody else reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.engine.remote.netrc_login import find_login
from imgtools.errors import HostError


@pytest.fixture
def logins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "netrc"
    path.write_text("machine host login joe password topsecret\ndefault login anonymous password x\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    return path


def test_a_host_has_its_login(logins: Path) -> None:
    login = find_login("host")
    assert login is not None
    assert (login.user, login.password.reveal()) == ("joe", b"topsecret")
    assert "topsecret" not in repr(login)


def test_other_hosts_and_other_users_have_none(logins: Path) -> None:
    assert find_login("other") is None  # default is for no server
    assert find_login("host", "jane") is None
    assert find_login("host", "joe") is not None


def test_no_file_is_no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    assert find_login("host") is None


def test_a_file_that_others_read_is_refused_where_it_matters(logins: Path) -> None:
    logins.chmod(0o644)
    with pytest.raises(HostError, match="others may read") as caught:
        find_login("host")
    assert caught.value.hint.startswith("chmod 600")
    assert find_login("other") is None


def test_a_file_that_is_not_understood_is_not_shown(logins: Path) -> None:
    logins.write_text("machine host login joe pasword topsecret\n")
    with pytest.raises(HostError, match="not understood") as caught:
        find_login("host")
    assert "topsecret" not in caught.value.message


def test_a_folder_is_no_file_of_logins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path))
    with pytest.raises(HostError):
        find_login("host")

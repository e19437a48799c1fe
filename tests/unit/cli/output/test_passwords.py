"""Who learns a password that was made: nobody whose guest does not have it, and nobody else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from imgtools.cli.output import passwords
from imgtools.cli.output.passwords import NewPassword, new_passwords, passwords_told
from imgtools.errors import (
    EditCut,
    HostError,
    ImgtoolsError,
    RolledBack,
    TargetExists,
    UnfinishedEdit,
    UsageError,
)
from imgtools.records.orders import Named, Order
from imgtools.records.request import Secret

MADE = [NewPassword("root", b"sesame"), NewPassword("web1/alice", b"simsim")]
LINES = b"root:sesame\nweb1/alice:simsim\n"


def test_only_new_ones_are_told_with_their_machine() -> None:
    orders = [
        Named("password", Order("alice:locked:sha512", Secret(b"simsim"), is_new=True)),
        Named("password", Order("bob::", Secret(b"known"))),
        Named("hostname", Order("web1")),
    ]
    assert new_passwords(orders, "web1") == [NewPassword("web1/alice", b"simsim")]
    assert new_passwords(orders) == [NewPassword("alice", b"simsim")]


def test_a_file_is_made_for_its_owner_before_anything_is_changed(tmp_path: Path) -> None:
    output = tmp_path / "pw"
    with passwords_told(MADE, output, will_write=True):
        assert output.read_bytes() == LINES
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    with pytest.raises(TargetExists), passwords_told(MADE, output, will_write=True):
        pytest.fail("the guest would be changed")
    (link := tmp_path / "link").symlink_to(tmp_path / "planted")
    with pytest.raises(TargetExists), passwords_told(MADE, link, will_write=True):
        pytest.fail("the guest would be changed")
    with pytest.raises(HostError), passwords_told(MADE, tmp_path / "no" / "pw", will_write=True):
        pytest.fail("the guest would be changed")


@pytest.mark.parametrize(("error", "stays"), [(RolledBack, False), (EditCut, True), (UnfinishedEdit, True)])
def test_the_file_goes_if_the_guest_does_not_have_them(
    error: type[ImgtoolsError], stays: bool, tmp_path: Path
) -> None:
    with pytest.raises(error), passwords_told(MADE, tmp_path / "pw", will_write=True):
        raise error("cut")
    assert (tmp_path / "pw").exists() is stays


def test_a_terminal_is_told_once_and_only_when_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = os.openpty()
    monkeypatch.setattr(passwords, "TERMINAL", os.ttyname(theirs))
    with pytest.raises(RolledBack), passwords_told(MADE, None, will_write=True):
        raise RolledBack("no room")
    with passwords_told(MADE, None, will_write=False):
        pass
    with passwords_told(MADE, None, will_write=True):
        pass
    assert os.read(ours, 1000).replace(b"\r\n", b"\n") == LINES
    os.close(ours)
    os.close(theirs)


def test_without_a_terminal_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "TERMINAL", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="nobody would learn"), passwords_told(MADE, None, will_write=True):
        pytest.fail("the guest would be changed")
    with passwords_told(MADE, None, will_write=False):
        pass


def test_a_file_for_nothing_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="none is asked for"),
        passwords_told((), tmp_path / "pw", will_write=False),
    ):
        pass

"""Passwords and keys: how they are named, which hash a guest gets, and that no secret is shown."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from imgtools.change.change import WriteFile
from imgtools.change.describe import describe
from imgtools.errors import HostError, UnsupportedGuest, UsageError
from imgtools.guest.accounts.passwords import choose_method
from imgtools.guest.accounts.users import read_accounts
from imgtools.ops.customize_plan import Named, plan_orders, read_order
from imgtools.ops.operation import HostSide
from imgtools.ops.passwords import warn_expired
from imgtools.records.orders import Order
from imgtools.records.request import Secret
from imgtools.records.system import OsInfo, OsType
from tests.support.memory import Content, memory_files
from tests.unit.ops.customize.test_shelf import KEY, used

SHADOW: dict[str, Content] = {"/etc/passwd": "root:x:0:0::/root:/bin/sh\n", "/etc/shadow": "root:*:1::::::\n"}


def ask(prompt: str) -> str:
    return f"told to {prompt}"


HOST = HostSide(ask)


def line_of(order: Named, user: str = "root") -> str:
    guest, _ = used()
    (change,) = plan_orders(guest, [order])
    assert isinstance(change, WriteFile)
    shown = describe(change, guest.files)
    assert not shown.diff  # a hash is nobody's business
    assert "$6$" not in shown.summary
    lines = change.content.decode().splitlines()
    return next(line for line in lines if line.startswith(f"{user}:"))


# -- how a password is named ---------------------------------------------------------------------------------


def test_every_selector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pw").write_text("sesame\n")
    monkeypatch.setenv("PW", "sesame")
    for text in (f"file:{tmp_path}/pw", "env:PW", "ask", "random", "password:sesame", "key:sesame"):
        order = read_order("root-password", text, HOST)
        assert line_of(order).startswith("root:$6$")
        assert "sesame" not in repr(order)
    assert line_of(read_order("root-password", "locked", HOST)).startswith("root:!*:")
    assert line_of(read_order("root-password", "locked:env:PW", HOST)).startswith("root:!$6$")
    assert line_of(read_order("password", "alice:disabled", HOST), "alice").startswith("alice:*:")
    assert line_of(read_order("password", "alice:env:PW", HOST), "alice").startswith("alice:$6$")
    assert line_of(read_order("root-password", "locked:disabled", HOST)).startswith("root:!*:")
    assert line_of(read_order("password", "alice:locked:disabled", HOST), "alice").startswith("alice:!*:")


@pytest.mark.parametrize("secret", ["open:sesame", ":", "locked:disabled", "a:b:c:"])
@pytest.mark.parametrize("state", ["", "locked:"])
def test_a_password_may_have_colons(secret: str, state: str) -> None:
    for kind in ("password", "key"):
        for name, text in (("root-password", ""), ("password", "alice:")):
            order = read_order(name, f"{text}{state}{kind}:{secret}", HOST).order
            assert order.secret is not None and order.secret.reveal() == secret.encode()
            assert order.text == f"{text or 'root:'}{state.removesuffix(':')}:"


def test_only_what_random_made_has_to_be_told(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("sesame\n")
    new = {
        text: read_order("root-password", text, HOST).order.is_new
        for text in (
            "random",
            "locked:random",
            f"random:{tmp_path}/n",
            f"file:{tmp_path}/pw",
            "ask",
            "disabled",
        )
    }
    assert [text for text, is_new in new.items() if is_new] == ["random", "locked:random"]


@pytest.mark.parametrize(
    ("expires", "is_expired"), [("", False), ("99999", False), ("19000", True), ("0", True), ("x", False)]
)
@pytest.mark.parametrize("order", ["password", "ssh-inject"])
def test_an_account_that_has_expired_is_warned_about(expires: str, is_expired: bool, order: str) -> None:
    """Neither a password nor a key lets anybody in."""
    shadow = f"root:*:1::::::\nalice:$y$x:1:::::{expires}:\n"
    if expires == "x":
        shadow = "root:*:1::::::\n"
    guest, _ = used()
    guest = replace(guest, files=memory_files({**SHADOW, "/etc/shadow": shadow}))
    wanted = [
        Named(order, Order("alice::", Secret(b"x") if order == "password" else None)),
        Named("password", Order("root:locked:")),
    ]
    found = [warning.text for warning in warn_expired(guest, wanted)]
    assert len(found) == is_expired
    if expires == "19000":
        assert "alice has expired on 2022-01-08 and stays expired" in found[0]


def test_the_plan_says_what_is_done_to_whom() -> None:
    guest, _ = used()
    texts = ("root:random", "alice:locked", "root:random")
    plan = tuple(plan_orders(guest, [read_order("password", text, HOST) for text in texts]))
    summary = describe(plan[0], guest.files).summary
    assert summary.endswith(": set the password of root (sha512); lock the password of alice")
    assert len(plan) == 1


def test_a_random_password_is_kept_in_a_file_for_its_owner(tmp_path: Path) -> None:
    first = read_order("root-password", f"random:{tmp_path}/new", HOST).order.secret
    again = read_order("root-password", f"random:{tmp_path}/new", HOST).order.secret
    assert first is not None
    assert again is not None
    assert first.reveal() == again.reveal() == (tmp_path / "new").read_bytes().strip()
    assert len(first.reveal()) >= 20
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    unknown = read_order("root-password", "random", HOST).order.secret
    assert unknown is not None
    assert unknown.reveal() != first.reveal()


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("root-password", "sesame", UsageError),
        ("root-password", "password:", UsageError),
        ("root-password", "file:/no/such/file", HostError),
        ("root-password", "env:NO_SUCH_VARIABLE", HostError),
        ("root-password", "random:/no/such/folder/x", HostError),
        ("password", "alice", UsageError),
        ("password", "alice:sesame", UsageError),
        ("ssh-inject", "alice:string:", UsageError),
        ("ssh-inject", "alice:env:KEY", UsageError),
        ("ssh-inject", "alice:file:/no/such/file", HostError),
    ],
)
def test_what_names_no_secret_is_an_error_that_does_not_repeat_it(
    name: str, text: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as found:
        read_order(name, text, HOST)
    assert "sesame" not in str(found.value)


def test_an_empty_password_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("\n")
    with pytest.raises(UsageError, match="empty"):
        read_order("root-password", f"file:{tmp_path}/pw", HOST)


def test_the_method_is_one_for_all_passwords() -> None:
    assert line_of(read_order("root-password", "random", HostSide(ask, password_method="sha512"))).startswith(
        "root:$6$"
    )
    with pytest.raises(UsageError, match="no such hash method: md5"):
        read_order("root-password", "random", HostSide(ask, password_method="md5"))
    guest, _ = used()
    with pytest.raises(UnsupportedGuest, match="cannot read yescrypt"):
        tuple(
            plan_orders(
                guest, [read_order("root-password", "ask", HostSide(ask, password_method="yescrypt"))]
            )
        )


# -- which hash a guest reads --------------------------------------------------------------------------------

DISTROS = {
    ("debian", 12): "yescrypt",
    ("debian", 10): "sha512",
    ("fedora", 39): "yescrypt",
    ("rhel", 9): "yescrypt",
    ("rhel", 8): "sha512",
    ("rocky", 9): "yescrypt",
    ("rocky", 8): "sha512",
    ("almalinux", 9): "yescrypt",
    ("amzn", 2): "sha512",
    ("alpine", 3): "sha512",
    ("ubuntu", 22): "yescrypt",
    ("ubuntu", 20): "sha512",
    ("arch", 0): "yescrypt",
}


@pytest.mark.parametrize("case", DISTROS, ids=lambda case: f"{case[0]}-{case[1]}")
def test_the_release_decides_where_the_library_cannot_be_read(case: tuple[str, int]) -> None:
    files = memory_files(SHADOW)
    info = OsInfo(OsType.LINUX, families=(case[0], "like"), major=case[1])
    assert choose_method(files, read_accounts(files), info) == DISTROS[case]


@pytest.mark.parametrize(("library", "method"), [("\0$6$\0$y$\0", "yescrypt"), ("\0$6$\0$5$\0", "sha512")])
def test_the_library_decides_where_it_can_be_read(library: str, method: str) -> None:
    files = memory_files({**SHADOW, "/usr/lib64/libcrypt.so.1.1.0": library})
    for distro, major in (("debian", 12), ("rocky", 8)):
        info = OsInfo(OsType.LINUX, families=(distro,), major=major)
        assert choose_method(files, read_accounts(files), info) == method


# -- keys ----------------------------------------------------------------------------------------------------


def test_ones_own_newest_key_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(HostError, match="there is no ~"):
        read_order("ssh-inject", "alice", HOST)
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_rsa.pub").write_text(KEY.replace("some", "old"))
    (tmp_path / ".ssh" / "id_ed25519.pub").write_text(KEY + "\n")
    os.utime(tmp_path / ".ssh" / "id_rsa.pub", (1, 1))
    assert read_order("ssh-inject", "alice", HOST).order.text == f"alice:{KEY}"


def test_a_key_comes_from_a_file_or_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text(KEY + "\n")
    for text in (f"alice:file:{tmp_path}/key.pub", f"alice:string:{KEY}"):
        assert read_order("ssh-inject", text, HOST).order.text == f"alice:{KEY}"

"""Accounts of people go with what is theirs, and with nothing that is anybody else's."""

from __future__ import annotations

import pytest

from imgtools.change.change import Remove, WriteFile
from imgtools.change.compose import compose
from imgtools.errors import NotInGuest, UnsupportedGuest
from imgtools.ops.sysprep.user_account import NOT_A_HOME, OPERATION, Params
from tests.support.memory import Content, directory
from tests.support.sysprep import guest_of

ROOT = "root:x:0:0:root:/root:/bin/sh\n"


def gone(files: dict[str, Content], params: Params | None = None) -> dict[str, str]:
    """Path -> what is left of it, of all that is changed when accounts go."""
    guest = guest_of(files)
    changes = compose(tuple(OPERATION.plan(guest, params or Params())), guest.files)
    left = {}
    for change in changes:
        assert isinstance(change, Remove | WriteFile)
        left[change.path] = change.content.decode() if isinstance(change, WriteFile) else "gone"
    return left


def account(name: str, uid: int, home: str, gid: int | None = None) -> str:
    return f"{name}:x:{uid}:{gid or uid}::{home}:/bin/sh\n"


@pytest.mark.parametrize("home", sorted(NOT_A_HOME))
@pytest.mark.parametrize("spelling", ["{}", "{}/", "/x/..{}", "/{}"])
def test_a_folder_of_the_system_is_nobodys_home(home: str, spelling: str) -> None:
    files: dict[str, Content] = {
        "/etc/passwd": ROOT + account("bob", 1000, spelling.format(home)),
        "/x/y": "",
    }
    if home not in ("/", "/etc", "/root", "/home", "/var", "/bin"):
        files[home] = directory()
    assert gone(files)["/etc/passwd"] == ROOT
    assert "gone" not in gone(files).values()


@pytest.mark.parametrize(
    ("other", "kept"), [("/home/bob", True), ("/home/bob/sub", True), ("/home/bobby", False)]
)
def test_a_home_that_somebody_else_has_stays(other: str, kept: bool) -> None:
    """userdel leaves it too."""
    passwd = ROOT + account("bob", 1000, "/home/bob") + account("web", 500, other)
    files: dict[str, Content] = {"/etc/passwd": passwd, "/home/bob/sub/x": "", "/home/bobby/x": ""}
    assert ("/home/bob" not in gone(files)) is kept
    both = gone(files, Params(remove=("bob", "web")))
    assert both["/home/bob"] == "gone" and both["/etc/passwd"] == ROOT


def test_a_home_is_a_path_and_no_pattern() -> None:
    passwd = ROOT + account("bob", 1000, "/home/*") + account("web", 500, "")
    files: dict[str, Content] = {"/etc/passwd": passwd, "/home/*/x": "", "/home/carol/x": ""}
    left = gone(files)
    assert left["/home/*"] == "gone" and "/home/carol" not in left


@pytest.mark.parametrize(
    ("group", "left"),
    [
        ("bob:x:1000:\n", ""),
        ("bob:x:500:\n", "bob:x:500:\n"),
        ("staff:x:1000:bob\n", "staff:x:1000:\n"),
        ("staff:x:50:bob,web\n", "staff:x:50:web\n"),
        ("staff:x:50:web,bob\n", "staff:x:50:web\n"),
        ("staff:x:50:a,bob,web\n", "staff:x:50:a,web\n"),
        ("staff:x:50:bobby,web\n", "staff:x:50:bobby,web\n"),
    ],
)
def test_a_group_goes_if_nobody_else_is_left_in_it(group: str, left: str) -> None:
    """web, who stays, has the group 500 as its own."""
    passwd = ROOT + account("bob", 1000, "/home/bob") + account("web", 500, "/srv")
    files: dict[str, Content] = {"/etc/passwd": passwd, "/etc/group": group}
    assert gone(files).get("/etc/group", group) == left


def test_members_and_administrators_of_gshadow() -> None:
    files: dict[str, Content] = {
        "/etc/passwd": ROOT + account("bob", 1000, "/home/bob"),
        "/etc/group": "bob:x:1000:\nstaff:x:50:bob,web\n",
        "/etc/gshadow": "bob:!::\nstaff:!:bob:bob,web\nother:!:web:web,bob\n",
    }
    assert gone(files)["/etc/gshadow"] == "staff:!::web\nother:!:web:web\n"


def test_what_belongs_to_the_account_goes_with_it() -> None:
    paths = ("/var/mail/{}", "/var/spool/cron/crontabs/{}", "/etc/sudoers.d/{}", "/var/lib/systemd/linger/{}")
    files: dict[str, Content] = {"/etc/passwd": ROOT + account("bob", 1000, "/home/bob"), "/home/bob/x": ""}
    files |= {path.format(name): "" for path in paths for name in ("bob", "bobby", "root")}
    files |= {"/etc/subuid": "bob:1:2\nbobby:1:2\n", "/etc/shadow": "bob:*:1::::::\nroot:*:1::::::\n"}
    left = gone(files)
    assert {path for path, fate in left.items() if fate == "gone"} == {
        "/home/bob", *(path.format("bob") for path in paths)
    }  # fmt: skip
    assert left["/etc/subuid"] == "bobby:1:2\n" and left["/etc/shadow"] == "root:*:1::::::\n"


@pytest.mark.parametrize(
    ("defs", "people"),
    [
        ("", ("a1000", "a60000")),
        ("UID_MIN 500\nUID_MAX 999\n", ("a500", "a999")),
        ("#UID_MIN 500\n  UID_MAX\t1000\nUID_MIN x\n", ("a1000",)),
    ],
)
def test_people_are_who_login_defs_says(defs: str, people: tuple[str, ...]) -> None:
    numbers = (499, 500, 999, 1000, 60000, 60001)
    passwd = "".join(account(f"a{uid}", uid, "") for uid in numbers)
    files: dict[str, Content] = {"/etc/passwd": ROOT + passwd}
    if defs:
        files["/etc/login.defs"] = defs
    left = gone(files)["/etc/passwd"]
    assert {f"a{uid}" for uid in numbers if f"a{uid}:" not in left} == set(people)


def test_who_stays_and_who_goes_can_be_said() -> None:
    files: dict[str, Content] = {
        "/etc/passwd": ROOT + account("bob", 1000, "") + account("eve", 1001, "") + account("web", 500, "")
    }
    kept = gone(files, Params(keep=("bob",)))["/etc/passwd"]
    assert "bob" in kept and "eve" not in kept and "web" in kept
    removed = gone(files, Params(remove=("web",)))["/etc/passwd"]
    assert "bob" in removed and "eve" in removed and "web" not in removed
    assert gone(files, Params(keep=("bob", "eve"))) == {}
    for params in (Params(keep=("nobody",)), Params(remove=("nobody",))):
        with pytest.raises(NotInGuest, match="no such account in the guest: nobody"):
            gone(files, params)
    with pytest.raises(UnsupportedGuest, match="root cannot be removed"):
        gone(files, Params(remove=("root",)))

"""New accounts: what useradd would have made of the guest's own rules, and what is refused."""

from __future__ import annotations

import pytest

from imgtools.change.change import WriteFile
from imgtools.errors import ImgtoolsError, NotInGuest, OddGuest, UnsupportedGuest, UsageError
from imgtools.ops.customize_plan import Named, Order, plan_orders
from tests.support.customized import customized, guest_with
from tests.support.memory import Content, Node, directory, link

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGsome/key+text alice@laptop"
BASE: dict[str, Content] = {
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
    "/etc/shadow": "root:*:19000:0:99999:7:::\nalice:*:19000:0:99999:7:::\n",
    "/etc/group": "root:x:0:\nusers:x:100:\nsudo:x:27:\ndocker:x:999:alice\nalice:x:1000:\n",
    "/etc/gshadow": "root:*::\nusers:*::\nsudo:*::\ndocker:!::alice\nalice:!::\n",
    "/etc/subuid": "alice:100000:65536\n",
    "/etc/subgid": "alice:100000:65536\n",
    "/etc/skel/.profile": Node(content=b"umask 027\n", mode=0o644),
    "/etc/skel/.config/deep": Node(content=b"x", mode=0o600),
    "/etc/skel/.link": link(".profile"),
    "/etc/login.defs": "# x\nUID_MIN\t\t 1000\nHOME_MODE 0700\nPASS_MAX_DAYS\t90 # days\nUSERGROUPS_ENAB yes\n",
    "/etc/default/useradd": "SHELL=/bin/bash\nINACTIVE=-1\nEXPIRE=\nCREATE_MAIL_SPOOL=yes\n",
    "/var/mail": directory(),
    "/bin/sh": "",
    "/bin/bash": "",
    "/home": directory(),
    "/usr/bin/sudo": "",
    "/etc/sudoers": "root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
}


def last_line(text: str) -> str:
    return text.splitlines()[-1]


def test_the_account_is_what_useradd_would_have_made() -> None:
    tree = customized(BASE, ("user", "web"))
    assert last_line(tree.read_text("/etc/passwd")) == "web:x:1001:1001::/home/web:/bin/bash"
    name, password, _day, *rest = last_line(tree.read_text("/etc/shadow")).split(":")
    assert (name, password, rest) == ("web", "!", ["0", "90", "7", "", "", ""])
    assert last_line(tree.read_text("/etc/group")) == "web:x:1001:"
    assert last_line(tree.read_text("/etc/gshadow")) == "web:!::"
    assert last_line(tree.read_text("/etc/subuid")) == "web:165536:65536"
    assert last_line(tree.read_text("/etc/subgid")) == "web:165536:65536"


def test_the_home_is_the_skeleton_and_the_users_own() -> None:
    tree = customized(BASE, ("user", "web"))
    facts = {
        path: (stat.mode, stat.uid, stat.gid)
        for path in ("", "/.profile", "/.config/deep", "/.config")
        if (stat := tree.lstat(f"/home/web{path}")) is not None
    }
    assert facts == {
        "": (0o700, 1001, 1001),
        "/.profile": (0o644, 1001, 1001),
        "/.config/deep": (0o600, 1001, 1001),
        "/.config": (0o755, 1001, 1001),
    }
    assert tree.read_link("/home/web/.link") == ".profile"
    assert tree.stat("/var/mail/web").mode == 0o660


def test_what_is_said_is_taken() -> None:
    text = "web:uid=2000,groups=docker+users,shell=/bin/sh,home=/srv/web,gecos=Web Server"
    tree = customized(BASE, ("user", text))
    assert last_line(tree.read_text("/etc/passwd")) == "web:x:2000:2000:Web Server:/srv/web:/bin/sh"
    assert "docker:x:999:alice,web\n" in tree.read_text("/etc/group")
    assert "users:x:100:web\n" in tree.read_text("/etc/group")
    assert "docker:!::alice,web\n" in tree.read_text("/etc/gshadow")


def test_several_users_and_keys_build_on_each_other() -> None:
    orders = (
        ("user", "web"),
        ("user", "db:sudo=yes"),
        ("ssh-inject", f"web:{KEY}"),
        ("password", "db:locked:"),
    )
    tree = customized(BASE, *orders)
    assert "web:x:1001:1001:" in tree.read_text("/etc/passwd")
    assert "db:x:1002:1002:" in tree.read_text("/etc/passwd")
    assert last_line(tree.read_text("/etc/subuid")) == "db:231072:65536"
    keys = "/home/web/.ssh/authorized_keys"
    assert tree.read_text(keys) == KEY + "\n"
    assert (tree.stat(keys).uid, tree.stat("/home/web/.ssh").mode) == (1001, 0o700)


def test_without_user_groups_the_group_is_that_of_all() -> None:
    suse = {**BASE, "/etc/login.defs": "USERGROUPS_ENAB no\n", "/etc/default/useradd": "GROUP=100\n"}
    assert last_line(customized(suse, ("user", "web")).read_text("/etc/passwd")).startswith("web:x:1001:100:")


SUDO = [
    ({}, "sudo=yes", "", "sudo:x:27:web\n"),
    ({}, "sudo=nopasswd", "web ALL=(ALL:ALL) NOPASSWD: ALL\n", "sudo:x:27:\n"),
    (
        {"/etc/sudoers": "Defaults targetpw\nALL ALL=(ALL) ALL\n#includedir /etc/sudoers.d\n"},
        "sudo=yes",
        "Defaults:web !targetpw, !rootpw\nweb ALL=(ALL:ALL) ALL\n",
        "sudo:x:27:\n",
    ),
]


@pytest.mark.parametrize(("more", "how", "rule", "group"), SUDO)
def test_sudo_by_group_or_by_a_file_of_its_own(
    more: dict[str, Content], how: str, rule: str, group: str
) -> None:
    tree = customized({**BASE, **more}, ("user", f"web:{how}"))
    assert group in tree.read_text("/etc/group")
    path = "/etc/sudoers.d/web"
    assert (tree.read_text(path) if tree.exists(path) else "") == rule
    assert not rule or tree.stat(path).mode == 0o440


def test_doas_where_there_is_no_sudo() -> None:
    alpine = {path: node for path, node in BASE.items() if "sudo" not in path}
    with pytest.raises(UnsupportedGuest, match="no sudo"):
        customized(alpine, ("user", "web:sudo=yes"), families=("alpine",))
    tree = customized(
        {**alpine, "/usr/bin/doas": "", "/etc/doas.d": directory()}, ("user", "web:sudo=nopasswd")
    )
    assert tree.read_text("/etc/doas.d/web.conf") == "permit nopass web as root\n"


REFUSED: list[tuple[str, type[ImgtoolsError], str]] = [
    ("alice", NotInGuest, "a user alice already"),
    ("Web", UsageError, "not a user name"),
    ("web:groups=nobody", NotInGuest, "no group 'nobody'"),
    ("web:uid=1000", NotInGuest, "is alice's"),
    ("web:uid=x", UsageError, "not a number"),
    ("web:colour=red", UsageError, "not KEY=VALUE"),
    ("web:shell=/bin/zsh", NotInGuest, "no shell /bin/zsh"),
    ("web:password=x", UsageError, "a password is not given here"),
    ("web:gecos=a\nroot2:x:0:0", UsageError, "letters that no account"),
    ("web:sudo=maybe", UsageError, "not yes, no or nopasswd"),
    ("docker", NotInGuest, "a group docker already"),
    ("web:home=/var/mail", NotInGuest, "is there already"),
]


@pytest.mark.parametrize(("text", "kind", "words"), REFUSED)
def test_what_cannot_be_made_is_an_error(text: str, kind: type[ImgtoolsError], words: str) -> None:
    with pytest.raises(kind, match=words):
        customized(BASE, ("user", text))


def test_a_guest_without_shadow_is_odd() -> None:
    with pytest.raises(OddGuest, match="no /etc/shadow"):
        customized({**BASE, "/etc/shadow": ""}, ("user", "web"))


def test_the_plan_shows_no_line_of_shadow() -> None:
    guest, _ = guest_with(BASE, "debian")
    plan = tuple(plan_orders(guest, [Named("user", Order("web"))]))
    private = {one.path for one in plan if isinstance(one, WriteFile) and one.private}
    assert private == {"/etc/shadow", "/etc/gshadow"}

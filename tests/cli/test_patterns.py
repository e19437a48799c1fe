"""Shell patterns are resolved inside the guest: in cat, ls, copy-out and rm; one that matches nothing is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Ran, imgtools
from tests.support.fixtures import fixture_image
from tests.support.memory import Content, link, memory_guest_image, serve

GUEST: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/bin/sh": "",
    "/etc/a.conf": "a\n",
    "/etc/b.conf": "b\n",
    "/etc/[x].conf": "brackets\n",
    "/etc/.hidden.conf": "hidden\n",
    "/srv/dir/one": "1",
    "/srv/dir/two": "2",
    "/srv/gone": link("nowhere"),
    "/srv/evil\x1b[2J.log": "evil\n",
}
OPENS = {"cat": "cat", "ls": "ls", "copy-out": "copy_out", "rm": "writing", "grep": "grep"}


def run(monkeypatch: pytest.MonkeyPatch, command: str, *words: str | Path, code: int = 0) -> Ran:
    """Run a command on the guest in memory."""
    serve(monkeypatch, OPENS[command], memory_guest_image(GUEST))
    return imgtools(command, "memory.img", *words, code=code)


@pytest.mark.parametrize("command", ["cat", "ls", "copy-out", "rm"])
@pytest.mark.parametrize(
    ("path", "says", "hint"),
    [
        ("/etc/*.cnf", "nothing in the guest matches: /etc/*.cnf", "there is /etc/"),
        ("/ect/*.conf", "nothing in the guest matches: /ect/*.conf", "there is /etc"),
        ("/etc/a.cofn", "no such file in the guest: /etc/a.cofn", "there is /etc/a.conf"),
        ("/etc/A.conf", "no such file in the guest: /etc/A.conf", "there is /etc/a.conf"),
        ("/srv/*.log/x", "nothing in the guest matches", ""),
        ("/srv/evil?.log", "nothing in the guest matches", "there is /srv/evil\\x1b[2J.log"),
    ],
)
def test_no_match_is_an_error_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, path: str, says: str, hint: str
) -> None:
    folder = (tmp_path,) if command == "copy-out" else ()
    ran = run(monkeypatch, command, path, *folder, code=25)
    assert says in ran.err
    assert hint in ran.err
    assert "\x1b" not in ran.err
    assert not ran.out
    assert not list(tmp_path.iterdir())


def test_one_pattern_of_several_that_matches_nothing_leaves_nothing_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for command, more in (("cat", ()), ("rm", ()), ("copy-out", (tmp_path,))):
        ran = run(monkeypatch, command, "/etc/*.conf", "/etc/*.none", *more, code=25)
        assert "/etc/*.none" in ran.err
        assert not ran.out
    assert not list(tmp_path.iterdir())


def test_cat_prints_all_that_match(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "cat", "/etc/{b,a}.conf").out == "a\nb\n"
    # A file of that very name comes before what the pattern would match.
    assert run(monkeypatch, "cat", "/etc/[x].conf").out == "brackets\n"
    assert [one["path"] for one in run(monkeypatch, "cat", "/etc/?.conf", "--json").data["files"]] == [
        "/etc/a.conf",
        "/etc/b.conf",
    ]


def test_cat_of_a_pattern_with_a_folder_or_a_link_that_leads_nowhere_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "is a directory: /srv/dir" in run(monkeypatch, "cat", "/srv/d*", code=25).err
    assert "/srv/gone" in run(monkeypatch, "cat", "/srv/g*", code=25).err


def test_ls_lists_what_matches_with_whole_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = run(monkeypatch, "ls", "/srv/*")
    assert ran.out.splitlines() == ["/srv/dir/one", "/srv/dir/two", "/srv/evil\\x1b[2J.log", "/srv/gone"]
    assert run(monkeypatch, "ls", "/srv/d*").out.splitlines() == ["one", "two"]


def test_copy_out_copies_what_matches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch, "copy-out", "/etc/?.conf", "/etc/a.*", "/srv/d*", tmp_path)
    assert sorted(str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*")) == [
        "a.conf",
        "b.conf",
        "dir",
        "dir/one",
        "dir/two",
    ]


def test_rm_says_the_nearest_name_and_force(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = run(monkeypatch, "rm", "/etc/a.cnf", code=25)
    assert "there is /etc/a.conf; --force accepts that" in ran.err
    run(monkeypatch, "rm", "-f", "/etc/a.cnf", "/etc/fstab/x")


def test_grep_says_which_match_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = run(monkeypatch, "grep", "1", "/srv/{gone,dir}", code=1)
    assert ran.out == "/srv/dir/one:1\n"
    assert "/srv/gone" in ran.err
    assert "nothing in the guest matches" in run(monkeypatch, "grep", "1", "/srv/*.none", code=25).err


def test_on_an_image() -> None:
    names = imgtools("ls", fixture_image("debian"), "/etc/os-rel*").out.splitlines()
    assert names == ["/etc/os-release"]
    assert "ID=debian" in imgtools("cat", fixture_image("debian"), "/etc/os-rel*").out

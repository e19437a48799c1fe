"""What `verify` finds: planted changes of every kind and format, nothing on clean guests; what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from imgtools.errors import NotInGuest, OddGuest, UnsupportedGuest, UsageError
from imgtools.records.files import FileKind
from imgtools.records.packages import Deviation
from imgtools.workflows.verify import PackagesVerified, verify
from tests.support.memory import Content, Node, directory, link, memory_guest_image, serve
from tests.support.package_guests import BINARY, LIBRARY, apk_guest, dpkg_guest, pacman_guest
from tests.support.rpm_guest import Packed, rpm_tree

CHANGED, MISSING, MODE, OWNER = Deviation.CHANGED, Deviation.MISSING, Deviation.MODE, Deviation.OWNER
LINK, KIND, CAPABILITIES, EXTRA = Deviation.LINK, Deviation.KIND, Deviation.CAPABILITIES, Deviation.EXTRA
GONE = None
CAP_NET_ADMIN = {"security.capability": bytes.fromhex("0100000200100000000000000000000000000000")}
CAP_NET_RAW = {"security.capability": bytes.fromhex("0100000200200000000000000000000000000000")}
RPM = {
    "tool": (
        Packed("/usr/bin/tool", BINARY, 0o4755, group="tty"),
        Packed("/usr/bin/ping", b"ping", 0o755, words="%caps(cap_net_raw=ep)"),
        Packed("/usr/bin/alias", "tool"),
        Packed("/usr/lib64/libtool.so.1", LIBRARY[:4000], 0o755),
        Packed("/usr/share/tool", None, 0o755, "bin"),
        Packed("/etc/tool.conf", b"a=b\\n", 0o640, words="%config(noreplace)"),
        Packed("/usr/share/tool/data", b"data", words="%doc"),
        Packed("/usr/share/tool/more", b"more"),
    ),
    "other": (Packed("/usr/bin/other", b"other", 0o755), Packed("/usr/bin/another", b"another", 0o755)),
}

Planted = Mapping[str, tuple[Content | None, Deviation]]
DPKG_PLANTED: Planted = {
    "/usr/bin/tool": (Node(content=BINARY[:-1] + b"x", mode=0o755), CHANGED),
    "/lib/libtool.so.1": (Node(content=LIBRARY[:-1], mode=0o755), CHANGED),
    "/usr/lib/libtool.so": (GONE, MISSING),
    "/usr/share/tool/data": (GONE, MISSING),
    "/usr/share/tool/more": (directory(), KIND),
    "/usr/lib/empty": (link("/bin/sh"), KIND),
    "/usr/bin/su": (Node(content=BINARY + b"su", mode=0o4755, gid=42), MODE),
    "/usr/sbin/diverted.real": ("changed", CHANGED),
    "/etc/tool.conf": ("a=c\n", CHANGED),
    "/usr/bin/evil": ("evil", EXTRA),
    "/usr/lib/tool/__pycache__/evil.cpython-311.pyc": ("evil", EXTRA),
}
RPM_PLANTED: Planted = {
    "/usr/bin/tool": (Node(content=BINARY[:-1] + b"x", mode=0o4755, gid=5), CHANGED),
    "/usr/lib64/libtool.so.1": (Node(content=LIBRARY[:3999], mode=0o755), CHANGED),
    "/usr/bin/ping": (Node(content=b"ping", mode=0o755), CAPABILITIES),
    "/usr/bin/another": (Node(content=b"another", mode=0o755, xattrs=CAP_NET_ADMIN), CAPABILITIES),
    "/usr/bin/alias": (link("other"), LINK),
    "/usr/share/tool": (Node(FileKind.DIRECTORY, mode=0o777, uid=1), MODE),
    "/usr/share/tool/data": (GONE, MISSING),
    "/usr/share/tool/more": (Node(content=b"more", uid=1), OWNER),
    "/usr/bin/other": (link("tool"), KIND),
    "/etc/tool.conf": (Node(content=b"a=c\n", mode=0o640), CHANGED),
    "/usr/sbin/evil": ("evil", EXTRA),
}
APK_PLANTED: Planted = {
    "/bin/tool": (Node(content=BINARY, mode=0o755), MODE),
    "/bin/busybox": (Node(content=BINARY + b"busybux", mode=0o755), CHANGED),
    "/lib/libtool.so": (link("/tmp/libtool.so.1"), LINK),
    "/lib/libtool.so.1": (GONE, MISSING),
    "/lib/data": (Node(content=b"data", gid=1), OWNER),
    "/etc/tool.conf": ("a=c\n", CHANGED),
    "/var/lib/tool": (directory(0o777), MODE),
    "/bin/evil": (link("/tmp/evil"), EXTRA),
}
PACMAN_PLANTED: Planted = {
    "/usr/bin/tool": (Node(content=BINARY[:-1] + b"x", mode=0o4755), CHANGED),
    "/usr/bin/alias": (link("other"), LINK),
    "/usr/share/tool": (Node(FileKind.DIRECTORY, mode=0o2755, gid=0), OWNER),
    "/usr/share/tool/data": (Node(content=b"data", mode=0o666), MODE),
    "/etc/tool.conf": (GONE, MISSING),
    "/usr/lib/evil.so": ("evil", EXTRA),
}
RPM_BACKENDS = ("sqlite", "bdb", "ndb")


@pytest.fixture
def guest(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[dict[str, Content], Planted]:
    made = {"deb": dpkg_guest, "apk": apk_guest, "pacman": pacman_guest}
    planted = {"deb": DPKG_PLANTED, "apk": APK_PLANTED, "pacman": PACMAN_PLANTED}
    name = request.param
    if name in RPM_BACKENDS:
        return rpm_tree(name, RPM, tmp_path), RPM_PLANTED
    return made[name](), planted[name]


every_format = pytest.mark.parametrize(
    "guest",
    ["deb", "apk", "pacman", *(pytest.param(one, marks=pytest.mark.host) for one in RPM_BACKENDS)],
    indirect=True,
)


def verified(
    monkeypatch: pytest.MonkeyPatch, tree: dict[str, Content], *packages: str, **options: bool
) -> PackagesVerified:
    return verify(serve(monkeypatch, "verify", memory_guest_image(tree)), packages, **options)  # type: ignore[arg-type]


@every_format
def test_nothing_is_found_on_a_clean_guest(
    guest: tuple[dict[str, Content], Planted], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = verified(monkeypatch, guest[0], extra=True, config=True)
    assert (report.findings, report.intact, report.warnings) == ((), True, ())
    assert report.packages == 2 - (report.package_format == "pacman") and report.hashed > 2


@every_format
def test_every_planted_change_is_found_and_nothing_else(
    guest: tuple[dict[str, Content], Planted], monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, planted = guest
    for path, (content, _what) in planted.items():
        real = f"/usr{path}" if path.startswith("/lib/") and "/lib" in tree else path
        if content is None:
            del tree[real]
        else:
            tree[real] = content
    report = verified(monkeypatch, tree, extra=True)
    found = {(one.path, one.what) for one in report.findings}
    wanted = {(path, what) for path, (_content, what) in planted.items()}
    assert found == wanted
    assert {one.path for one in report.configuration} == {"/etc/tool.conf"}
    assert not report.intact


def test_there_are_at_least_thirty_planted_changes() -> None:
    plans = (DPKG_PLANTED, APK_PLANTED, PACMAN_PLANTED, *(RPM_PLANTED for _ in RPM_BACKENDS))
    assert sum(map(len, plans)) >= 30
    assert {what for plan in plans for _content, what in plan.values()} >= {
        CHANGED, MISSING, MODE, OWNER, LINK, KIND, CAPABILITIES, EXTRA
    }  # fmt: skip


# -- what counts ---------------------------------------------------------------------------------------------


def test_changed_configuration_counts_only_if_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = dpkg_guest() | {"/etc/tool.conf": "changed"}
    assert verified(monkeypatch, tree).intact
    assert not verified(monkeypatch, tree, config=True).intact
    assert [one.path for one in verified(monkeypatch, tree).findings] == ["/etc/tool.conf"]


def test_a_conffile_that_is_a_link_is_the_file_it_leads_to(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = dpkg_guest() | {"/etc/tool.conf": link("/srv/tool.conf"), "/srv/tool.conf": "a=b\n"}
    assert verified(monkeypatch, tree, config=True).intact
    assert not verified(monkeypatch, tree | {"/srv/tool.conf": "changed"}, config=True).intact


def test_what_is_made_from_what_packages_own_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = dpkg_guest()
    tree["/usr/lib/modules/6.1/modules.dep"] = "x"
    tree["/usr/bin/editor"] = link("/etc/alternatives/editor")
    tree["/usr/lib/libold.so.dpkg-old"] = "x"
    report = verified(monkeypatch, tree, extra=True)
    assert report.intact
    assert {one.by: one.files for one in report.generated} == {
        "depmod": 1, "the package manager": 1, "update-alternatives": 1
    }  # fmt: skip


def test_a_folder_that_is_asked_for_is_looked_into_too(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "verify", memory_guest_image(dpkg_guest()))
    found = {one.path for one in verify(request, extra_in=("/usr/local", "/home")).findings}
    assert found == {"/usr/local/bin/own", "/home/alice/note"}


def test_a_package_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = dpkg_guest() | {"/usr/bin/tool": "changed", "/usr/sbin/diverted": "changed"}
    report = verified(monkeypatch, tree, "wrapper")
    assert [(one.package, one.path) for one in report.findings] == [("wrapper", "/usr/sbin/diverted")]
    assert report.packages == 1


# -- what cannot be told, and what is refused -----------------------------------------------------------------


def test_a_file_that_cannot_be_read_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = dpkg_guest() | {"/usr/bin/tool": Node(FileKind.UNKNOWN)}
    assert [(one.path, one.what) for one in verified(monkeypatch, tree).findings] == [
        ("/usr/bin/tool", Deviation.UNREADABLE)
    ]


def test_a_folder_that_is_a_loop_of_links_is_missing_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = {path: content for path, content in dpkg_guest().items() if not path.startswith("/usr/share")}
    report = verified(monkeypatch, tree | {"/usr/share": link("/usr/share")})
    assert {one.what for one in report.findings} <= {MISSING, KIND, Deviation.UNREADABLE}
    assert "/usr/share/tool/data" in {one.path for one in report.findings}


def test_a_damaged_database_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = dpkg_guest()
    del tree["/var/lib/dpkg/info/wrapper.list"]
    with pytest.raises(OddGuest, match=r"/var/lib/dpkg/info/wrapper\.list"):
        verified(monkeypatch, tree)


def test_an_unknown_package_and_the_nearest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotInGuest, match="wraper") as refused:
        verified(monkeypatch, dpkg_guest(), "wraper")
    assert "wrapper" in refused.value.hint


def test_extra_files_of_one_package_are_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--extra"):
        verified(monkeypatch, dpkg_guest(), "tool", extra=True)


def test_a_guest_without_packages_is_not_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnsupportedGuest, match="packages own"):
        verified(
            monkeypatch, {"/etc/os-release": "ID=x\n", "/etc/fstab": "", "/bin/sh": "x", "/usr/bin/x": "x"}
        )


def test_capabilities_that_are_written_in_another_way_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from imgtools.guest.packages.capabilities import ALL, NONE, Capabilities, parse_attribute, parse_text

    raw = CAP_NET_RAW["security.capability"]
    assert parse_text("cap_net_raw=ep") == parse_text("= cap_net_raw+pe") == parse_attribute(raw)
    assert parse_text("cap_chown,cap_fowner=p cap_fowner-p") == Capabilities(1, 0, False)
    assert parse_text("all=p") == Capabilities(ALL, 0, False)
    assert (parse_text(""), parse_attribute(b"")) == (NONE, NONE)
    assert parse_text("cap_nothing=p") is parse_text("net_raw") is parse_attribute(b"\0" * 4) is None
    assert str(parse_attribute(raw)) == "cap_net_raw=ep"

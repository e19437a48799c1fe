"""Checks of packages, repositories, the release, and of mandatory access control."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from imgtools.guest.packages import release_end
from imgtools.ops.check import check
from imgtools.records.audit import Level, Result
from tests.support.checks import Case, audited, chosen, hold, report_of
from tests.support.memory import Content, link
from tests.support.services import ADMIN, SYSTEMD, VENDOR, unit, units

DEB = {"package_format": "deb"}
RPM = {"package_format": "rpm", "distro": "rocky", "families": ("rocky", "rhel", "fedora")}
SUSE = {"package_format": "rpm", "distro": "opensuse", "families": ("opensuse", "suse")}
ARCH = {"package_format": "pacman", "distro": "archlinux", "families": ("arch",)}
REPO = "/etc/yum.repos.d/a.repo"
KEY = "gpgkey=file:///etc/pki/rpm-gpg/KEY\n"
UNATTENDED: dict[str, Content] = {"/usr/bin/unattended-upgrade": ""}
PERIODIC = 'APT::Periodic::Unattended-Upgrade "1";\n'
SELINUX = "/etc/selinux/config"


def kernels(default: str, *versions: str) -> dict[str, Content]:
    """Kernels, and a menu that starts one of them."""
    files: dict[str, Content] = {f"/boot/vmlinuz-{one}": "" for one in versions}
    files |= {f"/lib/modules/{one}/modules.dep": "" for one in versions}
    return {
        **files,
        "/boot/grub/grub.cfg": f'set default="0"\nmenuentry "a" {{\nlinux /vmlinuz-{default} ro\n}}\n',
    }


def apparmor(profile: str = "profile a /bin/a {\n}\n") -> dict[str, Content]:
    return {**unit("apparmor.service"), "/usr/sbin/apparmor_parser": "", "/etc/apparmor.d/usr.bin.a": profile}


CASES = (
    Case(
        "package-unsigned-repositories",
        {
            "/etc/apt/sources.list": "# deb [trusted=yes] http://a x\n"
            "deb [arch=amd64 trusted=yes] http://u:pw@a/b x main\n",
            "/etc/apt/sources.list.d/b.sources": "Types: deb\nURIs: http://b\n\n\n"
            "Types: deb\nURIs: http://c\nTrusted: yes\n",
            "/etc/apt/apt.conf.d/99": 'APT::Get::AllowUnauthenticated "true";\n'
            '//Acquire::AllowInsecureRepositories "1";\n',
        },
        (
            "/etc/apt/sources.list:2 http://a/b",
            "/etc/apt/sources.list.d/b.sources:7 http://c",
            "/etc/apt/apt.conf.d/99:1 all",
        ),
        {
            "/etc/apt/sources.list": "deb [signed-by=/x.gpg] http://a x main\ndeb [trusted=no] http://b x\n",
            "/etc/apt/sources.list.d/b.sources": "Types: deb\nURIs: http://c\nTrusted: yes\nEnabled: no\n",
            "/etc/apt/apt.conf.d/99": 'APT::Get::AllowUnauthenticated "false";\n',
        },
        os=DEB,
    ),
    Case(
        "package-unsigned-repositories",
        {
            REPO: f"[a]\nbaseurl=https://a\ngpgcheck = 0\n{KEY}[b]\nbaseurl=https://b\nenabled=0\n[c]\nbaseurl=file:///c\n"
        },
        (f"{REPO}:3 a",),
        {REPO: "[a]\nbaseurl=https://a\ngpgcheck=1\n"},
        os=RPM,
        fixed=True,
    ),
    Case(
        "package-unsigned-repositories",
        {REPO: f"[a]\nbaseurl=https://a\n{KEY}", "/etc/dnf/dnf.conf": "[main]\nbest=True\n"},
        (f"{REPO}:1 a",),
        {REPO: "[a]\nbaseurl=https://a\n", "/etc/dnf/dnf.conf": "[main]\ngpgcheck=True\n"},
        os=RPM,
        fixed=True,
    ),
    Case(
        "package-unsigned-repositories",
        {"/etc/zypp/repos.d/a.repo": "[a]\nbaseurl=https://a\ngpgcheck=0\n"},
        ("/etc/zypp/repos.d/a.repo:3 a",),
        {"/etc/zypp/repos.d/a.repo": "[a]\nbaseurl=https://a\n"},
        os=SUSE,
    ),
    Case(
        "package-unsigned-repositories",
        {
            "/etc/pacman.conf": "[options]\nSigLevel = Required\n[custom]\nSigLevel = Optional TrustAll\nServer = http://a\n"
        },
        ("/etc/pacman.conf:4 custom",),
        {"/etc/pacman.conf": "[options]\n#SigLevel = Never\nSigLevel = Required DatabaseOptional\n"},
        os=ARCH,
    ),
    Case(
        "package-repository-transport",
        {REPO: "[a]\nbaseurl=http://u:pw@a/x\n[b]\nmirrorlist=https://b\n"},
        (f"{REPO}:2 a",),
        {REPO: "[a]\nbaseurl=http://a\nrepo_gpgcheck=1\n[b]\nmetalink=https://b\n#baseurl=http://b\n"},
        os=RPM,
    ),
    Case(
        "package-legacy-keyring",
        {
            "/etc/apt/trusted.gpg": "x",
            "/etc/apt/trusted.gpg.d/mine.gpg": "x",
            "/etc/apt/trusted.gpg.d/debian.gpg": "x",
            "/var/lib/dpkg/status": "Package: k\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n",
            "/var/lib/dpkg/info/k.list": "/etc\n/etc/apt/trusted.gpg.d/debian.gpg\n",
        },
        ("/etc/apt/trusted.gpg", "/etc/apt/trusted.gpg.d/mine.gpg"),
        {"/etc/apt/trusted.gpg": "", "/etc/apt/keyrings/mine.gpg": "x"},
        os=DEB,
    ),
    Case(
        "package-automatic-updates",
        {**UNATTENDED, "/etc/apt/apt.conf.d/20": PERIODIC + PERIODIC.replace("1", "0")},
        ("",),
        {**UNATTENDED, "/etc/apt/apt.conf.d/20": 'APT::Periodic::Unattended-Upgrade "1";\n'},
        os=DEB,
    ),
    Case(
        "package-automatic-updates",
        {
            **UNATTENDED,
            "/etc/apt/apt.conf.d/20": 'APT::Periodic::Unattended-Upgrade "1";\n',
            f"{ADMIN}/apt-daily-upgrade.timer": link("/dev/null"),
        },
        ("",),
        {**UNATTENDED, "/etc/apt/apt.conf.d/20": 'APT::Periodic::Unattended-Upgrade "always";\n'},
        os=DEB,
    ),
    Case(
        "package-automatic-updates",
        {**units("dnf-automatic.timer"), "/etc/dnf/automatic.conf": "[commands]\napply_updates = no\n"},
        ("",),
        {**units("dnf-automatic.timer"), "/etc/dnf/automatic.conf": "[commands]\napply_updates = yes\n"},
        os=RPM,
    ),
    Case("package-automatic-updates", SYSTEMD, ("",), units("transactional-update.timer"), os=SUSE),
    Case(
        "package-pending-kernel",
        kernels("6.1.0-9-amd64", "6.1.0-9-amd64", "6.1.0-10-amd64"),
        ("/boot/vmlinuz-6.1.0-9-amd64",),
        kernels("6.1.0-9-amd64", "6.1.0-9-amd64", "6.9.0-1-cloud-amd64"),
    ),
    Case(
        "package-half-installed",
        {
            "/var/lib/dpkg/status": "Package: a\nStatus: install ok half-configured\n",
            "/var/lib/dpkg/info/a.list": "/.\n",
        },
        ("/var/lib/dpkg/status:2 a",),
        {
            "/var/lib/dpkg/status": "Package: a\nStatus: install ok installed\n",
            "/var/lib/dpkg/info/a.list": "/.\n",
        },
    ),
    Case("package-prelink", {"/usr/sbin/prelink": ""}, ("/usr/sbin/prelink",), {}),
    Case(
        "package-compilers",
        {"/usr/bin/gcc": "", "/usr/bin/cc": link("gcc"), "/usr/local/bin/go": ""},
        ("/usr/bin/gcc", "/usr/local/bin/go"),
        {"/usr/bin/gccgo-doc": ""},
    ),
    Case("package-old-clients", {"/usr/bin/telnet": ""}, ("/usr/bin/telnet",), {"/usr/bin/ssh": ""}),
    Case(
        "package-old-clients",
        {"/usr/bin/nc": ""},
        ("/usr/bin/nc",),
        {"/usr/bin/telnet": ""},
        set={"names": "nc"},
    ),
    Case(
        "package-release-end",
        {"/etc/os-release": "ID=fedora\nVERSION_ID=40\nSUPPORT_END=2026-05-31\n"},
        ("/etc/os-release",),
        {"/etc/os-release": "ID=fedora\nVERSION_ID=43\nSUPPORT_END=2026-12-02\n"},
    ),
    Case("mac-selinux", {SELINUX: "SELINUX=permissive\n"}, (SELINUX,), {SELINUX: "SELINUX=enforcing\n"}),
    Case("mac-selinux", {SELINUX: "SELINUX=disabled\n"}, (SELINUX,), {}),
    Case("mac-selinux", {}, (SELINUX,), {SELINUX: "SELINUX=enforcing\n"}, os=RPM),
    Case(
        "mac-selinux-policy",
        {SELINUX: "SELINUX=enforcing\nSELINUXTYPE=targeted\n"},
        (SELINUX,),
        {SELINUX: "SELINUX=enforcing\nSELINUXTYPE=targeted\n", "/etc/selinux/targeted/policy/policy.33": ""},
    ),
    Case("mac-apparmor", SYSTEMD, ("",), apparmor()),
    Case(
        "mac-apparmor",
        {**apparmor(), f"{ADMIN}/apparmor.service": link("/dev/null")},
        ("apparmor",),
        {SELINUX: "SELINUX=enforcing\nSELINUXTYPE=default\n", "/etc/selinux/default/policy/policy.33": ""},
    ),
    Case("mac-apparmor", {**SYSTEMD, "/sbin/apparmor_parser": ""}, ("/etc/apparmor.d",), apparmor()),
    Case(
        "mac-apparmor-profiles",
        {
            **apparmor("profile a /bin/a flags=(attach_disconnected,complain) {\n}\n"),
            "/etc/apparmor.d/usr.bin.b": "profile b /bin/b {\n}\n",
            "/etc/apparmor.d/disable/usr.bin.b": link("/etc/apparmor.d/usr.bin.b"),
            "/etc/apparmor.d/disable/gone": link("/etc/apparmor.d/gone"),
        },
        ("/etc/apparmor.d/disable/usr.bin.b usr.bin.b", "/etc/apparmor.d/usr.bin.a usr.bin.a"),
        apparmor("# flags=(complain)\nprofile a /bin/a flags=(attach_disconnected) {\n}\n"),
    ),
    Case("mac-any", {}, ("",), apparmor(), os=ARCH),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)


@pytest.mark.parametrize(
    ("day", "level"),
    [
        (date(2026, 3, 1), None),
        (date(2026, 3, 2), Level.MEDIUM),
        (date(2026, 5, 31), Level.MEDIUM),
        (date(2026, 6, 1), Level.HIGH),
    ],
)
def test_the_end_of_a_release_is_told_before_it_comes(day: date, level: Level | None) -> None:
    examined = audited({"/etc/os-release": "ID=fedora\nVERSION_ID=42\nSUPPORT_END=2026-05-31\n"})
    report = check(replace(examined, today=day), chosen(Case("package-release-end", {}, ()))).report
    assert [one.severity for one in report.findings] == ([] if level is None else [level])


def test_debian_gets_long_term_updates_after_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guest's own distro-info-data, where the host has none."""
    monkeypatch.setattr(release_end, "_host_text", lambda name: "")
    rows = "version,codename,series,created,release,eol,eol-lts,eol-elts\n"
    rows += "11,Bullseye,bullseye,2019-07-06,2021-08-14,2024-08-14,2026-08-31,2031-06-30\n"
    files: dict[str, Content] = {
        "/etc/os-release": 'ID=debian\nVERSION_ID="11"\n',
        "/usr/share/distro-info/debian.csv": rows,
    }
    case = Case("package-release-end", {}, ())
    assert [one.severity for one in report_of(case, files).findings] == [Level.LOW]
    assert report_of(case, {**files, "/usr/share/distro-info/debian.csv": "no,table\n1\n"}).result in (
        Result.UNDECIDED,
        Result.FAIL,
    )


def test_a_release_that_nobody_knows_is_not_decided() -> None:
    files: dict[str, Content] = {"/etc/os-release": "ID=mylinux\nVERSION_ID=1\n"}
    assert report_of(Case("package-release-end", {}, ()), files).result is Result.UNDECIDED


def test_a_rolling_release_has_no_end() -> None:
    files: dict[str, Content] = {"/etc/os-release": "ID=arch\n"}
    report = report_of(Case("package-release-end", {}, (), os=ARCH), files)
    assert report.result is Result.NOT_APPLICABLE


def test_libosinfos_database_is_found_by_the_short_id(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "rockylinux.org").mkdir()
    text = "<os><short-id>rocky9</short-id><eol-date>2032-05-31</eol-date></os>"
    (folder / "rockylinux.org" / "rocky-9.xml").write_text(text)
    (folder / "rockylinux.org" / "rocky-9.0.xml").write_text("<eol-date>2001-01-01</eol-date>")
    found = release_end.of_osinfo("rocky9", (folder,))
    assert found is not None
    assert (found.longest, found.source) == (date(2032, 5, 31), "osinfo-db")
    assert release_end.of_osinfo("../../etc", (folder,)) is None
    assert release_end.of_osinfo("rocky10", (folder,)) is None


def test_a_password_in_the_address_of_a_repository_is_not_shown() -> None:
    for case in (one for one in CASES if "http://u:pw@" in repr(one.bad)):
        assert "u:pw" not in repr(report_of(case, case.bad))


def test_vendor_units_count_as_started() -> None:
    files = {
        **SYSTEMD,
        f"{VENDOR}/chronyd.service": "",
        f"{VENDOR}/multi-user.target.wants/chronyd.service": link("x"),
    }
    assert report_of(Case("log-time-sync", {}, ()), files).result is Result.PASS

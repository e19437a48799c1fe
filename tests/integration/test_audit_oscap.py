"""`imgtools audit --oscap` on guests, with content of each kind; and another scanner on a mounted guest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import imgtools
from fixtures.cache import digest_of
from imgtools.records.audit import Result
from tests.support import scap_content as scap
from tests.support.command import imgtools as run
from tests.support.fixtures import copy_fixture, fixture_image
from tests.support.waiting import wait_until

SSG = Path("/usr/share/xml/scap/ssg/content/ssg-debian11-ds.xml")
RULES = (
    scap.existing_file("there", "/etc/passwd"),
    scap.existing_file("missing", "/etc/no-such-file"),
    scap.line_in("hostname", "/etc/hostname", "^debian-fixture$"),
    scap.line_in("linked", "/etc/linked", "^of the guest$"),
    scap.running_kernel("kernel"),
    scap.for_another_system("other"),
    scap.package("bash", "bash"),
    scap.package("absent", "no-such-package"),
)


@pytest.fixture
def content(tmp_path: Path) -> Path:
    return scap.write_content(tmp_path / "content-ds.xml", RULES)


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    """With an absolute link, which the host's kernel would resolve among the host's files."""
    image = copy_fixture("debian", tmp_path)[0]
    text = tmp_path / "text"
    text.write_text("of the guest\n")
    run("write", image, "/srv/real", "--from", text, "--write")
    run("ln", image, "-s", "/srv/real", "/etc/linked", "--write")
    return image


def results(report: imgtools.OscapReport) -> dict[str, str]:
    return {one.id.removeprefix("xccdf_test_rule_"): one.result.value for one in report.rules}


def test_each_rule_ends_as_the_guest_is(guest: Path, content: Path) -> None:
    before = digest_of(guest)
    report = imgtools.audit_oscap(guest, content, "all")
    assert results(report) == {
        "there": "pass",
        "missing": "fail",
        "hostname": "pass",
        "linked": "pass",
        "kernel": "not decidable offline",
        "other": "not applicable",
        # This guest lacks /usr/share/dpkg/cputable: oscap would say that nothing is installed.
        "bash": "not decidable offline",
        "absent": "not decidable offline",
    }
    rules = {one.id.rpartition("_")[2]: one for one in report.rules}
    assert rules["kernel"].reason == "it asks a running system: uname"
    assert "cannot read this guest's packages" in rules["bash"].reason
    assert (rules["missing"].title, rules["missing"].severity) == ("missing is as wanted", "high")
    assert (rules["missing"].idents, rules["missing"].references) == (("ID-2",), ("T.2",))
    assert (report.counts.passed, report.counts.failed, report.counts.undecided) == (3, 1, 3)
    assert report.offline == ("uname",) and not report.clean
    assert digest_of(guest) == before


def test_packages_are_read_where_dpkg_is_whole(guest: Path, content: Path) -> None:
    run("copy-in", guest, "/usr/share/dpkg", "/usr/share", "--write")
    report = imgtools.audit_oscap(guest, content, "all")
    assert results(report)["bash"] == Result.PASS
    assert results(report)["absent"] == Result.FAIL


@pytest.mark.parametrize("name", ["rocky", "amazon"])  # SQLite, Berkeley DB
def test_packages_of_rpm(name: str, tmp_path: Path) -> None:
    rules = (
        scap.package("bash", "bash", "rpminfo"),
        scap.package("absent", "no-such-package", "rpminfo"),
        # oscap wants to go into the guest's root for it, and would look at the host.
        scap.link("linked", "/etc/os-release"),
    )
    report = imgtools.audit_oscap(fixture_image(name), scap.write_content(tmp_path / "ds.xml", rules), "all")
    assert results(report) == {"bash": "pass", "absent": "fail", "linked": "not decidable offline"}
    assert report.rules[2].reason == "oscap would have to be started in the guest: symlink"


def test_the_command_says_what_failed_and_writes_what_it_is_asked_for(content: Path, tmp_path: Path) -> None:
    arf, page = tmp_path / "arf.xml", tmp_path / "report.html"
    words = ("audit", fixture_image("debian"), "--oscap", content, "--profile", scap.PROFILE)
    ran = run(*words, "--oscap-results", arf, "--oscap-report", page, "--json", code=1)
    assert ran.json["schema"] == "imgtools.audit-oscap/1"
    assert ran.data["counts"]["failed"] == 2
    assert b"asset-report-collection" in arf.read_bytes()[:4096]
    assert b"<html" in page.read_bytes()[:4096].lower()
    assert "--oscap-report" not in ran.err
    again = run(*words, "--oscap-report", page, code=15)
    assert "report.html" in again.err


def test_a_guest_without_a_failure_is_0(tmp_path: Path) -> None:
    only = scap.write_content(tmp_path / "ds.xml", RULES[:1])
    assert run("audit", fixture_image("debian"), "--oscap", only, "--profile", "all", "--json").data["clean"]


def test_content_for_another_release_is_refused_and_what_fits_is_named() -> None:
    ran = run("audit", fixture_image("real"), "--oscap", SSG, "--profile", "standard", code=24)
    assert "44 of 44 rules" in ran.err and "ssg-debian12-ds.xml" in ran.err


def test_words_that_do_not_go_together(content: Path, tmp_path: Path) -> None:
    image = fixture_image("debian")
    unknown = run("audit", image, "--oscap", content, "--profile", "some", code=2)
    assert "no profile some" in unknown.err and "it has all" in unknown.err
    assert "--profile" in run("audit", image, "--oscap", content, code=2).err
    assert "--oscap" in run("audit", image, "--profile", "all", code=2).err
    for words in (
        ["--fix"],
        ["--only", "ssh-*"],
        ["--skip", "x"],
        ["--policy", "server"],
        ["--baseline", "x"],
    ):
        assert words[0] in run("audit", image, "--oscap", content, "--profile", "all", *words, code=2).err
    text = tmp_path / "text.xml"
    text.write_text("<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>")
    assert "document type" in run("audit", image, "--oscap", text, "--profile", "all", code=2).err


def test_a_windows_guest_is_refused(content: Path) -> None:
    run("audit", fixture_image("windows"), "--oscap", content, "--profile", "all", code=24)


def test_nothing_stays_when_it_is_killed(content: Path, tmp_path: Path) -> None:
    """Neither the mount nor its server outlives the run."""
    words = [sys.executable, "-m", "imgtools", "audit", fixture_image("debian"), "--oscap", content]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ran = subprocess.Popen([*words, "--profile", "all"], env=environment, stdout=subprocess.DEVNULL)
    wait_until(lambda: ran.poll() is not None or _mounts_below(tmp_path))
    assert ran.poll() is None, "it ended before anything was mounted"
    ran.send_signal(signal.SIGKILL)
    ran.wait()
    wait_until(lambda: not _mounts_below(tmp_path))


def _mounts_below(folder: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if line.split()[4].startswith(f"{folder}/")]


def test_lynis_finds_on_a_mounted_guest_what_was_planted(tmp_path: Path) -> None:
    """A second account with the rights of root."""
    image = copy_fixture("debian", tmp_path)[0]
    run("edit", image, "/etc/passwd", "-e", "s/^mail:x:8:/mail:x:0:/", "--write")
    folder, found = tmp_path / "guest", tmp_path / "report.dat"
    folder.mkdir()
    command = [sys.executable, "-m", "imgtools"]
    subprocess.run([*command, "mount", image, folder], check=True, stdout=subprocess.DEVNULL)
    try:
        lynis = ["lynis", "audit", "system", "--rootdir", f"{folder}/", "--tests", "AUTH-9204", "--quick"]
        lynis += ["--report-file", found, "--logfile", tmp_path / "log", "--no-plugins", "--no-colors"]
        subprocess.run(lynis, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=200)
    finally:
        subprocess.run([*command, "unmount", folder], check=True, stdout=subprocess.DEVNULL)
    told = found.read_text()
    assert "warning[]=AUTH-9204|" in told and "user_with_uid_zero[]=mail" in told

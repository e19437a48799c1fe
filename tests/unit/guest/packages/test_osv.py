"""OSV's advisories: the specification's own rules of evaluation, and whose advisories are about whom."""

from __future__ import annotations

from typing import Any

import pytest

from imgtools.guest.find.release import parse_os_release
from imgtools.guest.packages.advisories import Subjects
from imgtools.guest.packages.osv import affected_by
from imgtools.records.components import Affected, Component, ComponentKind

DEBIAN = 'ID=debian\nVERSION_ID="12"\n'
RHEL = 'ID="rhel"\nVERSION_ID="9.3"\n'


def package(name: str, version: str, **facts: str) -> Component:
    return Component(ComponentKind.PACKAGE, name, version, **{"source": name, **facts})  # type: ignore[arg-type]


def python(name: str, version: str, owner: str = "") -> Component:
    return Component(ComponentKind.PYTHON, name, version, owner=owner)


def matched(
    component: Component, affected: Any, release: str = DEBIAN, package_format: str = "deb", **more: Any
) -> list[Affected]:
    subjects = Subjects([component], package_format, parse_os_release(release))
    return list(affected_by({"id": "X-1", "affected": affected, **more}, subjects))


def about(ecosystem: str, name: str, *events: dict[str, str], **more: Any) -> list[dict[str, Any]]:
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}] if events else []
    return [{"package": {"ecosystem": ecosystem, "name": name}, "ranges": ranges, **more}]


ALWAYS = ({"introduced": "0"},)
FIXED = ({"introduced": "0"}, {"fixed": "5.2-2+deb12u1"})


@pytest.mark.parametrize(
    ("version", "events", "fixed"),
    [
        ("5.2-2", FIXED, "5.2-2+deb12u1"),
        ("5.2-2+deb12u1", FIXED, None),
        ("5.2-1", ALWAYS, ""),
        ("5.2-1", ({"introduced": "5.2-2"},), None),
        ("5.2-2", ({"introduced": "5.2-2"}, {"last_affected": "5.2-2"}), ""),
        ("5.2-3", ({"introduced": "5.2-2"}, {"last_affected": "5.2-2"}), None),
        # Mended, broken again, mended again; not in order.
        ("3-1", ({"fixed": "4-1"}, {"introduced": "0"}, {"fixed": "2-1"}, {"introduced": "3-1"}), "4-1"),
        ("2.5-1", ({"fixed": "4-1"}, {"introduced": "0"}, {"fixed": "2-1"}, {"introduced": "3-1"}), None),
        ("1:1-1", ({"introduced": "0"}, {"fixed": "9-1"}), None),
    ],
)
def test_ranges(version: str, events: tuple[dict[str, str], ...], fixed: str | None) -> None:
    found = matched(package("bash", version), about("Debian:12", "bash", *events))
    assert [one.fixed for one in found] == ([] if fixed is None else [fixed])


def test_versions_are_listed_or_in_a_range() -> None:
    listed = about("Debian:12", "bash", versions=["5.1-1", "5.2-2"])
    assert matched(package("bash", "5.2-2"), listed) and not matched(package("bash", "5.2-3"), listed)
    commits = about("Debian:12", "bash")
    commits[0]["ranges"] = [{"type": "GIT", "events": [{"introduced": "0"}]}]
    assert not matched(package("bash", "5.2-2"), commits)


def test_what_was_withdrawn_is_about_nothing() -> None:
    assert not matched(
        package("bash", "1-1"), about("Debian:12", "bash", *ALWAYS), withdrawn="2024-01-01T00:00:00Z"
    )


def test_debian_names_the_source_in_its_version() -> None:
    one = package("bind9-host", "1:9.18.24-1+b1", source="bind9", source_version="1:9.18.24-1")
    events = ({"introduced": "0"}, {"fixed": "1:9.18.24-1+a1"})  # between the two
    (found,) = matched(
        one, about("Debian:12", "bind9", *events), aliases=["CVE-1"], upstream=["CVE-2"], summary="x"
    )
    assert (found.component, found.version, found.fixed) == ("bind9-host", "1:9.18.24-1+b1", "1:9.18.24-1+a1")
    assert found.aliases == ("CVE-1", "CVE-2") and found.summary == "x" and found.advisory == "X-1"
    assert not matched(one, about("Debian:12", "bind9-host", *ALWAYS))


@pytest.mark.parametrize(
    ("release", "package_format", "ecosystem", "hit"),
    [
        (DEBIAN, "deb", "Debian:12", True),
        (DEBIAN, "deb", "Debian:11", False),
        (DEBIAN, "deb", "Debian", True),
        (DEBIAN, "deb", "Ubuntu:22.04:LTS", False),
        ("ID=ubuntu\nVERSION_ID=22.04\n", "deb", "Ubuntu:22.04:LTS", True),
        ("ID=ubuntu\nVERSION_ID=22.04\n", "deb", "Ubuntu:Pro:22.04:LTS", False),
        ("ID=alpine\nVERSION_ID=3.18.4\n", "apk", "Alpine:v3.18", True),
        ("ID=alpine\nVERSION_ID=3.18.4\n", "apk", "Alpine:v3.1", False),
        ("ID=rocky\nVERSION_ID=9.3\n", "rpm", "Rocky Linux:9", True),
        ("ID=rocky\nVERSION_ID=9.3\n", "rpm", "Rocky Linux:8", False),
        (RHEL, "rpm", "Red Hat:enterprise_linux:9::baseos", True),
        (RHEL, "rpm", "Red Hat:enterprise_linux:8::baseos", False),
        (RHEL, "rpm", "Red Hat:rhel_eus:9.2::baseos", False),
        ("ID=sles\nVERSION_ID=15.5\n", "rpm", "SUSE:Linux Enterprise Server 15 SP5", True),
        ("ID=sles\nVERSION_ID=15.5\n", "rpm", "SUSE:Linux Enterprise Server 15 SP4", False),
        ('ID="opensuse-leap"\nVERSION_ID=15.5\n', "rpm", "openSUSE:Leap 15.5", True),
        ("ID=unheard-of\nVERSION_ID=1\n", "rpm", "Debian:1", False),
    ],
)
def test_whose_advisory_it_is(release: str, package_format: str, ecosystem: str, hit: bool) -> None:
    found = matched(package("bash", "1-r1"), about(ecosystem, "bash", *ALWAYS), release, package_format)
    assert bool(found) is hit


def test_suse_names_the_source_and_red_hat_the_package() -> None:
    one = package("libcurl4", "8.0.1-1", source="curl-8.0.1-1.src.rpm")
    sles = "ID=sles\nVERSION_ID=15.5\n"
    assert matched(one, about("SUSE:Linux Enterprise Server 15 SP5", "curl", *ALWAYS), sles, "rpm")
    assert matched(one, about("Red Hat:enterprise_linux:9::baseos", "libcurl4", *ALWAYS), RHEL, "rpm")
    assert not matched(one, about("Red Hat:enterprise_linux:9::baseos", "curl", *ALWAYS), RHEL, "rpm")


def test_languages() -> None:
    events = ({"introduced": "0"}, {"fixed": "2.3.2"})
    assert matched(python("Flask_Login", "2.3"), about("PyPI", "flask-login", *events))
    assert not matched(python("flask-login", "2.3.2"), about("PyPI", "flask-login", *events))
    # The distribution mends it without a new version: its own advisories speak of it.
    assert not matched(
        python("flask-login", "2.3", owner="python3-flask-login"), about("PyPI", "flask-login", *events)
    )
    nuget = Component(ComponentKind.NUGET, "Newtonsoft.Json", "12.0.1")
    assert matched(nuget, about("NuGet", "newtonsoft.json", *ALWAYS))
    stdlib = Component(ComponentKind.GO, "stdlib", "1.21.3")
    assert matched(stdlib, about("Go", "stdlib", {"introduced": "1.21.0-0"}, {"fixed": "1.21.5"}))


def test_severity_is_a_word_or_a_vector() -> None:
    one = package("bash", "1-1")
    vector = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]
    (found,) = matched(one, about("Debian:12", "bash", *ALWAYS), severity=vector)
    assert found.severity == vector[0]["score"]
    word = about("Debian:12", "bash", *ALWAYS, ecosystem_specific={"urgency": "low"})
    assert matched(one, word, severity=vector)[0].severity == "low"


@pytest.mark.parametrize(
    "affected",
    [None, 1, [1], [{}], [{"package": 3}], [{"package": {"ecosystem": "Debian:12", "name": "bash"}, "ranges": "x"}],
     about("Debian:12", "bash", {"introduced": "\0" * 10}, {"fixed": "x" * 100_000}),
     [{"package": {"ecosystem": "Debian:12", "name": "bash"}, "ranges": [{"events": [{"introduced": 3}]}]}]],
)  # fmt: skip
def test_odd_data_is_no_error(affected: Any) -> None:
    assert isinstance(matched(package("bash", "1-1"), affected), list)

"""A package's files are put back where they are missing or differ; what somebody has configured stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.change.change import Change, MakeLink, Remove, SetMode, WriteFile
from imgtools.errors import UnsupportedGuest, UsageError
from imgtools.ops.operation import make_params
from tests.support.linux_boot import debian
from tests.support.memory import Content, Node, link
from tests.support.packages import deb_of, written
from tests.support.repairs import SHELF, mended, planned

PACKAGE = {"/usr": None, "/usr/bin/a": b"good", "/usr/lib/a.so": "a.so.1", "/etc/a.conf": b"default"}
WHOLE: dict[str, Content | None] = {
    "/usr/bin/a": Node(content=b"good", mode=0o755), "/usr/lib/a.so": link("a.so.1"), "/usr/lib/a.so.1": "x",
    "/etc/a.conf": "mine",
}  # fmt: skip


@pytest.fixture
def package(tmp_path: Path) -> str:
    return str(written(tmp_path / "a.deb", deb_of(PACKAGE)))


def wanted(package: str, files: dict[str, Content | None], **more: str) -> tuple[Change, ...]:
    return planned("package-files", debian({**WHOLE, **files}), file=package, **more)


def test_a_package_that_is_whole_needs_nothing(package: str) -> None:
    assert wanted(package, {}) == ()


def test_what_is_missing_or_differs_is_put_back(package: str) -> None:
    lines, guest = mended(
        "package-files", debian({**WHOLE, "/usr/bin/a": None, "/etc/a.conf": None}), file=package
    )
    assert lines == ["write /etc/a.conf", "write /usr/bin/a"]
    assert guest.files.read_bytes("/usr/bin/a") == b"good" and guest.files.stat("/usr/bin/a").mode == 0o755
    assert wanted(package, {"/usr/bin/a": "bad"}) == (WriteFile("/usr/bin/a", b"good", 0o755),)
    assert wanted(package, {"/usr/bin/a": Node(content=b"good", mode=0o644)}) == (
        SetMode("/usr/bin/a", 0o755),
    )
    assert wanted(package, {"/usr/lib/a.so": None}) == (MakeLink("/usr/lib/a.so", "a.so.1", 0, 0),)
    assert wanted(package, {"/usr/bin/a": link("/gone")})[0] == Remove("/usr/bin/a")


def test_configuration_is_overwritten_only_if_that_is_said(package: str) -> None:
    assert wanted(package, {}, config="yes") == (WriteFile("/etc/a.conf", b"default", 0o755),)


def test_the_guests_own_cache() -> None:
    cached = {"/var/cache/apt/archives/a_1.0-1_amd64.deb": deb_of(PACKAGE)}
    assert planned("package-files", debian({**WHOLE, "/usr/bin/a": "bad", **cached}), package="a") != ()
    for name in ("aa", "a_1"):
        with pytest.raises(UnsupportedGuest, match="in none of the guest's caches"):
            planned("package-files", debian({**WHOLE, **cached}), package=name)


@pytest.mark.parametrize("said", [{}, {"file": "x", "package": "y"}, {"package": "../x"}])
def test_it_has_to_be_said_which_package(said: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        make_params(SHELF["package-files"], said)

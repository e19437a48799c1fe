"""Which content is for a guest, by the names of ComplianceAsCode."""

from pathlib import Path

import pytest

from imgtools.guest.scap.fitting import advise_content, fitting_names
from imgtools.records.system import OsInfo, OsType


def system(*families: str, major: int, minor: int = 0) -> OsInfo:
    return OsInfo(OsType.LINUX, families[0], families, major=major, minor=minor)


@pytest.mark.parametrize(
    ("guest", "name"),
    [
        (system("debian", major=12), "ssg-debian12-ds.xml"),
        (system("ubuntu", "debian", major=22, minor=4), "ssg-ubuntu2204-ds.xml"),
        (system("rocky", "rhel", "centos", "fedora", major=9, minor=3), "ssg-rhel9-ds.xml"),
        (system("fedora", major=40), "ssg-fedora-ds.xml"),
        (system("sles", "suse", major=15, minor=5), "ssg-sle15-ds.xml"),
    ],
)
def test_content_is_called_by_product_and_release(guest: OsInfo, name: str) -> None:
    assert fitting_names(guest)[0] == name


def test_what_is_installed_is_named_with_its_folder(tmp_path: Path) -> None:
    guest = system("debian", major=12)
    assert "none that fits is installed" in advise_content(guest, tmp_path)
    (tmp_path / "ssg-debian12-ds.xml").touch()
    assert advise_content(guest, tmp_path) == f"{tmp_path}/ssg-debian12-ds.xml would fit"

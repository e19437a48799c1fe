"""Clones of a Windows guest: of one that was generalised, and of one that somebody wants all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import NoSuchGuestFile, UnsupportedGuest, UsageError
from tests.support.command import imgtools
from tests.support.disks import qemu_img
from tests.support.fixtures import copy_fixture

STATE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State"
NAME = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName"


@pytest.fixture(scope="module", params=["windows", "windows11", "windows-server"])
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    (image,) = copy_fixture(request.param, tmp_path_factory.mktemp("template"))
    qemu_img("convert", "-O", "qcow2", image, image.with_name("template.qcow2"))
    return image.with_name("template.qcow2")


@pytest.mark.parametrize("how", [(), ("--sysprep",)])
def test_one_that_was_never_generalised_is_refused(
    how: tuple[str, ...], template: Path, tmp_path: Path
) -> None:
    words = ["-n", "one", "--output-dir", tmp_path, *how]
    ran = imgtools("clone", template, *words, code=UnsupportedGuest.exit_code)
    assert "was not generalised" in ran.err and "--unprepared" in ran.err
    assert not list(tmp_path.iterdir())


def test_one_that_was_has_clones_with_names_of_their_own(template: Path, tmp_path: Path) -> None:
    imgtools(
        "registry", "set", template, STATE, "ImageState", "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE", "--write"
    )
    imgtools("clone", template, "-n", "web-1", "-n", "web-2", "--output-dir", tmp_path, "--linked")
    beside = ["--backing-folder", template.parent]
    clones = sorted(tmp_path.iterdir())
    assert len(clones) == 2
    for number, clone in enumerate(clones, 1):
        assert imgtools("registry", "get", clone, NAME, "ComputerName", *beside).out == f"WEB-{number}\n"
        assert f"<ComputerName>web-{number}</ComputerName>" in answers(clone, *beside)
    imgtools("registry", "set", template, STATE, "ImageState", "IMAGE_STATE_COMPLETE", "--write")


def test_whatever_is_wanted_is_cloned(template: Path, tmp_path: Path) -> None:
    imgtools("clone", template, "-n", "any", "--output-dir", tmp_path, "--unprepared")
    (clone,) = tmp_path.iterdir()
    assert imgtools("registry", "get", clone, NAME, "ComputerName").out == "ANY\n"
    assert answers(clone) == answers(template)


def answers(image: Path, *words: str | Path) -> str:
    """What setup would be told, which one that runs already is not asked; "" if there is nothing."""
    ran = imgtools("cat", image, r"C:\Windows\Panther\unattend.xml", *words, code=None)
    assert ran.code in (0, NoSuchGuestFile.exit_code)
    return ran.out


def test_a_name_that_windows_does_not_take(template: Path, tmp_path: Path) -> None:
    words = ["-n", "a-name-of-16-let", "--output-dir", tmp_path, "--unprepared"]
    ran = imgtools("clone", template, *words, code=UsageError.exit_code)
    assert "not a computer name of Windows: 'a-name-of-16-let'" in ran.err
    assert not list(tmp_path.iterdir())


def test_clones_that_generalise_themselves(template: Path, tmp_path: Path) -> None:
    """Of a template that nobody has booted for it: each with answers of its own."""
    words = ("--unprepared", "--generalize", "reboot", "--locale", "en-US")
    imgtools("clone", template, "-n", "own-1", "-n", "own-2", "--output-dir", tmp_path, *words)
    for number, clone in enumerate(sorted(tmp_path.iterdir()), 1):
        told = imgtools("cat", clone, r"C:\ProgramData\imgtools\firstboot\unattend.xml").out
        assert (
            f"<ComputerName>own-{number}</ComputerName>" in told and "<UserLocale>en-US</UserLocale>" in told
        )
        assert answers(clone) == answers(template)

"""What the shell offers: commands, options, and the names of libvirt's guests and volumes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.disks import image_of, random_bytes
from tests.support.domains import disk_xml, domain_xml, libvirt_of, pool_xml

PROGRAM = Path(sys.executable).with_name("imgtools")


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("host")
    blank = image_of(random_bytes(1 << 20), folder / "blank.qcow2", "qcow2")
    names = ("web1", "web-2", "db", "two words", "$(reboot)")
    parts = [domain_xml(name, disk_xml(blank, "vda")) for name in names]
    return libvirt_of(folder, [*parts, pool_xml("images", folder, blank)])


def offered(*words: str) -> list[str]:
    """Return what bash is offered for the last word."""
    typed = " ".join(("imgtools", *words))
    about = {"_IMGTOOLS_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(words))}
    ran = subprocess.run([PROGRAM], env=os.environ | about, capture_output=True, text=True, check=False)
    assert ran.stderr == ""
    return ran.stdout.split()


def test_commands_and_options() -> None:
    assert {"df", "diff", "diagnose", "doctor"} <= set(offered("d"))
    assert offered("df", "--eng") == ["--engine"]
    assert offered("df", "--engine", "a") == ["auto", "appliance"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("cat", "-c", "URI", "-d", ""), ["db", "web-2", "web1"]),
        (("cat", "-c", "URI", "--domain", "web"), ["web-2", "web1"]),
        (("cat", "-c", "URI", "-d", "x"), []),
        (("diff", "-c", "URI", "--other-domain", "d"), ["db"]),
        (("cat", "-c", "URI", "--vol", "images/b"), ["images/blank.qcow2"]),
        (("cat", "-c", "URI", "--vol", "other/"), []),
    ],
)
def test_names_of_libvirt_without_those_that_a_shell_would_run(
    uri: str, words: tuple[str, ...], wanted: list[str]
) -> None:
    assert offered(*(uri if word == "URI" else word for word in words)) == wanted


@pytest.mark.parametrize(
    "connect", ["qemu+unix:///session?socket=/nowhere/s", "odd", "qemu+ssh://elsewhere/system"]
)
def test_a_libvirt_that_does_not_answer_offers_nothing(connect: str) -> None:
    assert offered("cat", "-c", connect, "-d", "") == []

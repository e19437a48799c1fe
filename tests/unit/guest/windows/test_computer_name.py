"""The name of a Windows machine: which names it takes, and where it stands."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from imgtools.change.change import RegistrySet, WriteFile
from imgtools.change.compose import compose
from imgtools.errors import UsageError
from imgtools.guest.windows.answers import SCHEMA
from imgtools.guest.windows.computer_name import name_changes, require_computer_name
from imgtools.guest.windows.setup_state import is_generalised
from imgtools.records.system import OsInfo, OsType
from tests.support.memory import memory_files
from tests.support.windows import SOFTWARE, windows_tree

OS = OsInfo(OsType.WINDOWS, "windows", arch="x86_64", windows_systemroot="/Windows")
STATE = r"Microsoft\Windows\CurrentVersion\Setup\State"
GENERALISED = {**SOFTWARE, STATE: {"ImageState": "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"}}
ANSWERS = f"""<?xml version="1.0" encoding="utf-8"?>
<unattend xmlns="{SCHEMA}"><settings pass="oobeSystem"/><settings pass="specialize">
<component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64" publicKeyToken="x" language="neutral"
 versionScope="nonSxS"><ComputerName>*</ComputerName><TimeZone>UTC</TimeZone></component></settings></unattend>"""


@pytest.mark.parametrize("name", ["a", "WIN-10", "x" * 15, "0a"])
def test_names_that_windows_takes(name: str) -> None:
    require_computer_name(name)


@pytest.mark.parametrize("name", ["", "x" * 16, "123", "a b", "a_b", "a.b", "-a", "a-", "ä", "a\n"])
def test_names_that_it_does_not_take(name: str) -> None:
    with pytest.raises(UsageError, match="not a computer name of Windows"):
        require_computer_name(name)


@pytest.mark.host
def test_every_place_in_the_registry() -> None:
    changes = list(name_changes(memory_files(windows_tree()), OS, "new-1"))
    assert [(one.key, one.name, one.text) for one in changes if isinstance(one, RegistrySet)] == [
        (r"ControlSet002\Control\ComputerName\ComputerName", "ComputerName", "NEW-1"),
        (r"ControlSet002\Services\Tcpip\Parameters", "Hostname", "new-1"),
        (r"ControlSet002\Services\Tcpip\Parameters", "NV Hostname", "new-1"),
    ]
    assert len(changes) == 3


@pytest.mark.host
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/Windows/Panther/unattend.xml", ""),
        ("/Windows/Panther/unattend.xml", ANSWERS),
        ("/Windows/Panther/Unattend/unattend.xml", ANSWERS),
    ],
)
def test_a_generalised_one_is_told_it_for_its_setup(path: str, text: str) -> None:
    more = {path: text} if text else {}
    files = memory_files(windows_tree(GENERALISED, more=more))
    assert is_generalised(files, OS)
    changes = list(name_changes(files, OS, "new-1"))
    (write,) = [one for one in changes if isinstance(one, WriteFile)]
    assert write.path == path
    root = ElementTree.fromstring(write.content)
    names = root.findall(f"{{{SCHEMA}}}settings[@pass='specialize']//{{{SCHEMA}}}ComputerName")
    assert [one.text for one in names] == ["new-1"]
    assert (b"<TimeZone>UTC</TimeZone>" in write.content) == bool(text)
    assert compose(changes, files)


@pytest.mark.host
def test_one_that_runs_already_is_not() -> None:
    assert not is_generalised(memory_files(windows_tree()), OS)

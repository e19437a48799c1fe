"""Answers for Windows' setup: what is set in them, what stays, and who may see them."""

from __future__ import annotations

import base64

import pytest

from imgtools.change.change import WriteFile
from imgtools.errors import OddGuest
from imgtools.guest.windows.answers import OOBE, SHELL, SPECIALIZE, STAGED, Answers, answer_changes
from imgtools.records.request import Secret
from imgtools.records.system import OsInfo, OsType
from tests.support.memory import memory_files

OS = OsInfo(OsType.WINDOWS, "windows", arch="x86_64", windows_systemroot="/Windows")


def test_the_processor_is_that_of_the_guest() -> None:
    answers = Answers(b"", "arm64", "/x")
    answers.set(SPECIALIZE, SHELL, "ComputerName", text="a")
    assert b'processorArchitecture="arm64"' in answers.written()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<unattend", "does not parse"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>", "has a document type"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><x/>".encode("utf-16"), "has a document type"),
        (b'<?xml version="1.0" encoding="utf-N"?><x/>', "does not parse: unknown encoding"),
        (b"<a>" * 100_000 + b"</a>" * 100_000, "nested more than"),
    ],
    ids=["cut", "entity", "entity in utf-16", "encoding", "deep"],
)
def test_answers_that_do_not_parse(content: bytes, words: str) -> None:
    with pytest.raises(OddGuest, match=words):
        Answers(content, "amd64", "/x")


def test_a_password_is_hidden_as_windows_hides_it_and_not_shown() -> None:
    answers = Answers(b"", "amd64", "/x")
    answers.hide(Secret("Pä§".encode()), "UserAccounts", "AdministratorPassword")
    text = answers.written().decode()
    value = text.partition("<Value>")[2].partition("<")[0]
    assert base64.b64decode(value).decode("utf-16-le") == "Pä§AdministratorPassword"
    assert "<PlainText>false</PlainText>" in text
    files = memory_files({"/Windows/Panther/unattend.xml": text})
    (change,) = answer_changes(files, OS, lambda one: one.set(OOBE, SHELL, "TimeZone", text="UTC"), "more")
    assert (
        isinstance(change, WriteFile) and change.private and change.what == "more"
    )  # else its diff would show the line beside


def test_what_is_so_already_is_left_as_it_stands() -> None:
    """Files of others are not written in our own way for nothing."""
    answers = Answers(b"", "amd64", "/x")
    answers.set(OOBE, SHELL, "OOBE", "HideEULAPage", text="true")
    answers.run_at_first_logon("cmd /c a")
    content = answers.written().replace(b"><", b">\n  <")
    again = Answers(content, "amd64", "/x")
    again.set(OOBE, SHELL, "OOBE", "HideEULAPage", text="true")
    again.run_at_first_logon("cmd /c a")
    assert not again.changed
    again.run_at_first_logon("cmd /c b")
    assert again.changed and b"<Order>2</Order><CommandLine>cmd /c b</CommandLine>" in again.written()


def test_a_guest_that_will_generalise_itself_is_told_there() -> None:
    files = memory_files({STAGED: "", "/Windows/Panther/unattend.xml": "<x/>"})
    (change,) = answer_changes(files, OS, lambda one: one.set(OOBE, SHELL, "TimeZone", text="UTC"), "")
    assert isinstance(change, WriteFile) and change.path == STAGED

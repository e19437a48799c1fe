"""Data streams: their profiles, and what their rules ask of a system."""

from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from imgtools.errors import HostError, UsageError
from imgtools.guest.scap.content import DataStream
from tests.support import scap_content as scap


def stream(tmp_path: Path, *rules: scap.Asks) -> DataStream:
    return DataStream(scap.write_content(tmp_path / "ds.xml", rules))


@pytest.mark.parametrize("name", ["all", scap.PROFILE])
def test_a_profile_is_known_by_its_id_and_the_last_part_of_it(tmp_path: Path, name: str) -> None:
    profile, benchmark = stream(tmp_path, scap.running_kernel("a")).choose(name)
    assert (profile.id, profile.title, benchmark) == (scap.PROFILE, "All of it", "xccdf_test_benchmark_t")


def test_an_unknown_profile_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no profile al") as caught:
        stream(tmp_path).choose("al")
    assert caught.value.hint == "it has all"


def test_what_a_rule_asks_is_found_through_everything_that_it_refers_to(tmp_path: Path) -> None:
    """A test of a file whose name is in a variable that a question to the running kernel fills."""
    path = scap.write_content(
        tmp_path / "ds.xml", (scap.existing_file("a", "/etc/passwd"), scap.running_kernel("b"))
    )
    text = path.read_text()
    assert DataStream(path).asks(rules(path)["a"]) == {"file"}
    path.write_text(text.replace("<filepath>/etc", '<filepath var_ref="oval:t:obj:2">/etc'))
    assert DataStream(path).asks(rules(path)["a"]) == {"file", "uname"}
    assert DataStream(path).offline("xccdf_test_benchmark_t", ["xccdf_test_rule_a"]) == ("uname",)


def rules(path: Path) -> dict[str, Element]:
    found = DataStream(path).rules("xccdf_test_benchmark_t")
    return {name.rpartition("_")[2]: rule for name, rule in found.items()}


def test_a_check_that_is_no_oval_has_no_kind(tmp_path: Path) -> None:
    path = scap.write_content(tmp_path / "ds.xml", (scap.running_kernel("a"),))
    path.write_text(path.read_text().replace(f'check system="{scap.OVAL}"', 'check system="http://sce"'))
    assert DataStream(path).asks(rules(path)["a"]) == {""}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no element"),
        ("<a/>", "not a SCAP source data stream"),
        ("<a><b></a>", "mismatched"),
        ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "document type"),
        ("<a>" * 300 + "</a>" * 300, "deep"),
        ("<?xml version='1.0' encoding='nonsense'?><a/>", "encoding"),
    ],
)
def test_what_is_no_data_stream_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "ds.xml"
    path.write_text(text)
    with pytest.raises(UsageError, match=why):
        DataStream(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="cannot read"):
        DataStream(tmp_path / "none")

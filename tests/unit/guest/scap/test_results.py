"""What oscap says of rules, and what of it holds of a guest that does not run."""

from pathlib import Path

import pytest

from imgtools.errors import EngineFailed
from imgtools.guest.scap.content import DataStream
from imgtools.guest.scap.results import count_results, hardly_applies, read_results
from imgtools.records.audit import Result
from imgtools.records.scap import ScapRule
from tests.support import scap_content as scap

BENCHMARK = "xccdf_test_benchmark_t"
CHECK = '<check system="x"/>'
RULES = (scap.existing_file("a", "/etc/passwd"), scap.running_kernel("k"), scap.package("p", "bash"))


def read(tmp_path: Path, *said: tuple[str, str, str], broken: tuple[str, ...] = ()) -> tuple[ScapRule, ...]:
    stream = DataStream(scap.write_content(tmp_path / "ds.xml", RULES))
    found = "".join(
        f'<rule-result idref="xccdf_test_rule_{name}"><result>{result}</result>{more}</rule-result>'
        for name, result, more in said
    )
    results = tmp_path / "results.xml"
    results.write_text(
        f'<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2"><TestResult>{found}</TestResult></Benchmark>'
    )
    return read_results(results, stream, BENCHMARK, broken)


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ("pass", Result.PASS),
        ("fail", Result.FAIL),
        ("error", Result.ERROR),
        ("unknown", Result.UNDECIDED),
        ("notchecked", Result.UNDECIDED),
        ("notapplicable", Result.NOT_APPLICABLE),
        ("informational", Result.NOT_APPLICABLE),
        ("nonsense", Result.ERROR),
    ],
)
def test_each_word_of_oscap_is_a_result(tmp_path: Path, said: str, result: Result) -> None:
    (rule,) = read(tmp_path, ("a", said, CHECK))
    assert (rule.result, rule.said) == (result, said)
    assert bool(rule.reason) == (said not in ("pass", "fail"))


@pytest.mark.parametrize("said", ["pass", "fail", "notapplicable", "error"])
def test_what_only_a_running_system_knows_is_neither_passed_nor_failed(tmp_path: Path, said: str) -> None:
    (rule,) = read(tmp_path, ("k", said, CHECK))
    assert (rule.result, rule.reason) == (Result.UNDECIDED, "it asks a running system: uname")


def test_a_rule_for_another_platform_was_not_asked(tmp_path: Path) -> None:
    (rule,) = read(tmp_path, ("k", "notapplicable", ""))
    assert rule.result is Result.NOT_APPLICABLE


def test_packages_that_could_not_be_read_are_not_missing(tmp_path: Path) -> None:
    one, other = read(tmp_path, ("p", "fail", CHECK), ("a", "fail", CHECK), broken=("dpkginfo",))
    assert (one.result, other.result) == (Result.UNDECIDED, Result.FAIL)


def test_what_the_profile_does_not_select_is_not_counted(tmp_path: Path) -> None:
    rules = read(tmp_path, ("a", "notselected", ""), ("k", "pass", CHECK), ("p", "pass", CHECK))
    counts = count_results(rules)
    assert (counts.passed, counts.undecided, len(rules)) == (1, 1, 2)


def test_nearly_nothing_applies_from_nine_of_ten_on(tmp_path: Path) -> None:
    (away,) = read(tmp_path, ("a", "notapplicable", ""))
    (there,) = read(tmp_path, ("a", "pass", CHECK))
    assert hardly_applies([away] * 9 + [there])
    assert not hardly_applies([away] * 8 + [there] * 2)


def test_a_result_with_a_document_type_is_no_result(tmp_path: Path) -> None:
    stream = DataStream(scap.write_content(tmp_path / "ds.xml", RULES))
    results = tmp_path / "results.xml"
    results.write_text("<!DOCTYPE a []><a/>")
    with pytest.raises(EngineFailed, match="document type"):
        read_results(results, stream, BENCHMARK, ())

"""What `imgtools audit` shows, writes and refuses; what each check finds is in tests/unit/ops/checks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixtures.cache import digest_of
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image

CHECK = "file-shadow-mode"


@pytest.fixture
def open_shadow(tmp_path: Path) -> Path:
    image = copy_fixture("debian", tmp_path)[0]
    imgtools("chmod", image, "0644", "/etc/shadow", "--write")
    return image


def test_a_guest_that_is_as_it_should_be_is_0() -> None:
    ran = imgtools("audit", fixture_image("debian"), "--only", CHECK, "--json")
    assert ran.data["clean"] is True and ran.data["checks"][0]["result"] == "pass"


def test_a_finding_is_1_with_place_and_evidence_and_nothing_is_written(open_shadow: Path) -> None:
    before = digest_of(open_shadow)
    ran = imgtools("audit", open_shadow, "--only", CHECK, "--json", code=1)
    (check,) = ran.data["checks"]
    assert (check["id"], check["result"], check["severity"]) == (CHECK, "fail", "high")
    (finding,) = check["findings"]
    assert (finding["path"], finding["evidence"], finding["fixable"]) == ("/etc/shadow", "mode 0644", True)
    assert ran.data["written"] is False and ran.data["changes"] == []
    assert digest_of(open_shadow) == before


def test_a_plan_of_fixes_first_then_one_transaction(open_shadow: Path) -> None:
    before = digest_of(open_shadow)
    planned = imgtools("audit", open_shadow, "--only", CHECK, "--fix", "--json", code=1)
    assert digest_of(open_shadow) == before and planned.data["changed"] is True
    done = imgtools("audit", open_shadow, "--only", CHECK, "--fix", "--write", "--json")
    assert done.data["changes"] == planned.data["changes"]
    assert done.data["before"][0]["result"] == "fail" and done.data["checks"][0]["result"] == "pass"
    assert imgtools("audit", open_shadow, "--only", CHECK).code == 0


def test_what_weighs_less_than_fail_on_is_0(open_shadow: Path) -> None:
    assert imgtools("audit", open_shadow, "--only", CHECK, "--fail-on", "critical").code == 0
    imgtools("audit", open_shadow, "--only", CHECK, "--fail-on", "high", code=1)


POLICY = """checks: [{check}]
severities:
  file-*: low
waivers:
  - check: {check}
    path: /etc/shadow
    reason: read by an old service
    expires: {day}
"""


def test_a_waiver_lets_a_finding_be_until_its_day(open_shadow: Path, tmp_path: Path) -> None:
    policy = tmp_path / "ours.yaml"
    policy.write_text(POLICY.format(check=CHECK, day="2999-01-01"))
    ran = imgtools("audit", open_shadow, "--policy", policy, "--json")
    assert ran.data["checks"][0]["waived"][0]["waived"] == "read by an old service"
    policy.write_text(POLICY.format(check=CHECK, day="2020-01-01"))
    ran = imgtools("audit", open_shadow, "--policy", policy, "--json", code=1)
    assert ran.data["checks"][0]["findings"][0]["severity"] == "low"
    assert "the waiver of file-shadow-mode expired on 2020-01-01: read by an old service" in ran.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("checks: [file-shadow-mod]\n", "line 1: no such check: file-shadow-mod"),
        ("checks: all\nwaivres: []\n", "line 2: unknown word: waivres"),
        (
            "checks: all\nparameters:\n  file-shadow-mode:\n    day: 3\n",
            "line 4: file-shadow-mode has no parameter",
        ),
        ("checks: all\nfail-on: worst\n", "line 2: no such severity: worst"),
        ("checks: all\nwaivers:\n  - check: file-shadow-mode\n", "line 3: a waiver needs check and reason"),
        ("checks: [\n", "line 2: not YAML"),
        ("extends: nothing\n", "line 1: no such policy: nothing"),
        ("name: x\n", "line 1: neither checks nor extends"),
        ("", "an empty policy"),
    ],
)
def test_a_policy_that_is_wrong_is_2_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    policy = tmp_path / "ours.yaml"
    policy.write_text(text)
    ran = imgtools("audit", fixture_image("debian"), "--policy", policy, code=2)
    assert f"ours.yaml: {said}" in ran.err, ran.err
    assert len(ran.err.splitlines()) <= 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--only", "file-shadow-mod"), "did you mean file-shadow-mode?"),
        (("--policy", "baselin"), "did you mean baseline?"),
        (("--fail-on", "worst"), "no such severity: worst"),
        (("--set", "file-shadow-mode.day=1"), "has no parameter 'day'"),
        (("--write",), "add --fix"),
    ],
)
def test_a_wrong_word_is_2_and_says_what_is_right(words: tuple[str, ...], said: str) -> None:
    ran = imgtools("audit", fixture_image("debian"), *words, code=2)
    assert said in ran.err, ran.err


def test_since_another_audit(open_shadow: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text(imgtools("audit", fixture_image("debian"), "--only", CHECK, "--json").out)
    ran = imgtools("audit", open_shadow, "--only", CHECK, "--baseline", old, "--json", code=1)
    assert [one["path"] for one in ran.data["since"]["new"]] == ["/etc/shadow"]
    assert ran.data["since"]["gone"] == []
    old.write_text(ran.out)
    ran = imgtools("audit", fixture_image("debian"), "--only", CHECK, "--baseline", old, "--json")
    assert [one["path"] for one in ran.data["since"]["gone"]] == ["/etc/shadow"]
    old.write_text(json.dumps({"schema": "imgtools.df/1"}))
    imgtools("audit", open_shadow, "--only", CHECK, "--baseline", old, code=2)


def test_the_list_and_one_of_it_need_no_image() -> None:
    assert CHECK in imgtools("audit", "--list").out
    assert "--explain" not in imgtools("audit", "--explain", CHECK).out
    assert "did you mean" in imgtools("audit", "--explain", "file-shadow", code=2).err

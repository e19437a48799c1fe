"""Versions are compared as dpkg, rpm and apk do: their own words are the judge."""

from __future__ import annotations

import random
import subprocess

import pytest

from imgtools.guest.packages.versions import compare_apk, compare_deb, compare_rpm


def sign(number: int) -> int:
    return (number > 0) - (number < 0)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1.0", "1.0", 0),
        ("1.0", "1.0-0", 0),
        ("0:1.0", "1.0", 0),
        ("1.0~rc1-1", "1.0-1", -1),
        ("1.0-1", "1.0-1+deb12u1", -1),
        ("1.10", "1.9", 1),
        ("2:0.1", "1:99", 1),
        ("1.0-1~bpo12+1", "1.0-1", -1),
        ("1.0a", "1.0+", -1),
        ("01.0", "1.00", 0),
        ("1.0~~", "1.0~", -1),
        ("5.15.0-1", "5.15-1", 1),
    ],
)
def test_deb(one: str, other: str, expected: int) -> None:
    assert sign(compare_deb(one, other)) == expected
    assert sign(compare_deb(other, one)) == -expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1.0-1", "1.0-1", 0),
        ("1.0-1", "1.0", 0),
        ("1.0~rc1-1", "1.0-1", -1),
        ("1.0^git1-1", "1.0-1", 1),
        ("1.0^git1-1", "1.0.1-1", -1),
        ("1.0_1", "1.0.1", 0),
        ("1.0a", "1.0.1", -1),
        ("5.14.0-362.8.1.el9_3", "5.14.0-362.13.1.el9_3", -1),
        ("1:1.0-1", "2.0-1", 1),
        ("1.010", "1.10", 0),
        ("1.0.", "1.0", 0),
        ("1.0^", "1.0~", 1),
    ],
)
def test_rpm(one: str, other: str, expected: int) -> None:
    assert sign(compare_rpm(one, other)) == expected
    assert sign(compare_rpm(other, one)) == -expected


# Of apk-tools' test/version.data.
APK = """\
2.34 > 0.1.0_alpha
0.1.0_alpha = 0.1.0_alpha
0.1.0_alpha < 0.1.3_alpha
0.1.0_alpha2 > 0.1.0_alpha
1.0.4-r3 < 1.0.4-r4
1.1 > 1.1_alpha1
1.3_alpha < 1.3_alpha2
2.3.0b-r1 < 2.3.0b-r2
0.12.3 > 0.12
0.13_beta5 > 0.9.12
3.1_p16 < 3.1_p17
1.06-r6 < 006
2.01.01_alpha10 > 0.94
1.0 > 0.99.3.20040818
1.39 > 1.00_beta2
1.02.07 < 1.02.10-r1
1.6d > 1.2.07.8
1.2.07.8 < 1.2.12.04
1.07-r1 < 1.07.5
2.5.1-r8 < 2.5.1a-r1
6b-r7 > 1.12-r7
0.10.0 < 0.10.1_rc1
2.2.3-r2 < 013
1.3-r0 < 1.3.1-r0
1.3_pre1-r1 < 1.3.2
1.0_p10-r0 > 1.0_p9-r0
0.1.0_alpha_pre2 < 0.1.0_alpha
1.0.0_pre20191002222144-r0 < 1.0.0_pre20210530193627-r0
"""


@pytest.mark.parametrize("line", APK.splitlines())
def test_apk(line: str) -> None:
    one, word, other = line.split()
    expected = {"<": -1, "=": 0, ">": 1}[word]
    assert sign(compare_apk(one, other)) == expected
    assert sign(compare_apk(other, one)) == -expected


@pytest.mark.parametrize("compare", [compare_deb, compare_rpm, compare_apk])
def test_hostile_versions_end_quickly(compare: object) -> None:
    assert callable(compare)
    for text in ("", "9" * 100_000, "~" * 100_000, "1." * 100_000, "\0\udcff", "é", "٣", "-r" * 1000):
        assert compare(text, text) == 0
        assert isinstance(compare(text, "1.0"), int)


def pairs(letters: str, number: int) -> list[tuple[str, str]]:
    """Versions that differ in little: where rules are told from each other."""
    chance = random.Random(16)
    found = []
    for _ in range(number):
        one = "1" + "".join(chance.choice(letters) for _ in range(chance.randrange(9)))
        other = list(one)
        for _ in range(chance.randrange(3)):
            at = chance.randrange(1, len(other) + 1)
            other[at : at + chance.randrange(2)] = chance.choice(letters)
        found.append((one, "".join(other)))
    return found


@pytest.mark.host
def test_dpkg_says_the_same() -> None:
    tried = [(one, other) for one, other in pairs("01290.+~-ab", 1500) if not {one[-1], other[-1]} & {"-"}]
    script = """while read -r a b; do
        if dpkg --compare-versions "$a" lt "$b"; then echo -1
        elif dpkg --compare-versions "$a" gt "$b"; then echo 1
        else echo 0; fi
    done"""
    done = subprocess.run(
        ["sh", "-c", script],
        input="".join(f"{one} {other}\n" for one, other in tried),
        capture_output=True,
        text=True,
        check=True,
    )
    said = [int(line) for line in done.stdout.split()]
    assert [sign(compare_deb(*pair)) for pair in tried] == said
    assert min(said.count(each) for each in (-1, 0, 1)) > 50


@pytest.mark.host
def test_rpm_says_the_same() -> None:
    tried = [(f"{one}-1", f"{other}-1") for one, other in pairs("01290._~^ab", 5000)]
    words = "".join(f"{one[:-2]} {other[:-2]}\\n" for one, other in tried)
    lua = f'%{{lua: for a, b in string.gmatch("{words}", "(%S+) (%S+)\\n") do print(rpm.vercmp(a, b), " ") end}}'
    done = subprocess.run(["rpm", "--eval", lua], capture_output=True, text=True, check=True)
    said = [int(line) for line in done.stdout.split()]
    assert [sign(compare_rpm(*pair)) for pair in tried] == said
    assert min(said.count(each) for each in (-1, 0, 1)) > 50

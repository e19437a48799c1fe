"""The short run of fuzzing: the same inputs each time, some seconds in all. `make fuzz` is the long one."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from imgtools.errors import ImgtoolsError, KeyNeeded
from tests.fuzz.targets import TARGETS, Target

EXAMPLES = 40
MOST_MEMORY = 1 << 30  # bytes that all questions of a target may add to what the process takes

# Numbers that break what counts and adds up.
NUMBERS = st.sampled_from(
    [0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1]
)
PATCHES = st.one_of(
    st.binary(min_size=1, max_size=8),
    st.builds(
        lambda number, size: (number & (1 << 8 * size) - 1).to_bytes(size, "little"),
        NUMBERS,
        st.sampled_from([1, 2, 4, 8]),
    ),
    st.builds(
        lambda one, count: one * count,
        st.sampled_from([b"\0", b"\n", b"9", b"[", b"{", b"/", b"\xff", "²".encode()]),
        st.integers(1, 6000),
    ),
)
# Mostly near the beginning, where headers are.
CHANGES = st.lists(
    st.tuples(st.one_of(st.integers(0, 600), st.integers(0, 1 << 20)), PATCHES, st.booleans()), max_size=10
)


def changed(seed: bytes, changes: list[tuple[int, bytes, bool]], cut: int) -> bytes:
    """A seed with bytes overwritten or put in, and its end cut off."""
    raw = bytearray(seed)
    for place, patch, put_in in changes:
        at = place % (len(raw) + 1)
        raw[at : at if put_in else at + len(patch)] = patch
    return bytes(raw[: cut % (len(raw) + 1)] if cut else raw)


@pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])
def test_a_healthy_thing_gets_an_answer(target: Target) -> None:
    """Else the fuzzer asks about something that is refused at its first byte."""
    answered = 0
    for seed in target.seeds():
        try:
            target.ask(seed)
            answered += 1
        except KeyNeeded:
            answered += 1
        except ImgtoolsError:
            continue
    assert answered


SHORT = [target for target in TARGETS if not target.tested]


@pytest.mark.parametrize("target", SHORT, ids=[target.name for target in SHORT])
def test_whatever_the_bytes_are_a_question_ends(target: Target) -> None:
    seeds, before = list(target.seeds()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.sampled_from(seeds), CHANGES, st.sampled_from([0, 0, 0, 0, 1 << 40, 511, 100]))
    def ask(seed: bytes, changes: list[tuple[int, bytes, bool]], cut: int) -> None:
        try:
            target.ask(changed(seed, changes, cut))
        except ImgtoolsError as error:
            assert error.message and "\n" not in error.message

    ask()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < MOST_MEMORY, f"{target.name} took {grown} bytes"


def test_what_a_unit_test_does_is_there() -> None:
    for target in TARGETS:
        if target.tested:
            assert "@given" in Path(target.tested).read_text(encoding="utf-8"), target.tested

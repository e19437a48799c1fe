"""Which repairs a diagnosis proposes, and what counts as still there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.operation import Operation, Shelved, make_params
from imgtools.ops.proposal import is_asked, propose, still_there
from imgtools.ops.selection import Chosen
from imgtools.records.diagnosis import Confidence, Evidence, Finding, Remedy


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters as a repair has them."""

    names: tuple[str, ...] = ()
    action: str = ""


def plan(guest: Guest, params: object) -> Iterator[Change]:
    yield from ()


SHELF = {"unit": Shelved("unit", Operation("Units", plan, params=Params), "")}


def found(*settings: str, repair: str = "unit", confidence: Confidence = Confidence.HIGH) -> Finding:
    return Finding("x", "x", confidence=confidence, remedy=Remedy(repair, settings))


def test_only_what_is_sure_and_on_the_shelf_is_proposed() -> None:
    unsure = found(confidence=Confidence.MEDIUM)
    proposal = propose([unsure, found(repair="other"), replace(found(), remedy=None)], SHELF)
    assert proposal.repairs == () and proposal.mends == ()


def test_lists_are_joined_and_each_is_said_once() -> None:
    proposal = propose([found("names=a,b", "action=mask"), found("names=b,c", "action=mask")], SHELF)
    assert proposal.repairs == ("unit",) and len(proposal.mends) == 2
    assert set(proposal.settings) == {"unit.names=a,b,c", "unit.action=mask"}


def test_of_two_that_contradict_each_other_the_first_is_made() -> None:
    first, second = found("names=a", "action=mask"), found("names=b", "action=unmask")
    proposal = propose([first, second], SHELF)
    assert proposal.mends == (first,) and set(proposal.settings) == {"unit.names=a", "unit.action=mask"}


def test_a_value_may_hold_an_equals_sign() -> None:
    assert propose([found("action=UUID=1")], SHELF).settings == ("unit.action=UUID=1",)


def at(line: int, text: str, *settings: str) -> Finding:
    return replace(found(*settings), evidence=(Evidence("/etc/fstab", line, text),))


def chosen(**values: str) -> tuple[Chosen, ...]:
    return (Chosen(SHELF["unit"], make_params(SHELF["unit"], values), True),)


def test_the_same_cause_at_the_same_place_is_still_there_whatever_it_says() -> None:
    assert still_there([at(3, "UUID=1")], [at(2, "UUID=1")], chosen()) == (at(2, "UUID=1"),)
    assert still_there([at(3, "5 MB free")], [at(3, "6 MB free")], chosen()) == (at(3, "6 MB free"),)
    elsewhere = replace(found(), evidence=(Evidence("/etc/crypttab", 3, "UUID=1"),))
    assert still_there([at(3, "UUID=1")], [elsewhere], chosen()) == ()
    assert still_there([at(3, "UUID=1")], [at(3, "UUID=1")], ()) == ()


def test_of_two_in_one_place_the_one_that_nothing_is_there_for_may_stay() -> None:
    lost = replace(at(4, "UUID=2"), remedy=None)
    assert still_there([at(3, "UUID=1"), lost], [lost], chosen()) == ()
    assert still_there([at(3, "UUID=1"), lost], [at(3, "UUID=3"), lost], chosen()) == (at(3, "UUID=3"), lost)


def test_a_repair_with_other_parameters_was_not_to_mend_it() -> None:
    other = at(1, "b", "names=b")
    assert not is_asked(other, chosen(names="a")) and still_there([other], [other], chosen(names="a")) == ()
    assert is_asked(other, chosen(names="a,b")) and still_there([other], [other], chosen(names="b"))
    assert is_asked(other, chosen(action="mask"))  # it was given no names, so it has chosen them itself
    assert not is_asked(at(1, "b", "action=mask"), chosen(action="unmask"))
    assert not is_asked(replace(other, remedy=None), chosen())

"""Which repairs a diagnosis proposes, and what counts as still there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.operation import Operation, Shelved
from imgtools.ops.proposal import propose, still_there
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


def test_the_same_cause_at_the_same_place_is_still_there() -> None:
    at = replace(found(), evidence=(Evidence("/etc/fstab", 3, "UUID=1"),))
    moved = replace(at, evidence=(Evidence("/etc/fstab", 2, "UUID=1"),))
    other = replace(at, evidence=(Evidence("/etc/fstab", 3, "UUID=2"),))
    assert still_there([at], [moved], ["unit"]) == (moved,)
    assert still_there([at], [other], ["unit"]) == ()
    assert still_there([at], [moved], ["another"]) == ()


@dataclass(frozen=True, slots=True)
class Needs:
    """Parameters of which only a person knows one."""

    file: str = ""

    def __post_init__(self) -> None:
        if not self.file:
            raise ValueError("the parameter file is missing")


def test_a_repair_that_lacks_a_parameter_is_left_to_a_person() -> None:
    shelf = {"files": Shelved("files", Operation("Files", plan, params=Needs), "")}
    assert propose([found(repair="files")], shelf).repairs == ()
    assert propose([found("file=a", repair="files")], shelf).repairs == ("files",)

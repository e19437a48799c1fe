"""From what a diagnosis has found to the repairs that mend it, and whether they did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import get_origin, get_type_hints

from imgtools.errors import UsageError
from imgtools.ops.operation import Shelved, make_params
from imgtools.ops.selection import Chosen
from imgtools.ops.station import StationReport
from imgtools.records.diagnosis import Confidence, Finding


@dataclass(frozen=True, slots=True)
class Proposal:
    """Repairs by name, with their parameters as ``--set`` takes them, and what they are to mend."""

    repairs: tuple[str, ...]
    settings: tuple[str, ...]
    mends: tuple[Finding, ...]


def findings_of(stations: Iterable[StationReport]) -> tuple[Finding, ...]:
    """Return all findings, in the order of the way."""
    return tuple(finding for one in stations for finding in one.findings)


def propose(findings: Sequence[Finding], shelf: Mapping[str, Shelved]) -> Proposal:
    """Return what mends the findings that are sure.

    Two findings with one repair ask it once: lists of theirs become one list; where they want different values of
    another parameter, the first on the way has it, and the other finding waits for the next diagnosis.
    """
    values: dict[str, dict[str, str]] = {}
    mended: list[Finding] = []
    for one in findings:
        if one.remedy is None or one.confidence is not Confidence.HIGH or one.remedy.repair not in shelf:
            continue
        wanted = dict(setting.split("=", 1) for setting in one.remedy.settings)
        joined = _joined(values.get(one.remedy.repair, {}), wanted, shelf[one.remedy.repair])
        if joined is not None and _is_complete(shelf[one.remedy.repair], joined):
            values[one.remedy.repair] = joined
            mended.append(one)
    settings = (f"{name}.{key}={text}" for name, each in values.items() for key, text in each.items())
    return Proposal(tuple(values), tuple(settings), tuple(mended))


def _is_complete(shelved: Shelved, values: Mapping[str, str]) -> bool:
    """Whether a repair has what it needs: which package's file is wanted, only a person knows."""
    try:
        make_params(shelved, values)
    except UsageError:
        return False
    return True


def _joined(known: dict[str, str], wanted: dict[str, str], shelved: Shelved) -> dict[str, str] | None:
    """Return the parameters of both; None if they contradict each other."""
    kinds = get_type_hints(shelved.operation.params)
    found = dict(known)
    for name, text in wanted.items():
        if known and get_origin(kinds.get(name.replace("-", "_"))) is tuple and name in known:
            found[name] = ",".join(dict.fromkeys([*known[name].split(","), *text.split(",")]))
        elif known and known.get(name) != text:
            return None
        else:
            found[name] = text
    return found


def is_asked(finding: Finding, chosen: Sequence[Chosen]) -> bool:
    """Whether one of these repairs is to mend a finding: it is its remedy, and was not given other parameters."""
    remedy = finding.remedy
    if remedy is None:
        return False
    values = dict(setting.split("=", 1) for setting in remedy.settings)
    return any(one.shelved.name == remedy.repair and _agree(one, values) for one in chosen)


def _agree(chosen: Chosen, values: Mapping[str, str]) -> bool:
    """Whether a repair has these parameters, as far as it was given any: of a list, whether it holds them."""
    try:
        wanted = make_params(chosen.shelved, values)
    except UsageError:  # what only a person knows was given to the repair, and is not in the remedy
        return True
    names = {name.replace("-", "_") for name in values}
    for field in (one for one in fields(chosen.params) if one.name in names):
        said, meant = getattr(chosen.params, field.name), getattr(wanted, field.name)
        if said != field.default and not (
            set(meant) <= set(said) if isinstance(said, tuple) else meant == said
        ):
            return False
    return True


def still_there(
    before: Sequence[Finding], after: Sequence[Finding], chosen: Sequence[Chosen]
) -> tuple[Finding, ...]:
    """Return what these repairs were to mend and have not: the same cause, seen in the same places.

    Its words are no part of it: they hold sizes and lines, which a repair may change and mend nothing. Where a cause is
    seen in one place more than once, there have to be as many less as were to be mended.
    """
    may_stay = Counter(_key(one) for one in before)
    meant = Counter(_key(one) for one in before if is_asked(one, chosen))
    found = Counter(_key(one) for one in after)
    failed = {key for key, count in meant.items() if found[key] > may_stay[key] - count}
    return tuple(one for one in after if _key(one) in failed)


def _key(finding: Finding) -> tuple[str, tuple[str, ...]]:
    return finding.id, tuple(one.path for one in finding.evidence)

"""What ``oscap xccdf eval`` has found (XCCDF 1.2, section 6.6), as rules with results that hold offline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from imgtools.errors import EngineFailed
from imgtools.guest.scap.content import OFFLINE, ROOTED, DataStream
from imgtools.guest.scap.document import XCCDF, line, read_document, text_of
from imgtools.records.audit import Result
from imgtools.records.scap import ScapCounts, ScapRule

# XCCDF 1.2, section 6.6.4.2: the results, and what each is here. "notchecked": there is no check that a program makes.
RESULTS = {
    "pass": Result.PASS,
    "fixed": Result.PASS,
    "fail": Result.FAIL,
    "error": Result.ERROR,
    "unknown": Result.UNDECIDED,
    "notchecked": Result.UNDECIDED,
    "notapplicable": Result.NOT_APPLICABLE,
    "informational": Result.NOT_APPLICABLE,
}
REASONS = {
    "unknown": "oscap cannot tell",
    "error": "oscap met an error",
    "notchecked": "a person has to look: the content has no check of it for programs",
    "notapplicable": "the content says that it is not for this guest",
    "informational": "it only informs",
}
NEARLY_NOTHING = 0.9  # of the rules that are not applicable


def read_results(
    path: Path, stream: DataStream, benchmark: str, broken: Collection[str]
) -> tuple[ScapRule, ...]:
    """Return what became of the selected rules, in the order of the content.

    :param broken: kinds of OVAL that could not work for this guest.
    :raises EngineFailed: the file is not what oscap writes.
    """
    root = read_document(path, EngineFailed, "a result of oscap")
    tests = list(root.iter(f"{XCCDF}TestResult"))
    if not tests:
        raise EngineFailed("oscap has written no result", hint="run again with -v to see the command line")
    rules = stream.rules(benchmark)
    told = []
    for one in tests[-1].iterfind(f"{XCCDF}rule-result"):
        said = line(one.findtext(f"{XCCDF}result"))
        rule = rules.get(one.get("idref", ""))
        if said != "notselected" and rule is not None:
            told.append(_rule(rule, one, said, stream.asks(rule), broken))
    return tuple(told)


def _rule(
    rule: Element, found: Element, said: str, kinds: frozenset[str], broken: Collection[str]
) -> ScapRule:
    result = RESULTS.get(said, Result.ERROR)
    reason = REASONS.get(said, "" if said in RESULTS else f"oscap says {said}")
    # Of a rule whose platform is not the guest's nothing is asked, and no check is told.
    was_asked = said not in ("notapplicable", "informational", "notchecked") or _was_checked(found)
    if was_asked and (away := _undecidable(kinds, broken)):
        result, reason = Result.UNDECIDED, away
    return ScapRule(
        id=rule.get("id", ""),
        title=text_of(rule.find(f"{XCCDF}title")),
        severity=found.get("severity", rule.get("severity", "unknown")),
        result=result,
        said=said,
        reason=reason,
        idents=tuple(dict.fromkeys(text_of(one) for one in rule.iterfind(f"{XCCDF}ident"))),
        references=tuple(dict.fromkeys(_references(rule))),
    )


def _was_checked(found: Element) -> bool:
    return found.find(f"{XCCDF}check") is not None


def _undecidable(kinds: frozenset[str], broken: Collection[str]) -> str:
    """Why a rule cannot be decided from files alone; empty if it can."""
    if failed := sorted(kinds & frozenset(broken)):
        return f"oscap cannot read this guest's packages ({', '.join(failed)})"
    away = sorted(kinds - OFFLINE)
    if "" in away:
        return "it is checked by something else than OVAL"
    if away and ROOTED.issuperset(away):
        also = "; imgtools verify checks packages" if any(one.startswith("rpm") for one in away) else ""
        return f"oscap would have to be started in the guest: {', '.join(away)}{also}"
    return f"it asks a running system: {', '.join(away)}" if away else ""


def _references(rule: Element) -> Iterator[str]:
    for one in rule.iterfind(f"{XCCDF}reference"):
        number = text_of(one)
        if number and len(number) <= 60:  # a number of a catalogue, no text of it
            yield number


def count_results(rules: Sequence[ScapRule]) -> ScapCounts:
    """Return how many rules ended how."""
    count = Counter(one.result for one in rules)
    return ScapCounts(
        count[Result.PASS],
        count[Result.FAIL],
        count[Result.NOT_APPLICABLE],
        count[Result.UNDECIDED],
        count[Result.ERROR],
    )


def hardly_applies(rules: Sequence[ScapRule]) -> bool:
    """Whether nearly nothing of the profile is for this guest."""
    away = sum(one.said == "notapplicable" and one.result is Result.NOT_APPLICABLE for one in rules)
    return away >= NEARLY_NOTHING * len(rules)

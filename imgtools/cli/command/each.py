"""Run a command for each of many images: a process for each, what they say printed as it comes, and a summary."""

from __future__ import annotations

import importlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, BinaryIO

import typer

from imgtools.cli.command.several import Several
from imgtools.cli.output.answers import Answers, OddAnswer, Outcome, Recorder, is_worth_having
from imgtools.cli.output.clean import clean
from imgtools.cli.output.documents import JsonValue, envelope, error_envelope
from imgtools.cli.output.output import Output
from imgtools.errors import EngineFailed, ImgtoolsError
from imgtools.records.many import ManyReport, Reason, Summary
from imgtools.workflows.many import Ended, ask_each

log = logging.getLogger(__name__)

# Makes one document of the envelopes of all images.
Join = Callable[[Sequence[JsonValue]], JsonValue]


def answer_each(
    call: Callable[[Any, Output], None],  # Any: what the command's group is for one image
    several: Several,
    out: Output,
    *,
    title: str,
    join: Join | None = None,
) -> None:
    """Run ``call`` for each image, with what it may say it to.

    :param title: of the count.
    :param join: what ``--json`` makes of the answers, where a command has a document of its own for it.
    :raises typer.Exit: an image failed, or a command ended with a code other than 0: the highest of them.
    """
    from imgtools.cli.app import settled

    def ask(place: int, stream: BinaryIO) -> int:
        _name_in_log(several.names[place])
        recorder = Recorder(stream, out)
        code, error = settled(lambda: call(several.items[place], recorder))
        recorder.finish(code, error)
        return code

    tally = _Tally(len(several.items))
    answers = Answers(out, several.names, marked=several.marked)
    with out.counting(title, len(several.items)) as count:
        for one in ask_each(
            len(several.items),
            ask,
            parallel=several.parallel,
            time_limit=several.time_limit,
            share_appliance=several.share_appliance,
            waiting=count.draw,
        ):
            tally.add(_print(answers, one))
            out.flush()
            count.tell(tally.done, tally.failed)
    if out.json and not out.json_lines:
        documents = [answers.documents[place] for place in sorted(answers.documents)]
        whole = envelope(ManyReport(tuple(documents), tally.summary()), "imgtools.many/1")
        out.document(join(documents) if join else whole)
    if several.marked:
        out.summary(sentence(tally.summary()))
    if tally.code:
        raise typer.Exit(tally.code)


def _print(answers: Answers, ended: Ended) -> Outcome:
    """Print one answer, and return how it went."""
    with ended.answer:
        try:
            outcome = answers.show(ended.place, ended.answer)
        except OddAnswer as odd:
            log.debug("the answer is odd: %s", odd)
            failure = ended.failure or EngineFailed("its answer was cut", hint="run again with -v")
            outcome = Outcome(failure.exit_code, _facts(failure), False, ())
    if outcome.error is not None:
        answers.fail(ended.place, outcome.error)
    _import(outcome.needed)
    return outcome


def _facts(error: ImgtoolsError) -> Mapping[str, Any]:
    facts: Any = error_envelope(error)["error"]
    return dict(facts)


def _import(names: Sequence[str]) -> None:
    """Import what the process of an image had to import: the next ones begin with it."""
    for name in names:
        if is_worth_having(name):
            with suppress(ImportError):  # the name comes from a process that has read a guest's bytes
                importlib.import_module(name)


def _name_in_log(name: str) -> None:
    """Have the lines of ``-v`` say which image they are about; the processes write them as they work."""
    mark = clean(name).replace("%", "%%")
    for handler in logging.getLogger().handlers:
        handler.setFormatter(logging.Formatter(f"imgtools: {mark}: %(message)s"))


class _Tally:
    """Counts how it went."""

    def __init__(self, images: int) -> None:
        self.done = self.failed = self.code = 0
        self._images = images
        self._warned = self._found = 0
        self._reasons: Counter[tuple[str, int]] = Counter()

    def add(self, outcome: Outcome) -> None:
        """Count one image."""
        self.done += 1
        self.code = max(self.code, outcome.code)
        if outcome.error is not None:
            self.failed += 1
            self._reasons[str(outcome.error["class"]), outcome.code] += 1
        else:
            self._warned += outcome.warned
            self._found += bool(outcome.code)

    def summary(self) -> Summary:
        """Return the numbers, the most frequent reasons first."""
        reasons = sorted(self._reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        return Summary(
            images=self._images,
            answered=self.done - self.failed,
            warned=self._warned,
            found=self._found,
            failed=self.failed,
            reasons=tuple(Reason(name, code, count) for (name, code), count in reasons),
        )


def sentence(summary: Summary) -> str:
    """Say a summary in one line: ``3 images: 2 answered (1 with warnings), 1 failed: 1 BadImage``."""
    parts = [
        f"{number} {words}"
        for number, words in ((summary.warned, "with warnings"), (summary.found, "with findings"))
        if number
    ]
    text = f"{summary.images} image{'' if summary.images == 1 else 's'}: {summary.answered} answered"
    text += f" ({', '.join(parts)})" if parts else ""
    if summary.failed:
        reasons = ", ".join(f"{one.count} {one.error} (exit code {one.exit_code})" for one in summary.reasons)
        text += f", {summary.failed} failed: {reasons}"
    return text

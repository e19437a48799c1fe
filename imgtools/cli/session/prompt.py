"""A session whose commands a person types: prompt_toolkit's line with history and completion."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from imgtools.cli.app import Signalled
from imgtools.cli.output.clean import clean
from imgtools.cli.output.output import Output
from imgtools.cli.session.completing import Candidate, complete
from imgtools.cli.session.ended import SessionEnds
from imgtools.cli.session.history import PrivateHistory
from imgtools.cli.session.runner import Runner
from imgtools.cli.session.scripts import warn_of_plan
from imgtools.errors import ImgtoolsError
from imgtools.guest.guest import the_guest
from imgtools.workflows.shell import GuestSession

ENDING = (signal.SIGTERM, signal.SIGHUP)


def run_typed(session: GuestSession, out: Output) -> int:
    """Run what is typed until Ctrl-D or ``exit``; an interrupted or failed command ends nothing. Returns 0."""
    runner = Runner(session, out)
    history = PrivateHistory(out.warn)
    line: PromptSession[str] = PromptSession(
        history=history,
        completer=_Completer(runner),
        complete_while_typing=False,
        enable_history_search=True,
    )
    out.note(_greeting(session))
    try:
        while True:
            try:
                with _ended_by_signal(line):
                    text = line.prompt(lambda: _prompt(session))
            except KeyboardInterrupt:
                continue
            except EOFError:
                break
            runner.run(text)
    except SessionEnds:
        pass
    warn_of_plan(session, out)
    return 0


def _prompt(session: GuestSession) -> str:
    name = session.request.name.rpartition("/")[2]
    planned = f" [{len(session.steps)} planned]" if session.steps else ""
    return clean(f"{name}:{session.request.folder}{planned}> ")


def _greeting(session: GuestSession) -> str:
    try:
        with session.running(""):
            guest = the_guest(session.image(), session.request.root)
        what = guest.os.product_name or guest.os.distro
    except ImgtoolsError as error:
        what = error.message
    how = "changes are planned, and commit writes them" if session.gathered.writable else "read-only"
    return f"{session.request.name}: {what}; {how}. help lists the commands, Ctrl-D ends."


@contextmanager
def _ended_by_signal(line: PromptSession[str]) -> Iterator[None]:
    """Have a signal that ends us end the prompt too: what a handler raises, its event loop would swallow."""

    def end(number: int, frame: FrameType | None) -> None:
        loop = line.app.loop
        if loop is not None and line.app.is_running:
            loop.call_soon_threadsafe(lambda: line.app.exit(exception=Signalled(number)))
        else:
            raise Signalled(number)

    before = {number: signal.signal(number, end) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Completer(Completer):
    """Completes what stands before the cursor; where that fails, there is nothing to complete."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Yield what may follow."""
        before = document.text_before_cursor
        try:
            found: list[Candidate] = complete(self._runner, before)
        except (ImgtoolsError, OSError):
            return
        for one in found:
            yield Completion(
                one.text, start_position=one.start - len(before), display=one.shown, display_meta=one.about
            )

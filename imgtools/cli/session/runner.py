"""Runs the lines of a session: one command each, with what it prints where the line says, and its own exit code."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

import typer

from imgtools.cli.app import ReaderGone, settled
from imgtools.cli.command.typer_adapter import WrongWords, complaint
from imgtools.cli.command.wrong_words import usage_error
from imgtools.cli.output.clean import clean
from imgtools.cli.output.documents import envelope, error_envelope
from imgtools.cli.output.output import Output
from imgtools.cli.session.line import Line, parse
from imgtools.cli.session.speaking import SessionOutput
from imgtools.cli.session.verbs import filled_groups, session_group
from imgtools.errors import LONGEST_MESSAGE, HostError, ImgtoolsError, UsageError, shorten
from imgtools.image.session_host import NOTHING, PIPE, host_command
from imgtools.workflows.shell import GuestSession

INTERRUPTED = 128 + signal.SIGINT


@dataclass(frozen=True, slots=True)
class RanReport:
    """A command that has no document of its own: its exit code, and what it printed as text."""

    command: str
    exit_code: int
    output: str = ""


class Runner:
    """Runs lines on one session.

    :param out: how the session itself speaks.
    :param takes_stdin: whether commands may read our standard input; a script that comes there is not for them.
    """

    def __init__(self, session: GuestSession, out: Output, *, takes_stdin: bool = True) -> None:
        self.session = session
        self._out = out
        self._takes_stdin = takes_stdin
        self._has_answered = False
        self._told: set[str] = set()
        self._spoke: SessionOutput | None = None  # as the command that runs speaks
        self._documents: TextIO | None = None  # where they go, while what else is printed is caught
        self.group = session_group(filled_groups(session, self._speak), session.request.name)

    def run(self, text: str, where: str = "") -> int:
        """Run one line and return its exit code; what is wrong is said on stderr, after ``where``.

        :raises SessionEnds: the line says so.
        """
        code, error, self._spoke, self._has_answered = 0, None, None, False
        line = Line()
        try:
            with self.session.running(text.strip()), self._quiet_logs():
                line, code, error = self._settled(text)
        except KeyboardInterrupt:
            self.session.let_go()
            code, error = INTERRUPTED, None
            self._out.note("interrupted")
        except ReaderGone:  # nobody reads our own output any more
            raise
        if error is not None:
            self._report(error, where)
        elif self._out.json and (line.words or line.host) and not self._answered(line):
            self._document(RanReport(text.strip(), code))
        self._out.flush()
        return code

    def _settled(self, text: str) -> tuple[Line, int, ImgtoolsError | None]:
        line, ended = Line(), [0]

        def work() -> None:
            nonlocal line
            line = parse(text)
            ended[0] = self._run(line, text.strip())

        code, error = settled(work)
        return line, code or ended[0], error

    def _run(self, line: Line, said: str) -> int:
        if line.host:
            return self._run_on_host(line.host)
        if not line.words:
            return 0
        with ExitStack() as stack:
            stack.enter_context(self._input(line))
            if line.pipe:
                return self._run_into(line, stack)
            if line.output:
                stack.enter_context(
                    _standard_output(_opened(line.output, "a" if line.appends else "w", "write"))
                )
                return self._call(line)
            if self._out.json:
                return self._call_for_json(line, said)
            return self._call(line)

    def _call(self, line: Line) -> int:
        """Run the command of a line, and return its exit code."""
        try:
            code = self.group.main(args=list(line.words), prog_name="", standalone_mode=False)
            sys.stdout.flush()
        except WrongWords as error:
            found = complaint(error)
            if not found.is_help:
                raise usage_error(found) from None
            self._out.line(found.message)
            return UsageError.exit_code
        except typer.Abort:
            raise KeyboardInterrupt from None
        if code == INTERRUPTED:  # what typer makes of Ctrl-C
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0

    def _call_for_json(self, line: Line, said: str) -> int:
        """Run a command that may print text, as help does, where each answer is a document."""
        content = io.BytesIO()
        with io.TextIOWrapper(content, encoding="utf-8", errors="surrogateescape") as held:
            before, sys.stdout, self._documents = sys.stdout, held, sys.stdout
            try:
                code = self._call(line)
            finally:
                sys.stdout, self._documents = before, None
            held.flush()
            printed = content.getvalue().decode("utf-8", "surrogateescape")
        if printed:
            self._document(RanReport(said, code, printed))
            self._has_answered = True
        return code

    # -- hosts -------------------------------------------------------------------------------------------------

    def _run_on_host(self, text: str) -> int:
        sys.stdout.flush()
        stdin = None if self._takes_stdin else NOTHING
        with host_command(text, stdin=stdin, stdout=self._host_output()) as command:
            pass
        return command.wait()

    def _host_output(self) -> int | None:
        """Standard output is for documents where they are asked for."""
        return 2 if self._out.json else None

    def _run_into(self, line: Line, stack: ExitStack) -> int:
        """Run a command whose output a command of the host reads; that this ends early is no error."""
        if line.output:
            raise UsageError("one of | and > at a time", hint="the host's command may have a > of its own")
        sys.stdout.flush()
        command = stack.enter_context(host_command(line.pipe, stdin=PIPE, stdout=self._host_output()))
        code = 0
        try:
            with _standard_output(
                io.TextIOWrapper(command.input, encoding="utf-8", errors="surrogateescape")
            ):
                code = self._call(line)
        except (ReaderGone, BrokenPipeError):
            pass
        return code or command.wait()

    @contextmanager
    def _input(self, line: Line) -> Iterator[None]:
        """Have a command read what its line says; of a script on standard input it reads nothing."""
        if self._takes_stdin and not line.input:
            yield
            return
        with _opened(line.input or os.devnull, "r", "read") as stream:
            before, sys.stdin = sys.stdin, stream
            try:
                yield
            finally:
                sys.stdin = before

    # -- speaking ----------------------------------------------------------------------------------------------

    def _speak(self, values: dict[str, Any]) -> Output:  # Any: as typer gives it
        """Return how the command that runs speaks: as its own options say, and those of the session."""
        levels = (logging.WARNING, logging.INFO, logging.DEBUG)
        quiet, verbose = values["quiet"] or self._out.quiet, values["verbose"]
        if quiet or verbose:
            logging.getLogger().setLevel(logging.ERROR if quiet else levels[min(verbose, 2)])
        self._spoke = SessionOutput(
            self._told,
            json=values["as_json"] or self._out.json,
            quiet=quiet,
            progress=self._out.progress_mode,
            verbose=verbose > 0 or self._out.verbose,
            gathers=self.session.gathered.writable,
            stdout=self._documents,
        )
        return self._spoke

    @contextmanager
    def _quiet_logs(self) -> Iterator[None]:
        """Have -v be of one command."""
        root = logging.getLogger()
        level = root.level
        try:
            yield
        finally:
            root.setLevel(level)

    def _answered(self, line: Line) -> bool:
        """Whether the command has said something where the documents of the session go."""
        if line.output or line.pipe:
            return False
        return self._has_answered or (self._spoke is not None and self._spoke.documents > 0)

    def _document(self, report: object) -> None:
        self._out.document(envelope(report, "imgtools.shell.ran/1"))

    def _report(self, error: ImgtoolsError, where: str) -> None:
        message = f"{where}: {error.message}" if where else error.message
        if self._out.json:
            document = error_envelope(error)
            if where:
                document["where"] = where
            self._out.document(document)
        lines = [clean(shorten(message, LONGEST_MESSAGE))]
        if error.hint:
            lines.append(f"  hint: {clean(shorten(error.hint, LONGEST_MESSAGE))}")
        sys.stderr.write("imgtools: " + "\n".join(lines) + "\n")
        sys.stderr.flush()


def _opened(place: str, mode: str, what: str) -> TextIO:
    """Open a file of the host behind a > or <.

    :raises HostError: it cannot be written, or read.
    """
    try:
        return cast(TextIO, Path(place).open(mode, encoding="utf-8", errors="surrogateescape"))
    except OSError as error:
        raise HostError(f"cannot {what} {place}: {error.strerror}") from None


@contextmanager
def _standard_output(stream: TextIO) -> Iterator[None]:
    """Have what is printed go to a stream, which is closed then."""
    before, sys.stdout = sys.stdout, stream
    try:
        with stream:
            yield
    finally:
        sys.stdout = before

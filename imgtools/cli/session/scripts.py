"""A session whose commands come from a file or a pipe."""

from __future__ import annotations

from collections.abc import Iterable

from imgtools.cli.output.output import Output
from imgtools.cli.session.ended import SessionEnds
from imgtools.cli.session.runner import Runner
from imgtools.workflows.shell import GuestSession

NOT_COMMITTED = 1  # done, and something was found: a plan that nobody has carried out


def run_script(
    session: GuestSession, out: Output, lines: Iterable[str], name: str, *, takes_stdin: bool
) -> int:
    """Run lines until one fails, and return the exit code of that; 1 where something planned was not committed.

    :param name: of the script, for messages.
    :param takes_stdin: whether commands may read standard input.
    """
    runner = Runner(session, out, takes_stdin=takes_stdin)
    try:
        for number, text in enumerate(lines, 1):
            code = runner.run(text.rstrip("\r\n"), f"{name}, line {number}")
            if code and not text.lstrip().startswith("-"):
                return code
    except SessionEnds:
        pass
    return NOT_COMMITTED if warn_of_plan(session, out) else 0


def warn_of_plan(session: GuestSession, out: Output) -> bool:
    """Say that something planned is not committed; returns whether there is such."""
    count = len(session.steps)
    if count:
        what = "a step is" if count == 1 else f"{count} steps are"
        out.warn(f"{what} planned and not committed: nothing of that was written")
    return bool(count)

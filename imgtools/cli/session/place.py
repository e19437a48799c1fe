"""Where one is in a session, as it is shown."""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.cli.output.output import Output
from imgtools.cli.output.views import Lines
from imgtools.workflows.shell import GuestSession


@dataclass(frozen=True, slots=True)
class PlaceReport:
    """A directory of the guest, or of ``lcd`` a folder of the host."""

    image: str
    folder: str


def show_place(out: Output, session: GuestSession, place: str) -> None:
    """Show where one is now."""
    report = PlaceReport(session.request.name, place)
    out.show(report, schema="imgtools.shell.place/1", view=lambda: Lines([place]))

"""How commands speak in a session: each warning once, one JSON document a command, and what becomes of a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TextIO

from imgtools.cli.output.documents import JsonValue
from imgtools.cli.output.output import Output
from imgtools.cli.output.views import View
from imgtools.records.system import Warned


class SessionOutput(Output):
    """What one command of a session says.

    :param told: the warnings that the session has seen; what is about the image is said of every command else.
    """

    def __init__(
        self,
        told: set[str],
        *,
        json: bool,
        quiet: bool,
        progress: str,
        verbose: bool,
        gathers: bool,
        stdout: TextIO | None = None,
    ) -> None:
        super().__init__(json_lines=json, quiet=quiet, progress=progress, verbose=verbose, stdout=stdout)
        self._told = told
        self.documents = 0  # that were printed
        if gathers:
            self.how_to_write = (
                "nothing written yet. commit writes all that is planned, undo takes this back."
            )

    def warn(self, warning: Warned | str) -> None:
        """Print a warning on stderr, if it was not said yet."""
        said = warning if isinstance(warning, str) else f"{warning.path}: {warning.text}"
        if said not in self._told:
            self._told.add(said)
            super().warn(warning)

    def document(self, document: JsonValue) -> None:
        """Print one JSON document on one line."""
        self.documents += 1
        super().document(document)

    def show_long(
        self,
        report: Callable[[], object],
        rows: Iterable[object],
        *,
        field: str,
        schema: str,
        view: Callable[[], View],
    ) -> None:
        """Show a report whose rows are made as they are taken."""
        super().show_long(report, rows, field=field, schema=schema, view=view)
        self.documents += self.json

"""Options of more than one command of ``fleet``."""

from __future__ import annotations

from typing import Annotated

import typer

Scheduler = Annotated[
    str,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Let the workers of this Dask scheduler do it, tcp://... or tls://...; else processes of this host.",
    ),
]
WorkMemory = Annotated[
    str,
    typer.Option("--memory", metavar="SIZE", help="How much memory the process of an image may have."),
]

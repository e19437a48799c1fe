"""What the shell may put behind --domain and --vol: the names that libvirt knows.

A completion has no words for what goes wrong: where nobody answers, nothing is offered. Names with letters that mean
something to a shell or a terminal are left out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable

import typer

from imgtools.errors import ImgtoolsError

PLAIN = re.compile(r"[\w@%+,./-]+")
MOST = 1000  # names that are offered


def domain_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the guests of the libvirt that --connect names whose name begins so."""
    from imgtools.libvirt.known_names import domain_names as known

    return _offered(known, ctx, incomplete)


def volume_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the volumes of storage pools that begin so, as POOL/VOLUME."""
    from imgtools.libvirt.known_names import volume_names as known

    return _offered(known, ctx, incomplete)


def _offered(known: Callable[[str], Iterable[str]], ctx: typer.Context, incomplete: str) -> list[str]:
    logging.disable()
    try:
        names = sorted(known(ctx.params.get("connect") or ""))
    except ImgtoolsError:
        return []
    return [name for name in names if name.startswith(incomplete) and PLAIN.fullmatch(name)][:MOST]

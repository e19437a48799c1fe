"""How the process of one image ends, whatever happens in it: with what was asked for, or with an error by name."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import TypeVar

from imgtools.errors import ImgtoolsError, host_fault

BUG = 70  # EX_SOFTWARE of sysexits.h
T = TypeVar("T")


class Bug(ImgtoolsError):
    """A bug of ours that met one of many images; the others have their answers."""

    exit_code = BUG


def settled(call: Callable[[], T]) -> tuple[T | None, ImgtoolsError | None]:
    """Run what is done for one of many images to its end; return what it gave, or the error it ended with."""
    try:
        return call(), None
    except ImgtoolsError as error:
        return None, error
    except Exception as error:  # the outermost of one image's process: the others go on
        if isinstance(error, OSError) and (fault := host_fault(error)) is not None:
            return None, fault
        logging.getLogger(__name__).info("%s", traceback.format_exc())
        name = type(error).__name__
        return None, Bug(
            f"a bug: {name}: {error}", hint="run it for this image with -v and report what it prints"
        )

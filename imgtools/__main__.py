"""Where the program starts: ``imgtools`` and ``python -m imgtools``. As little as can be."""

from __future__ import annotations

import gc
import sys

INTERRUPTED = 130  # as a shell reports SIGINT


def main() -> None:
    """Run the command line; Ctrl-C is no traceback while modules are still read either."""
    # What modules bring stays: looking for rubbish in it, now and as Python ends, is a tenth of a short command.
    gc.disable()
    try:
        from imgtools.cli.app import main as run
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    gc.freeze()
    gc.enable()
    called = sys.argv[0].rpartition("/")[2]
    if called.startswith(("virt-", "guest")):  # a link of `imgtools virt --install`
        sys.argv[1:1] = ["virt", called]
    try:
        run()
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()

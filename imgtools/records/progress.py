"""How far a long work is."""

from __future__ import annotations

from collections.abc import Callable

# Called with (done, total) in any one unit; total 0 means not known.
Progress = Callable[[int, int], None]

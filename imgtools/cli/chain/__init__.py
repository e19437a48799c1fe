"""Backing chains: show, flatten, squash, move.

`imgtools chain IMAGE` is `imgtools chain show IMAGE`.
"""

SECTION = "Look after images"
DEFAULT = "show"

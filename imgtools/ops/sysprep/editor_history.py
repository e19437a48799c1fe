"""Remove what shells, editors and clients remember of what was typed."""

from __future__ import annotations

from imgtools.ops.common_plans import removing_from_homes
from imgtools.ops.operation import UNIX, Operation

OPERATION = Operation(
    summary="Remove the histories of editors and clients",
    families=UNIX,
    plan=removing_from_homes(
        ".ash_history",
        ".sh_history",
        ".local/share/fish/fish_history",
        ".python_history",
        ".node_repl_history",
        ".irb_history",
        ".psql_history",
        ".mysql_history",
        ".sqlite_history",
        ".rediscli_history",
        ".mongo/repl_history",
        ".dbshell",
        ".lesshst",
        ".viminfo",
        ".local/state/vim/viminfo",
        ".local/state/nvim/shada",
        ".wget-hsts",
        ".nano/search_history",
        ".local/share/nano/search_history",
        ".emacs.d/history",
        ".local/share/mc/history",
        ".lftp/rl_history",
        ".recently-used",
        ".local/share/recently-used.xbel",
    ),
)

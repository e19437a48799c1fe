"""A template has no histories of shells, editors and clients.

They tell of other machines, and often a password. Source: bash(1), zsh, viminfo of vim.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import LINUX
from imgtools.ops.template_checks import sysprep_finds
from imgtools.records.audit import Level

CHECK = Check(
    title="A template has no histories of shells and editors",
    severity=Level.MEDIUM,
    look=sysprep_finds("a history of commands", "bash-history", "zsh-history", "editor-history"),
    families=LINUX,
)

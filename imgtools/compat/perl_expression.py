"""Perl's ``s/old/new/flags``, as the peers' scripts write it, in the words of our own expressions; no other Perl."""

from __future__ import annotations

import re
from collections.abc import Callable

from imgtools.errors import UsageError

LINE = "\ue000"  # stands for the number of the line until it is known; of Unicode's private letters
# In a replacement: an escape, a group, the whole match, the number of the line, and any other variable.
TOKENS = re.compile(
    r"\\(?P<escaped>.)|\$(?:(?P<group>\d)|\{(?P<braced>\d)\}|(?P<whole>&)|\{?(?P<name>\w+)\}?)|@\w", re.DOTALL
)
VARIABLE = re.compile(r"(?<!\\)(?:\\\\)*[$@]\{?[A-Za-z_]")
CLASS = re.compile(r"\[:\^?[a-z]+:\]")  # perlrecharclass(1); Python has none
SAME = frozenset("ntr0123456789\\")  # escapes that mean the same in both
HINT = "s/old/new/ with flags g and i, groups as $1, and $lineno"


def ours(text: str) -> str:
    """Return an expression in our words; ``LINE`` stands in it for ``$lineno``.

    :raises UsageError: it is more than one substitution, or has in it what only Perl can do.
    """
    text = text.strip().rstrip(";")
    mark = text[1:2]
    if text[:1] != "s" or not mark or mark.isalnum() or mark.isspace() or mark in "\\({[<":
        raise UsageError(f"no other Perl than s/old/new/ is run: {text!r}", hint=HINT)
    parts = re.split(rf"(?<!\\)((?:\\\\)*){re.escape(mark)}", text[2:])
    # Backslashes before a mark are split off; they belong to what stands before it.
    joined = [parts[at] + (parts[at + 1] if at + 1 < len(parts) else "") for at in range(0, len(parts), 2)]
    if len(joined) != 3 or not re.fullmatch("[gi]*", joined[2]):
        raise UsageError(f"no other Perl than s/old/new/ is run: {text!r}", hint=HINT)
    old, new, flags = joined
    if VARIABLE.search(old) or CLASS.search(old):
        raise UsageError(f"a pattern with what only Perl knows: {old!r}", hint=HINT)
    return f"s{mark}{old}{mark}{TOKENS.sub(_token(mark), new)}{mark}{flags}"


def _token(mark: str) -> Callable[[re.Match[str]], str]:
    """Return what turns one token of a replacement into ours.

    :raises UsageError: from within: there is nothing for it.
    """

    def turn(found: re.Match[str]) -> str:
        escaped = found["escaped"]
        if escaped is not None:
            if escaped in SAME or escaped == mark:
                return found[0]
            if not escaped.isalnum():
                return escaped
        elif group := found["group"] or found["braced"]:
            return rf"\g<{group}>"
        elif found["whole"]:
            return r"\g<0>"
        elif found["name"] == "lineno":
            return LINE
        raise UsageError(f"a replacement with what only Perl knows: {found[0]!r}", hint=HINT)

    return turn


def edited(content: bytes, text: str) -> bytes:
    """Return a file's content with an expression applied to each line.

    :raises UsageError: as :func:`ours`.
    """
    from imgtools.change.expression import apply_expressions

    expression = ours(text)
    if LINE not in expression:
        return apply_expressions(content, [expression])
    lines = content.splitlines(keepends=True)
    return b"".join(
        apply_expressions(line, [expression.replace(LINE, str(number))])
        for number, line in enumerate(lines, 1)
    )

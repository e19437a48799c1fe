"""How commands show registry values."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgtools.workflows.registry import ValueRow


def format_value(value: ValueRow) -> str:
    """Write a value's data in one cell: text, number in both bases, or hexadecimal bytes."""
    if value.text is not None:
        return value.text
    if value.texts is not None:
        return " | ".join(value.texts)
    if value.number is not None:
        return f"{value.number:#x} ({value.number})"
    return value.data.hex(" ")


def plain_lines(value: ValueRow) -> list[str]:
    """Write a value's data for a script: the text, a line for each of several texts, the number in decimal."""
    if value.text is not None:
        return [value.text]
    if value.texts is not None:
        return list(value.texts)
    return [str(value.number) if value.number is not None else value.data.hex()]

"""The security descriptors of a hive: a ring of cells, each with the number of keys that share it ("sk")."""

from __future__ import annotations

import struct

from imgtools.engine.regf.cells import NOTHING, Cells

SECURITY = struct.Struct(
    "<2s2xIIII"
)  # "Key security": next, previous, how many share it, bytes of the descriptor


def read_descriptor(cells: Cells, offset: int) -> bytes:
    """Return the security descriptor in a cell.

    :raises OddGuest: there is none.
    """
    raw = cells.read(offset, SECURITY.size)
    mark, _, _, _, size = SECURITY.unpack_from(raw)
    if mark != b"sk" or SECURITY.size + size > len(raw):
        raise cells.damaged(f"its security at {offset}")
    return raw[SECURITY.size : SECURITY.size + size]


def share_security(cells: Cells, offset: int) -> None:
    """Count one key more that shares a descriptor."""
    if offset != NOTHING:
        _put(cells, offset, sharing=_fields(cells, offset)[2] + 1)


def forget_security(cells: Cells, offset: int) -> None:
    """Count one key less; a descriptor that nobody shares any more leaves the ring."""
    if offset == NOTHING:
        return
    after, before, sharing, _ = _fields(cells, offset)
    if sharing > 1:
        _put(cells, offset, sharing=sharing - 1)
        return
    if after == offset:
        return  # the last one: a hive has at least that of its root
    _put(cells, before, after=after)
    _put(cells, after, before=before)
    cells.free(offset)


def write_ring(cells: Cells, descriptors: list[tuple[bytes, int]]) -> list[int]:
    """Write descriptors, each with how many share it; return their cells."""
    offsets = [cells.add(SECURITY.pack(b"sk", 0, 0, sharing, len(raw)) + raw) for raw, sharing in descriptors]
    for index, offset in enumerate(offsets):
        _put(cells, offset, after=offsets[(index + 1) % len(offsets)], before=offsets[index - 1])
    return offsets


def _fields(cells: Cells, offset: int) -> tuple[int, int, int, int]:
    read_descriptor(cells, offset)
    _, after, before, sharing, size = SECURITY.unpack_from(cells.read(offset))
    return after, before, sharing, size


def _put(
    cells: Cells,
    offset: int,
    *,
    after: int | None = None,
    before: int | None = None,
    sharing: int | None = None,
) -> None:
    raw = read_descriptor(cells, offset)
    old = _fields(cells, offset)
    new = [old[index] if one is None else one for index, one in enumerate((after, before, sharing))]
    cells.write(offset, SECURITY.pack(b"sk", *new, len(raw)) + raw)

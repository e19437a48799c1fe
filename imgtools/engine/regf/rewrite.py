"""A hive written anew: the same keys and values in new bins, without what was free between them."""

from __future__ import annotations

import struct
from collections import Counter

from imgtools.engine.regf.cells import NOTHING, Cells
from imgtools.engine.regf.keys import MAX_DEPTH, KeyNode, ValueCell, read_subkeys, write_data, write_subkeys
from imgtools.engine.regf.security import read_descriptor, write_ring


def written_anew(old: Cells) -> Cells:
    """Return the hive in new bins.

    :raises OddGuest: it is damaged.
    """
    return _Copy(old).run()


class _Copy:
    def __init__(self, old: Cells) -> None:
        self._old, self._new = old, old.emptied()
        self._security: dict[int, int] = {}

    def run(self) -> Cells:
        # A key is written before its subkeys, which name it, and once more when it is known where they are.
        self._security = self._copy_security()
        root = KeyNode.read(self._old, self._old.root)
        self._new.root = self._copy_key(root, root.parent, 0)
        return self._new

    def _copy_security(self) -> dict[int, int]:
        shared: Counter[int] = Counter()
        todo, seen = [self._old.root], {self._old.root}
        while todo:
            node = KeyNode.read(self._old, todo.pop())
            shared[node.security] += 1
            for below in read_subkeys(self._old, node.list, node.subkeys)[0]:
                if below in seen:
                    raise self._old.damaged("a key that is in itself")
                seen.add(below)
                todo.append(below)
        shared.pop(NOTHING, None)
        offsets = write_ring(self._new, [(read_descriptor(self._old, one), shared[one]) for one in shared])
        return {NOTHING: NOTHING, **dict(zip(shared, offsets, strict=True))}

    def _copy_key(self, node: KeyNode, parent: int, depth: int) -> int:
        if depth > MAX_DEPTH:
            raise self._old.damaged("a key in more others than Windows takes")
        subkeys = read_subkeys(self._old, node.list, node.subkeys)[0]
        node.parent, node.security = parent, self._security[node.security]
        node.class_name = self._copy_class(node)
        node.value_list = self._copy_values(node)
        offset = self._new.add(node.pack())
        copied = []
        for one in subkeys:
            below = KeyNode.read(self._old, one)
            copied.append((below.name, self._copy_key(below, offset, depth + 1)))
        node.list = write_subkeys(self._new, copied)
        self._new.write(offset, node.pack())
        return offset

    def _copy_class(self, node: KeyNode) -> int:
        if node.class_name == NOTHING or not node.class_length:
            return NOTHING
        return self._new.add(self._old.read(node.class_name, node.class_length)[: node.class_length])

    def _copy_values(self, node: KeyNode) -> int:
        if not node.values:
            return NOTHING
        listed = struct.unpack_from(f"<{node.values}I", self._old.read(node.value_list, 4 * node.values))
        copied = []
        for one in listed:
            value = ValueCell.read(self._old, one)
            value.size, value.data = write_data(self._new, value.read_data(self._old))
            copied.append(self._new.add(value.pack()))
        return self._new.add(struct.pack(f"<{len(copied)}I", *copied))

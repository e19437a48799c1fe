"""qcow (version 1) and qed headers: QEMU's older formats with backing files.

Sources: block/qcow.c and docs/interop/qed_spec.txt of QEMU.
"""

from __future__ import annotations

import struct
import sys
from array import array

from imgtools.disk.headers.header import Header, damaged, piece, spread
from imgtools.disk.headers.hostfile import HostFile

HAS_BACKING, NEED_CHECK, BACKING_IS_RAW = 1, 2, 4  # qed's feature bits
MAX_NAME = 1023
QCOW_COMPRESSED = 1 << 63


def read_qcow(file: HostFile, budget: int) -> Header:
    """Read the header of a qcow image of version 1."""
    head = piece(file, 0, 48, "header")
    (_, version, name_offset, name_size, _, size, cluster_bits, l2_bits, _, crypt, l1_offset) = (
        struct.unpack_from(">4sIQIIQBBHIQ", head)
    )
    if version != 1:
        raise damaged(file, f"not a qcow image of version 1 but of {version}")
    if not 9 <= cluster_bits <= 16 or not 6 <= l2_bits <= 13 or crypt > 1 or name_size > MAX_NAME:
        raise damaged(file, "impossible header fields")
    shift = cluster_bits + l2_bits
    entries = (size + (1 << shift) - 1) >> shift
    # The first-level table is written when the image is made, but its last zeros may be a hole.
    tables = [entry for entry in _big(file.read(l1_offset, min(entries * 8, budget))) if entry]
    needs = max([l1_offset, *(table + (8 << l2_bits) for table in tables)])
    for index in spread(len(tables), max(1, budget // (8 << l2_bits))):
        words = _big(file.read(tables[index], 8 << l2_bits))
        mask = (1 << (63 - cluster_bits)) - 1
        ends = [word & mask if word & QCOW_COMPRESSED else word for word in words if word]
        needs = max(needs, max(ends, default=0) + 1)
    name = piece(file, name_offset, name_size, "backing file name") if name_offset else b""
    return Header("qcow", size, needs, backing=name, encryption="aes" if crypt else "")


def read_qed(file: HostFile, budget: int) -> Header:
    """Read the header of a qed image."""
    head = piece(file, 0, 64, "header")
    (
        _,
        cluster_size,
        table_clusters,
        header_clusters,
        features,
        _,
        _,
        l1_offset,
        size,
        name_at,
        name_size,
    ) = struct.unpack_from("<4sIIIQQQQQII", head)
    if (
        not 4096 <= cluster_size <= 64 << 20
        or cluster_size & (cluster_size - 1)
        or not 1 <= table_clusters <= 16
    ):
        raise damaged(file, "impossible header fields")
    if name_size > MAX_NAME or (features & HAS_BACKING and name_at > header_clusters * cluster_size):
        raise damaged(file, f"backing file name of {name_size} bytes")
    table_size = table_clusters * cluster_size
    tables = [entry for entry in _little(file.read(l1_offset, min(table_size, budget))) if entry > 1]
    needs = max([l1_offset + table_size, *(table + table_size for table in tables)])
    for index in spread(len(tables), max(1, budget // table_size)):
        words = _little(file.read(tables[index], min(table_size, budget)))
        needs = max(needs, max(words, default=0) + 1)  # 0: not allocated, 1: zeros
    name = piece(file, name_at, name_size, "backing file name") if features & HAS_BACKING else b""
    return Header(
        format="qed",
        virtual_size=size,
        needs=needs,
        backing=name,
        backing_format="raw" if features & BACKING_IS_RAW else "",
        dirty=bool(features & NEED_CHECK),
    )


def _big(data: bytes) -> array[int]:
    words = array("Q", data[: len(data) // 8 * 8])
    if sys.byteorder == "little":
        words.byteswap()
    return words


def _little(data: bytes) -> array[int]:
    words = array("Q", data[: len(data) // 8 * 8])
    if sys.byteorder == "big":
        words.byteswap()
    return words

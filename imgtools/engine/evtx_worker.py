"""Reads chunks of Windows event logs in a process of its own: run as a program by ``evtx.py``, never imported.

A hostile log can make a reader of BinXml expand a few bytes into gigabytes, or work for ever; the limits of this
process end that. Chunks of 64 KiB come on standard input. For each, one line of JSON a record goes to standard
output, then a line with the number of records that could not be read.

It imports nothing of imgtools, because it is started by its file name.
"""

from __future__ import annotations

import io
import json
import struct
import sys
import zlib
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pyevtx

CHUNK = 65536
MAX_TEXT = 64 << 10  # characters of one value
MAX_VALUES = 256
NAMESPACE = "{http://schemas.microsoft.com/win/2004/08/events/event}"


def main() -> None:
    """Answer chunk after chunk, until standard input ends."""
    source, target = sys.stdin.buffer, sys.stdout
    while len(chunk := source.read(CHUNK)) == CHUNK:
        first, last = struct.unpack_from("<QQ", chunk, 24)
        missing = last - first + 1
        for record in records(chunk):
            if record is not None:
                missing -= 1
                target.write(json.dumps(record) + "\n")
        target.write(f"{max(missing, 0)}\n")
        target.flush()


def records(chunk: bytes) -> Iterator[dict[str, Any] | None]:  # Any: JSON values
    """Yield the records of one chunk, oldest first; None for one that does not parse."""
    log = pyevtx.file()
    log.open_file_object(io.BytesIO(file_header(chunk) + chunk))
    for index in range(log.number_of_records):
        try:
            yield facts(log.get_record(index))
        except (OSError, ValueError, MemoryError):
            yield None


def file_header(chunk: bytes) -> bytes:
    """The header of a log that has this one chunk (libevtx, "Windows XML Event Log (EVTX) format")."""
    (last,) = struct.unpack_from("<Q", chunk, 32)
    following = (last + 1) & 0xFFFF_FFFF_FFFF_FFFF
    head = struct.pack("<8sQQQIHHHH76xI", b"ElfFile\0", 0, 0, following, 128, 1, 3, 4096, 1, 0)
    return (head + struct.pack("<I", zlib.crc32(head[:120]))).ljust(4096, b"\0")


def facts(record: pyevtx.record) -> dict[str, Any]:  # Any: JSON values
    """What one record says. ``time`` is Windows' FILETIME."""
    found: dict[str, Any] = {
        "time": record.get_written_time_as_integer(),
        "record": record.identifier,
        "event": record.event_identifier & 0xFFFF,
        "level": record.event_level,
        "provider": (record.source_name or "")[:MAX_TEXT],
        "host": (record.computer_name or "")[:MAX_TEXT],
    }
    return found | of_xml(record)


def of_xml(record: pyevtx.record) -> dict[str, Any]:  # Any: JSON values
    """What only the XML tells: the channel, the process and the names of the data."""
    try:
        root = ElementTree.fromstring(record.xml_string)
    except (ElementTree.ParseError, OSError, UnicodeError, TypeError):
        # A control character in a string is no XML; the strings are there all the same.
        return {"data": [["", text[:MAX_TEXT]] for text in strings(record)]}
    process = root.find(f"{NAMESPACE}System/{NAMESPACE}Execution")
    return {
        "channel": (root.findtext(f"{NAMESPACE}System/{NAMESPACE}Channel") or "")[:MAX_TEXT],
        "pid": process.get("ProcessID") if process is not None else None,
        "data": [pair for part in root if part.tag != f"{NAMESPACE}System" for pair in data(part)][
            :MAX_VALUES
        ],
    }


def data(part: ElementTree.Element) -> Iterator[list[str]]:
    """Yield name and text of the values in EventData or UserData."""
    for element in part.iter():
        text = (element.text or "").strip()
        if len(element) == 0 and text:
            tag = element.tag.rpartition("}")[2]
            yield [element.get("Name") or ("" if tag in ("Data", "Binary") else tag), text[:MAX_TEXT]]


def strings(record: pyevtx.record) -> list[str]:
    """The strings of a record, as many as can be read."""
    found = []
    for index in range(min(record.number_of_strings, MAX_VALUES)):
        try:
            found.append(record.get_string(index) or "")
        except OSError:
            break
    return found


if __name__ == "__main__":
    main()

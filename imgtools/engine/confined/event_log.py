"""Chunks of Windows event logs, read by libevtx in a worker.

A hostile log can make a reader of BinXml expand a few bytes into gigabytes, or work for ever; the limits of the worker
end that.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.engine.confined.kinds import Limits
from imgtools.engine.confined.worker import Worker

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    import pyevtx

Facts = dict[str, object]
MAX_TEXT = 64 << 10  # characters of one value
MAX_VALUES = 256
MAX_ANSWER = 16 << 20  # characters of the records of a chunk; a chunk of Windows' own has some 100,000
NAMESPACE = "{http://schemas.microsoft.com/win/2004/08/events/event}"


class ChunkReader:
    """A worker that reads chunks, one after the other.

    :param about: the log, for messages.
    """

    def __init__(self, about: str, limits: Limits) -> None:
        self._worker = Worker(
            "libevtx", about, _Service, limits=limits, imports=("pyevtx", "xml.etree.ElementTree")
        )

    def read(self, chunk: bytes) -> tuple[list[Facts], int]:
        """Return what the records of a chunk say, oldest first, and how many could not be read.

        :raises BadImage: libevtx crashed on it, or came to a limit.
        :raises ImportError: libevtx is not installed.
        """
        found, missing = self._worker.ask("read", chunk)
        return [dict(one) for one in found], int(missing)

    def end(self) -> None:
        """End the worker."""
        self._worker.end()


# -- in the worker ----------------------------------------------------------------------------------------


class _Service:
    """Answers in plain values."""

    def read(self, chunk: bytes) -> tuple[list[Facts], int]:
        first, last = struct.unpack_from("<QQ", chunk, 24)
        found, left = [], MAX_ANSWER
        for record in records(chunk):
            left -= 0 if record is None else _size(record)
            if left < 0:
                break
            if record is not None:
                found.append(record)
        return found, max(0, last - first + 1 - len(found))


def _size(record: Facts) -> int:
    data = record.get("data")
    pairs = data if isinstance(data, list) else []
    return sum(len(name) + len(text) for name, text in pairs) + 1024


def records(chunk: bytes) -> Iterator[Facts | None]:
    """Yield the records of one chunk, oldest first; None for one that does not parse."""
    import pyevtx

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


def facts(record: pyevtx.record) -> Facts:
    """What one record says. ``time`` is Windows' FILETIME."""
    found: Facts = {
        "time": record.get_written_time_as_integer(),
        "record": record.identifier,
        "event": record.event_identifier & 0xFFFF,
        "level": record.event_level,
        "provider": (record.source_name or "")[:MAX_TEXT],
        "host": (record.computer_name or "")[:MAX_TEXT],
    }
    return found | of_xml(record)


def of_xml(record: pyevtx.record) -> Facts:
    """What only the XML tells: the channel, the process and the names of the data."""
    from xml.etree import ElementTree

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


def data(part: Element) -> Iterator[list[str]]:
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

"""What a program in a guest writes, passed on while it runs."""

from __future__ import annotations

import codecs
from typing import TextIO

from imgtools.cli.output.clean import clean


class Passing:
    """Writes bytes to a stream as they come: as they are, but to a terminal without its control characters."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode

    def __call__(self, piece: bytes) -> None:
        """Write one piece."""
        buffer = getattr(self._stream, "buffer", None)
        if buffer is not None and not self._stream.isatty():
            self._stream.flush()
            buffer.write(piece)
            buffer.flush()
            return
        text = self._decode(piece)
        if self._stream.isatty():
            lines = text.replace("\r\n", "\n").split("\n")
            text = "\n".join("\t".join(clean(cell) for cell in line.split("\t")) for line in lines)
        else:
            text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        self._stream.write(text)
        self._stream.flush()

"""The calls of libevtx that imgtools makes (libevtx-python). Errors are OSError."""

from typing import BinaryIO

class record:
    identifier: int
    event_identifier: int
    event_level: int
    source_name: str | None
    computer_name: str | None
    xml_string: str
    number_of_strings: int
    def get_written_time_as_integer(self) -> int: ...
    def get_string(self, index: int) -> str | None: ...

class file:
    number_of_records: int
    def open_file_object(self, file_object: BinaryIO) -> None: ...
    def get_record(self, index: int) -> record: ...

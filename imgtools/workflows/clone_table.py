"""A table of clones: CSV with a header, or a YAML list of mappings; the columns are those of :class:`CloneRow`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from imgtools.errors import HostError, UsageError

LIMIT = 4 << 20  # bytes; a table of ten thousand clones with their keys stays below
COLUMNS = ("name", "hostname", "ssh_key")


@dataclass(frozen=True, slots=True)
class CloneRow:
    """One clone. ``hostname`` "" is made from the pattern; ``ssh_key`` is ``USER:KEY``, "" for none."""

    name: str
    hostname: str = ""
    ssh_key: str = ""


def read_table(host_path: Path) -> tuple[CloneRow, ...]:
    """Read a table; ``.yaml`` and ``.yml`` are YAML, anything else is CSV.

    :raises HostError: the file cannot be read.
    :raises UsageError: it does not parse; the message has file and line.
    """
    try:
        with host_path.open("rb") as stream:
            text = stream.read(LIMIT + 1).decode("utf-8")
    except OSError as error:
        raise HostError(f"cannot read {host_path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{host_path}: not UTF-8") from None
    if len(text) > LIMIT:
        raise UsageError(f"{host_path}: larger than {LIMIT} bytes")
    reader = _yaml if host_path.suffix in (".yaml", ".yml") else _csv
    rows = tuple(_row(host_path, line, values) for line, values in reader(host_path, text))
    if not rows:
        raise UsageError(f"{host_path}: no clones in the table")
    return rows


def _row(host_path: Path, line: int, values: Mapping[str, str]) -> CloneRow:
    unknown = [name for name in values if name not in COLUMNS]
    if unknown:
        raise UsageError(
            f"{host_path}, line {line}: no such column: {unknown[0]!r}",
            hint=f"there are {', '.join(COLUMNS)}",
        )
    if not values.get("name"):
        raise UsageError(f"{host_path}, line {line}: a clone without a name")
    return CloneRow(**values)


def _csv(host_path: Path, text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    try:
        for fields in reader:
            if not header:
                header = fields
            elif len(fields) != len(header) and fields:
                raise UsageError(
                    f"{host_path}, line {reader.line_num}: {len(fields)} fields, and {len(header)} columns"
                )
            elif fields:
                yield reader.line_num, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise UsageError(f"{host_path}, line {reader.line_num}: {error}") from None


def _yaml(host_path: Path, text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    import yaml

    try:
        top = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise UsageError(f"{host_path}, line {line}: not YAML") from None
    if not isinstance(top, yaml.SequenceNode):
        raise UsageError(f"{host_path}, line 1: not a list of clones")
    for node in top.value:
        line = node.start_mark.line + 1
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        plain = all(isinstance(part, yaml.ScalarNode) for pair in pairs for part in pair)
        if not pairs or not plain:
            raise UsageError(f"{host_path}, line {line}: not a clone", hint="- name: web1")
        yield line, {key.value: value.value for key, value in pairs}

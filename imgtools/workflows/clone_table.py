"""A table of clones: CSV with a header, or a YAML list of mappings; the columns are those of :class:`CloneRow`.

In YAML a list stands for several values of a column; in CSV they are separated by spaces.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgtools.errors import HostError, ImgtoolsError, UsageError
from imgtools.ops.command_file import read_order_line
from imgtools.ops.operation import HostSide
from imgtools.records.orders import Named, Order

LIMIT = 4 << 20  # bytes; a table of ten thousand clones with their keys stays below
NETWORK = ("address", "gateway", "dns", "search")
SPACED = (*NETWORK, "mac")  # columns of values that are separated by spaces in CSV
SEVERAL = (*SPACED, "ssh_key", "customize")  # columns that may hold a list in YAML
COLUMNS = ("name", "hostname", "ssh_key", "interface", *NETWORK, "mac", "customize")
MAC = re.compile(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}")  # odd first octets are groups of machines

# One line of a table: the values of each column.
Values = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class CloneRow:
    """One clone. ``hostname`` "" is made from the pattern; a key is ``USER:KEY``; "" is none of it.

    ``macs`` are for the network cards of a new libvirt definition, in their order. ``place`` is where the row stands,
    for messages: ``clones.csv, line 3: ``.
    """

    name: str
    hostname: str = ""
    ssh_keys: tuple[str, ...] = ()
    interface: str = ""
    addresses: tuple[
        str, ...
    ] = ()  # with their prefixes, 192.0.2.10/24; none is DHCP, if there is an interface
    gateways: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    orders: tuple[Named, ...] = ()  # further customizations
    place: str = ""


def orders_of(row: CloneRow, hostname: str) -> list[Named]:
    """Return what makes the clone of a row its own."""
    orders = [Named("hostname", Order(hostname))] if hostname else []
    orders += [Named("ssh-inject", Order(key)) for key in row.ssh_keys]
    if row.interface:
        settings = [*(row.addresses or ("dhcp",))]
        for name, values in (("gateway", row.gateways), ("dns", row.dns), ("search", row.search)):
            settings += [f"{name}={value}" for value in values]
        orders.append(Named("interface", Order(f"{row.interface}={','.join(settings)}")))
    return [*orders, *row.orders]


def read_table(host_path: Path, host: HostSide) -> tuple[CloneRow, ...]:
    """Read a table; ``.yaml`` and ``.yml`` are YAML, anything else is CSV.

    :param host: what the orders in its column ``customize`` may need of the host.

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
    rows = tuple(
        _row(f"{host_path}, line {line}: ", values, host) for line, values in reader(host_path, text)
    )
    if not rows:
        raise UsageError(f"{host_path}: no clones in the table")
    _refuse_twice(rows)
    return rows


def _row(place: str, values: Values, host: HostSide) -> CloneRow:
    unknown = [name for name in values if name not in COLUMNS]
    if unknown:
        raise UsageError(f"{place}no such column: {unknown[0]!r}", hint=f"there are {', '.join(COLUMNS)}")
    one = {name: _only(place, name, texts) for name, texts in values.items() if name not in SEVERAL}
    if not one.get("name"):
        raise UsageError(f"{place}a clone without a name")
    if not one.get("interface") and any(values.get(name) for name in NETWORK):
        raise UsageError(
            f"{place}an address without an interface", hint="name it in the column interface: eth0"
        )
    macs = tuple(text.lower().replace("-", ":") for text in values.get("mac", ()))
    for mac in macs:
        if not MAC.fullmatch(mac):
            raise UsageError(f"{place}not the address of a network card: {mac!r}", hint="52:54:00:12:34:56")
    return CloneRow(
        **one,
        ssh_keys=values.get("ssh_key", ()),
        addresses=values.get("address", ()),
        gateways=values.get("gateway", ()),
        dns=values.get("dns", ()),
        search=values.get("search", ()),
        macs=macs,
        orders=tuple(_order(place, line, host) for line in values.get("customize", ())),
        place=place,
    )


def _order(place: str, line: str, host: HostSide) -> Named:
    try:
        return read_order_line(line, host)
    except ImgtoolsError as error:
        raise type(error)(place + error.message, hint=error.hint) from None


def _only(place: str, name: str, texts: tuple[str, ...]) -> str:
    if len(texts) > 1:
        raise UsageError(f"{place}{name} has several values")
    return texts[0] if texts else ""


def _refuse_twice(rows: tuple[CloneRow, ...]) -> None:
    """What two machines of one network must not share."""
    seen: dict[str, str] = {}
    for row in rows:
        addresses = (text.partition("/")[0] for text in row.addresses if text != "dhcp")
        for value in (*row.macs, *addresses):
            if value in seen:
                raise UsageError(f"{row.place}{value} is taken by {seen[value]} already")
            seen[value] = row.name


def _csv(host_path: Path, text: str) -> Iterator[tuple[int, Values]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    try:
        for fields in reader:
            if not header:
                header = [name.strip() for name in fields]
                if len(set(header)) != len(header):
                    raise UsageError(f"{host_path}, line {reader.line_num}: a column comes twice")
            elif len(fields) != len(header) and fields:
                raise UsageError(
                    f"{host_path}, line {reader.line_num}: {len(fields)} fields, and {len(header)} columns"
                )
            elif fields:
                cells = zip(header, fields, strict=True)
                yield reader.line_num, {name: _split(name, text.strip()) for name, text in cells}
    except csv.Error as error:
        raise UsageError(f"{host_path}, line {reader.line_num}: {error}") from None


def _yaml(host_path: Path, text: str) -> Iterator[tuple[int, Values]]:
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
        yield node.start_mark.line + 1, _mapping(host_path, node)


def _mapping(host_path: Path, node: Any) -> Values:  # Any: PyYAML has no types
    import yaml

    place = f"{host_path}, line {node.start_mark.line + 1}"
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    values: dict[str, tuple[str, ...]] = {}
    for key, value in pairs:
        texts = value.value if isinstance(value, yaml.SequenceNode) else [value]
        if not all(isinstance(one, yaml.ScalarNode) for one in (key, *texts)) or key.value in values:
            place = f"{host_path}, line {key.start_mark.line + 1}"
            raise UsageError(f"{place}: not a clone", hint="- name: web1")
        values[key.value] = tuple(one.value for one in texts if one.value)
    if not values:
        raise UsageError(f"{place}: not a clone", hint="- name: web1")
    return values


def _split(name: str, text: str) -> tuple[str, ...]:
    """The values of a cell."""
    if name in SPACED:
        return tuple(text.replace(",", " ").split())
    return (text,) if text else ()

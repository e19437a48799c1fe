"""Tables of clones: the same in CSV and YAML, and errors that name their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import HostError, UsageError
from imgtools.ops.operation import HostSide
from imgtools.records.orders import Named, Order
from imgtools.workflows.clone_table import CloneRow, orders_of, read_table

KEY = "root:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGsome web2"
HOST = HostSide(lambda prompt: "")
TABLES = {
    "t.csv": f"name,ssh_key,hostname,interface,address,gateway,dns,search,mac\n"
    f"web1,{KEY},,eth0,192.0.2.10/24 2001:db8::10/64,192.0.2.1,192.0.2.2 192.0.2.3,lan,52-54-00-AA-00-01\n"
    "\n"
    "web2,,db,,,,,,\n",
    "t.yaml": f"- name: web1\n  ssh_key: ['{KEY}']\n  interface: eth0\n  address: [192.0.2.10/24, '2001:db8::10/64']\n"
    "  gateway: 192.0.2.1\n  dns: [192.0.2.2, 192.0.2.3]\n  search: lan\n  mac: '52:54:00:aa:00:01'\n"
    "- name: web2\n  hostname: db\n",
}


@pytest.mark.parametrize(("name", "lines"), [("t.csv", (2, 4)), ("t.yaml", (1, 9))])
def test_a_table_says_the_same_in_either_format(tmp_path: Path, name: str, lines: tuple[int, int]) -> None:
    (file := tmp_path / name).write_text(TABLES[name])
    first = CloneRow(
        "web1",
        ssh_keys=(KEY,),
        interface="eth0",
        addresses=("192.0.2.10/24", "2001:db8::10/64"),
        gateways=("192.0.2.1",),
        dns=("192.0.2.2", "192.0.2.3"),
        search=("lan",),
        macs=("52:54:00:aa:00:01",),
        place=f"{file}, line {lines[0]}: ",
    )
    assert read_table(file, HOST) == (first, CloneRow("web2", "db", place=f"{file}, line {lines[1]}: "))


BAD = [
    ("t.csv", "name,hostname\nweb1\n", "t.csv, line 2: 1 fields, and 2 columns"),
    ("t.csv", "name,colour\nweb1,red\n", "line 2: no such column: 'colour'"),
    ("t.csv", "name,hostname\na,b\n,web\n", "line 3: a clone without a name"),
    ("t.csv", "name\n", "no clones"),
    ("t.csv", "name,customize\na,colour red\n", "line 2: no such customization: colour"),
    ("t.csv", "name,name\na,b\n", "line 1: a column comes twice"),
    ("t.csv", "name,address\na,192.0.2.1/24\n", "line 2: an address without an interface"),
    ("t.csv", "name,mac\na,01:00:00:00:00:01\n", "line 2: not the address of a network card"),
    (
        "t.csv",
        "name,mac\na,52:54:00:00:00:01\nb,52:54:00:00:00:01\n",
        "line 3: 52:54:00:00:00:01 is taken by a",
    ),
    (
        "t.csv",
        "name,interface,address\na,e0,192.0.2.1/24\nb,e0,192.0.2.1/25\n",
        "line 3: 192.0.2.1 is taken by a",
    ),
    ("t.yaml", "- name: a\n- just text\n", "t.yaml, line 2: not a clone"),
    ("t.yaml", "- name: a\n- name: [b, c]\n", "line 2: name has several values"),
    ("t.yaml", "- name: a\n- name: {b: c}\n", "line 2: not a clone"),
    ("t.yaml", "- name: a\n  name: b\n", "line 2: not a clone"),
    ("t.yaml", "- name: a\n  - b: c\n", "line 2: not YAML"),
    ("t.yaml", "name: a\n", "not a list of clones"),
]


@pytest.mark.parametrize(("name", "text", "message"), BAD)
def test_a_row_that_does_not_parse_is_told_by_its_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (file := tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=message):
        read_table(file, HOST)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HostError):
        read_table(tmp_path / "none.csv", HOST)


def test_a_row_is_orders() -> None:
    row = CloneRow(
        "web1",
        ssh_keys=(KEY,),
        interface="eth0",
        addresses=("192.0.2.10/24",),
        gateways=("192.0.2.1",),
        dns=("::1",),
    )
    assert orders_of(row, "web1.lan") == [
        Named("hostname", Order("web1.lan")),
        Named("ssh-inject", Order(KEY)),
        Named("interface", Order("eth0=192.0.2.10/24,gateway=192.0.2.1,dns=::1")),
    ]
    assert orders_of(CloneRow("web2", interface="eth1"), "") == [Named("interface", Order("eth1=dhcp"))]


def test_a_row_has_customizations_of_its_own(tmp_path: Path) -> None:
    (file := tmp_path / "t.yaml").write_text("- name: a\n  customize: [timezone UTC, 'mkdir /srv/a']\n")
    (row,) = read_table(file, HOST)
    assert orders_of(row, "") == [Named("timezone", Order("UTC")), Named("mkdir", Order("/srv/a"))]

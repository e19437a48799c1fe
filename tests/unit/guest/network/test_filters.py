"""Packet filters: whether their rules keep anything out."""

from __future__ import annotations

import pytest

from imgtools.guest.network.filters import nft_keeps_out, packet_filters, tables_keep_out
from tests.support.memory import memory_files

INPUT = "table inet f {{\n chain input {{\n  type filter hook input priority 0; {}\n }}\n}}\n"


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        ("", False),
        (INPUT.format(""), False),
        (INPUT.format("policy accept; tcp dport { 22, 80 } accept"), False),
        (INPUT.format("policy drop;"), True),
        (INPUT.format("tcp dport 23 drop"), True),
        (INPUT.format("# policy drop;\n"), False),
        (INPUT.format("jump rules"), True),
        (INPUT.format("") + INPUT.replace("input", "output").format("policy drop;"), False),
        (INPUT.replace("input", "output").format("policy drop;") + INPUT.format("reject"), True),
        ("hook input " * 20_000, False),
    ],
)
def test_rules_of_nftables(text: str, keeps: bool) -> None:
    assert nft_keeps_out(text) is keeps


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        (":INPUT ACCEPT [0:0]\n-A INPUT -p tcp -j ACCEPT\n-A INPUT -j LOG\n", False),
        (":INPUT DROP [0:0]\n", True),
        ("-A INPUT -j ufw-before-input\n", True),
        ("-A FORWARD -j DROP\n#-A INPUT -j DROP\n", False),
    ],
)
def test_rules_of_iptables(text: str, keeps: bool) -> None:
    assert tables_keep_out(text) is keeps


def test_what_is_not_started_keeps_nothing_out() -> None:
    files = memory_files({"/etc/nftables.conf": INPUT.format("policy drop;")})
    assert list(packet_filters(files, {})) == []
    found = list(packet_filters(files, {"nftables": "/x", "shorewall": "/y"}))
    assert [(one.name, one.path, one.keeps_out) for one in found] == [
        ("nftables", "/etc/nftables.conf", True),
        ("shorewall", "/y", True),
    ]

"""virt-win-reg: export keys of a Windows guest's registry, or merge .reg files into it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from imgtools.compat.dispatch import report_warnings
from imgtools.compat.sources import drives as drives_of
from imgtools.compat.sources import request_of
from imgtools.compat.text import put, put_bytes
from imgtools.compat.words import Takes, Words, idle, refused, switch, valued
from imgtools.errors import HostError, UsageError
from imgtools.records.request import Target

OPTIONS = (
    switch("--help", "-?"),
    switch("--version"),
    switch("--long-options"),
    switch("--short-options"),
    valued("--connect", "-c"),
    idle("nothing is traced", "--debug", "-d"),
    valued("--format"),
    switch("--merge"),
    refused("strings are stored as Windows stores them, UTF-16LE", "--encoding", takes=Takes.VALUE),
    switch("--unsafe-printable-strings"),
)
SINGLE_DASH = True
DEFAULT = ("HKEY_USERS\\.DEFAULT", "HKEY_LOCAL_MACHINE\\.DEFAULT")  # what it is, and what the peer calls it


def run(words: Words) -> int:
    """Export a key or print a value; with --merge change the registry."""
    if not words.rest:
        raise UsageError("no libvirt domain name or disk image given", hint="virt-win-reg IMAGE KEY")
    image, *rest = words.rest
    request = request_of(words, drives_of(words, [image]))
    if words.last("--format"):
        disks = tuple(replace(disk, format=words.last("--format")) for disk in request.disks)
        request = replace(request, disks=disks)
    if words.has("--merge"):
        from imgtools.workflows.registry_edit import How, merge

        contents = [(name, _content(name)) for name in rest] or [("standard input", sys.stdin.buffer.read())]
        report = merge(replace(request, share=False), Target(write=True), contents, how=How())
        report_warnings(words, report.warnings)
        return 0
    if len(rest) not in (1, 2):
        raise UsageError(
            "expecting 1 or 2 more parameters, subkey path and optionally the value to export",
            hint="virt-win-reg IMAGE KEY [VALUE]",
        )
    from imgtools.change.hivex_text import exported, value_text
    from imgtools.workflows.registry import one_value, open_export

    with open_export(request, rest[0].removeprefix("\\")) as export:
        if len(rest) == 2:
            value = one_value(export.place, export.key, "" if rest[1] == "@" else rest[1])
            put(value_text(value))
        else:
            known, called = DEFAULT
            prefix = called if export.place.prefix.upper() == known else export.place.prefix
            for line in exported(export.key, prefix, readable=words.has("--unsafe-printable-strings")):
                put_bytes(line)
    return 0


def _content(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise HostError(f"cannot read {name}: {error.strerror}") from None

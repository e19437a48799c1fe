"""Which guest the words name: -a, -d, -c, --format, --blocksize, --key, and the old way without -a."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgtools.compat.words import Option, Takes, Words, idle, switch, valued
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.records.domain import Domain
    from imgtools.records.image import DiskSource
    from imgtools.records.request import ImageRequest, Key

TRACING = (
    "what libguestfs does is not traced: it is mostly not there; imgtools COMMAND -vv tells what is done"
)
SPEAKING = (
    switch("--help"),
    switch("--version", "-V"),
    switch("--long-options"),
    switch("--short-options"),
    idle(TRACING, "--verbose", "-v"),
    idle(TRACING, "-x"),
)
NAMING = (
    valued("--add", "-a"),
    valued("--connect", "-c"),
    valued("--domain", "-d"),
    Option(("--format",), Takes.MAYBE),
    Option(("--blocksize",), Takes.MAYBE),
)
KEYS = (
    valued("--key"),
    switch("--keys-from-stdin"),
    idle("what is typed for a key is never shown", "--echo-keys"),
)
MOUNT = valued("--mount", "-m")


@dataclass(frozen=True, slots=True)
class Drives:
    """What was named, in the order named: files or URIs with their format and size of sectors, and domains."""

    disks: tuple[DiskSource, ...]
    names: tuple[str, ...]  # as they were named
    connect: str
    domains: tuple[Domain, ...]


def drives(words: Words, old: Sequence[str] = ()) -> Drives:
    """Return what the options name.

    :param old: the words before what the program is about: without -a and -d they are images and domains.
    :raises UsageError: --format or --blocksize stands behind the -a that it is about, or a number is none.
    """
    from imgtools.records.image import disk_named, is_uri, sector_size
    from imgtools.records.remote import remote_options

    connect = words.last("--connect") or ""
    disks: list[DiskSource] = []
    domains: list[Domain] = []
    names: list[str] = []
    format_, size, pending = None, 0, ""
    for one in words.given:
        if one.name == "--format":
            format_, pending = None if one.value == "auto" else one.value or None, one.name
        elif one.name == "--blocksize":
            size, pending = sector_size(_number(one.value)), one.name
        elif one.name in ("--add", "--domain"):
            pending = "" if one.name == "--add" else pending
            named = one.value or ""
            names.append(named)
            if one.name == "--domain":
                domains.append(_domain(named, connect))
                disks.extend(domains[-1].disks)
            else:
                remote = remote_options(True, None) if is_uri(named) else None
                disks.append(disk_named(named, format_, None, (), remote, size))
    if pending:
        raise UsageError(
            f"{pending} parameter must appear before -a parameter", hint=f"{pending}=... -a IMAGE"
        )
    if not names:
        for word in old:
            names.append(word)
            if "/" in word or Path(word).exists():
                disks.append(disk_named(word, None, None, (), None, 0))
            else:
                domains.append(_domain(word, connect))
                disks.extend(domains[-1].disks)
    return Drives(tuple(disks), tuple(names), connect, tuple(domains))


def _number(text: str | None) -> int | None:
    if not text:
        return None
    if not text.isdecimal():
        raise UsageError(f"--blocksize takes a number: {text}", hint="512 or 4096")
    return int(text)


def _domain(name: str, connect: str) -> Domain:
    from imgtools.libvirt.named import find_domain

    found = find_domain(name, connect)
    if found.problem is not None:
        raise found.problem
    return found


def request_of(words: Words, named: Drives, *, mounts: tuple[str, ...] = ()) -> ImageRequest:
    """Return what a workflow is asked to open.

    Backing files may lie anywhere, as with the peers.

    :raises UsageError: nothing is named.
    """
    from imgtools.records.request import Backing, ImageRequest

    if not named.disks:
        raise UsageError(
            "you must specify at least one -a or -d option", hint=f"{words.program} -a IMAGE ..."
        )
    live = any(one.is_live for one in named.domains)
    return ImageRequest(
        named.disks,
        (*_keys(words), *(key for one in named.domains for key in one.keys)),
        backing=Backing.ANY,
        mounts=mounts,
        share=live,
        domain=named.domains[0].name if named.domains else "",
        connect=named.connect,
    )


def source(words: Words, old: Sequence[str] = (), *, mounts: bool = True) -> ImageRequest:
    """Return what a workflow is asked to open; see :func:`drives`.

    :param mounts: -m is about what to mount of the guest.
    """
    return request_of(words, drives(words, old), mounts=words.all("--mount") if mounts else ())


def disk_request(words: Words, name: str) -> ImageRequest:
    """Return what a workflow is asked to open where a disk is named by itself, and --format is about it.

    It is a file or a URI, never a domain.
    """
    from imgtools.records.image import disk_named, is_uri
    from imgtools.records.remote import remote_options

    remote = remote_options(True, None) if is_uri(name) else None
    disk = disk_named(name, words.last("--format") or None, None, (), remote, 0)
    return request_of(words, Drives((disk,), (name,), "", ()))


def _keys(words: Words) -> tuple[Key, ...]:
    texts, from_stdin = words.all("--key"), words.has("--keys-from-stdin")
    if not texts and not from_stdin:
        return ()
    from imgtools.disk.keys import parse_key, read_lines

    keys = tuple(parse_key(text, _ask) for text in texts)
    return (*keys, *read_lines(sys.stdin.buffer)) if from_stdin else keys


def _ask(prompt: str) -> str:
    from getpass import getpass

    return getpass(prompt)


def writing(request: ImageRequest) -> ImageRequest:
    """Return the same, to be written: an image in use is refused."""
    return replace(request, share=False)

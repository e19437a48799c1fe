"""Keys that a Tang server helps to find: the bindings in a LUKS2 header, asked for with clevis' own program.

A binding is a token of the header with a JWE (RFC 7516); clevis-luks-bind(1) writes it. Which server is asked is said
in it, by whoever can write to the disk: nobody is asked unless the user says so.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from imgtools.engine.confined.kinds import Kind, Limits
from imgtools.engine.process import Fence, ToolFailed, run
from imgtools.errors import KeyNeeded, KeyOutOfReach, shorten
from imgtools.records.request import Secret
from imgtools.volumes.luks.header import LuksHeader

SECONDS = 60.0
MOST = 1 << 20  # characters of a JWE
DEEPEST = 3  # secrets that are shared among shared secrets
PARTS = ("protected", "encrypted_key", "iv", "ciphertext", "tag")  # RFC 7516, section 7.1: joined by dots
URL = re.compile(r"https?://[A-Za-z0-9.\-_~:\[\]]{1,255}(/[A-Za-z0-9.\-_~%/]{0,512})?")
BASE64 = re.compile(r"[A-Za-z0-9_-]*")
# What curl needs to find a server, and to know it.
NETWORK = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/ssl",
    "/etc/ca-certificates",
)
UNBOUND = "`clevis luks bind` makes a binding; another key is given with --key {}:file:PATH"
HERE = {
    "tpm2": "it is sealed by the TPM of the machine that the guest runs on, which only that machine can ask",
    "yubikey": "it is on a YubiKey",
    "pkcs11": "it is on a smart card",
}


class _Odd(Exception):
    """Something in a binding cannot be right."""


class Binding(NamedTuple):
    """A way to a key: ``pins`` are what has to be asked, ``urls`` the servers among them."""

    jwe: str
    pins: tuple[str, ...]
    urls: tuple[str, ...]


def ask_clevis(header: LuksHeader, device: str) -> Secret:
    """Return the passphrase that the first binding gives whose servers answer.

    :raises KeyNeeded: the header has no binding.
    :raises KeyOutOfReach: none of them can be asked from here, or none answers.
    :raises ToolMissing: clevis is not installed.
    """
    tokens = [one for one in header.tokens.values() if one.get("type") == "clevis"]
    if not tokens:
        why = (
            "LUKS1 keeps it in luksmeta, which is not read here"
            if header.version == 1
            else "its header has none"
        )
        raise KeyNeeded(f"{device}: no binding of clevis: {why}", hint=UNBOUND.format(device))
    reasons = []
    for token in tokens:
        try:
            binding = read_binding(token.get("jwe"))
        except _Odd as odd:
            reasons.append(f"a binding of clevis is damaged: {odd}")
            continue
        if unknown := [pin for pin in binding.pins if pin not in ("tang", "sss")]:
            reasons.append(HERE.get(unknown[0], f"its pin {shorten(unknown[0], 40)!r} is not known here"))
            continue
        try:
            return Secret(_decrypt(binding.jwe))
        except ToolFailed as failed:
            reasons.append(f"{', '.join(binding.urls)}: {shorten(failed.done.complaint)}")
    raise KeyOutOfReach(
        f"{device}: its key cannot be had from here: {reasons[0]}",
        hint=f"is its server reachable? Another key is given with --key {device}:file:PATH",
    )


def read_binding(jwe: object) -> Binding:
    """Return what a token's JWE says, in JSON or in its short form.

    :raises _Odd: it is none.
    """
    if isinstance(jwe, dict):
        parts = [jwe.get(name, "") for name in PARTS]
        if not all(isinstance(part, str) for part in parts):
            raise _Odd("a part of it is no text")
        jwe = ".".join(parts)
    if not isinstance(jwe, str) or len(jwe) > MOST or not all(map(BASE64.fullmatch, jwe.split("."))):
        raise _Odd("it is no JWE")
    servers = tuple(_servers(jwe, 0))
    return Binding(jwe, tuple(pin for pin, _ in servers), tuple(url for _, url in servers if url))


def _servers(jwe: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yield each pin in it, and the server's URL where it is one of Tang."""
    said = _protected(jwe).get("clevis")
    if not isinstance(said, dict) or not isinstance(pin := said.get("pin"), str):
        raise _Odd("it names no pin")
    settings = said.get(pin)
    if pin == "tang":
        url = settings.get("url") if isinstance(settings, dict) else None
        if not isinstance(url, str) or not URL.fullmatch(url):
            raise _Odd("its server's URL is none of http or https")
        yield pin, url
        return
    yield pin, ""
    if pin == "sss":
        shares = settings.get("jwe") if isinstance(settings, dict) else None
        if depth == DEEPEST or not isinstance(shares, list) or len(shares) > 16:
            raise _Odd("its shares are too many, or none")
        for share in shares:
            if not isinstance(share, str):
                raise _Odd("a share is no text")
            yield from _servers(share, depth + 1)


def _protected(jwe: str) -> Mapping[str, Any]:  # Any: JSON
    head = jwe.partition(".")[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError):
        raise _Odd("its header cannot be read") from None
    if not isinstance(found, dict):
        raise _Odd("its header is no object")
    return found


def _decrypt(jwe: str) -> bytes:
    fence = Fence(Kind.KEY_SERVER, tuple(Path(place) for place in NETWORK))
    return run(["clevis", "decrypt"], fence, stdin=jwe.encode(), limits=Limits(seconds=SECONDS)).stdout

"""Keys for encrypted volumes, as people hand them over without showing them to the whole host."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from imgtools.engine.keys import ANYTHING, is_text
from imgtools.errors import HostError, UsageError
from imgtools.records.detached_header import DetachedHeader
from imgtools.records.request import Key, Secret

PART = re.compile(
    r"(?P<path>.+?)(?:,keyfile-offset=(?P<offset>\d{1,18}))?(?:,keyfile-size=(?P<size>\d{1,18}))?", re.DOTALL
)
MAX_KEY_BYTES = 8 << 20  # cryptsetup's limit for key files (cryptsetup(8), --keyfile-size)


def parse_key(text: str, ask: Callable[[str], str]) -> Key:
    """Return the key of a text: ``SELECTOR:file:PATH``, ``:env:NAME``, ``:keyring:NAME``, ``:clevis``, ``:ask``,
    ``:key:SECRET``.

    The selector is a device, a UUID, a label, the image's path or name, ``image`` or ``all``. A file is read as it is;
    a text less one final line end, as virt-cat does it. Behind its path may stand where in it the key is, in the
    words of crypttab(5): ``PATH,keyfile-offset=BYTES,keyfile-size=BYTES``; then nothing is taken off its end. ``key:``
    puts the secret into the process list; it is there for those who insist.

    :param ask: how to ask a person for the secret, called with a prompt.
    :raises UsageError: the text is not a key.
    :raises HostError: the file or the variable is not there.
    """
    # A selector may be a path with a colon: the first that is followed by a way to give a secret ends it.
    match = re.match(r"(.+?):(file|env|ask|keyring|clevis|key)(?::(.*))?$", text, re.DOTALL)
    selector, kind, value = match.groups("") if match else (text.partition(":")[0], "", "")
    if not match or (kind not in ("ask", "clevis") and not value):
        raise UsageError(
            f"not a key: {selector or text}",
            hint="write DEVICE:file:PATH, DEVICE:env:NAME, DEVICE:keyring:NAME or DEVICE:ask",
        )
    if kind == "clevis":
        return Key(selector, Secret(b""), clevis=True)
    if kind == "keyring":
        from imgtools.engine.keyring import read_key  # late: few keys are there

        return Key(selector, Secret(read_key(value)))
    if kind == "file" and (part := PART.fullmatch(value)) and (part["offset"] or part["size"]):
        return Key(selector, Secret(_read_part(part)))
    return Key(selector, read_secret(kind, value, f"Key for {selector}: ", ask))


def parse_header(text: str) -> DetachedHeader:
    """Return the header that ``DEVICE:file:PATH`` or ``DEVICE:device:DEVICE`` names.

    :raises UsageError: the text is none.
    :raises HostError: the file is not there.
    """
    match = re.fullmatch(r"(.+?):(file|device):(.+)", text, re.DOTALL)
    if match is None:
        raise UsageError(
            f"not a header: {text}",
            hint="write DEVICE:file:PATH, or DEVICE:device:DEVICE for another one of the guest",
        )
    selector, kind, value = match.groups()
    if kind == "device":
        return DetachedHeader(selector, device=value)
    if not Path(value).is_file():
        raise HostError(f"there is no header {value}", hint="`cryptsetup luksFormat --header` makes one")
    return DetachedHeader(selector, Path(value))


def read_lines(stream: BinaryIO) -> tuple[Key, ...]:
    """Return the keys of a stream, one a line without its end, each for every volume that no other key opens.

    The virt-* tools take the nth line for the nth encrypted volume; here each is tried on all, so that this works too.

    :raises UsageError: there is none.
    :raises HostError: they are more than anybody has.
    """
    content = stream.read(MAX_KEY_BYTES + 1)
    if len(content) > MAX_KEY_BYTES:
        raise HostError(f"the keys of standard input are more than {MAX_KEY_BYTES} bytes")
    lines = [line.removesuffix(b"\r") for line in content.split(b"\n")]
    keys = tuple(Key(ANYTHING, Secret(line)) for line in lines if line)
    if not keys:
        raise UsageError("standard input has no key", hint="--keys-from-stdin reads one key a line")
    return keys


def read_secret(kind: str, value: str, prompt: str, ask: Callable[[str], str]) -> Secret:
    """Return the secret that ``kind`` and ``value`` lead to; the secret itself is in no message.

    :raises UsageError: the kind is none of file, env, ask, key.
    :raises HostError: the file or the variable is not there, or is empty.
    """
    if kind == "file":
        content = _read_file(Path(value))
    elif kind == "env":
        content = os.environ.get(value, "").encode("utf-8", "surrogateescape")
        if not content:
            raise HostError(f"the environment variable {value} is not set", hint=f"export {value}=...")
    elif kind == "ask":
        content = ask(prompt).encode("utf-8", "surrogateescape")
    elif kind == "key":
        content = value.encode("utf-8", "surrogateescape")
    else:
        raise UsageError(f"no such way to give a secret: {kind}", hint="use file, env or ask")
    return Secret(content)


def _read_part(part: re.Match[str]) -> bytes:
    """Read a stretch of a key file: to its end, if no size is said."""
    host_path, offset, size = Path(part["path"]), int(part["offset"] or 0), int(part["size"] or 0)
    if size > MAX_KEY_BYTES:
        raise UsageError(f"a key of {size} bytes", hint=f"cryptsetup takes {MAX_KEY_BYTES} at most")
    try:
        with host_path.open("rb") as stream:
            stream.seek(offset)
            content = stream.read(size or MAX_KEY_BYTES + 1)
    except OSError as error:
        raise HostError(f"cannot read the key file {host_path}: {error.strerror}") from None
    if len(content) > MAX_KEY_BYTES:
        raise HostError(f"the key file {host_path} is larger than {MAX_KEY_BYTES} bytes")
    if not content or len(content) < size:
        raise HostError(
            f"the key file {host_path} ends before byte {offset + max(size, 1)}",
            hint="keyfile-offset and keyfile-size are in bytes",
        )
    return content


def _read_file(host_path: Path) -> bytes:
    try:
        with host_path.open("rb") as stream:
            content = stream.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise HostError(f"cannot read the key file {host_path}: {error.strerror}") from None
    if len(content) > MAX_KEY_BYTES:
        raise HostError(f"the key file {host_path} is larger than {MAX_KEY_BYTES} bytes")
    return content.removesuffix(b"\n") if is_text(Secret(content)) else content

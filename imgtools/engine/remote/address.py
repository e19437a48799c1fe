"""What a URI of an image says, taken apart before anything is asked of anybody.

Passwords are refused: whatever stands in a URI stands in the list of processes, in the shell's history and in logs. The
forms are those of RFC 3986, the NBD project's doc/uri.md, and QEMU's own for iSCSI and RBD
(docs/system/qemu-block-drivers.rst.inc).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from imgtools.errors import UsageError
from imgtools.records.remote import Address

LONGEST = 8192  # characters; servers take no longer ones
NETRC_HINT = "a login is read from ~/.netrc (or what NETRC names): machine HOST login USER password PASSWORD"
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|rbd:")
_NAME = re.compile(r"[A-Za-z0-9._~%:-]+")  # of a host, or an address
_IQN = re.compile(r"(iqn|eui|naa)\.[A-Za-z0-9.:_-]+")  # RFC 3720, 3.2.6.3


def is_uri(word: str) -> bool:
    """Whether a word that stands for an image is a URI; a file of such a name is written with ./ before it."""
    return _URI.match(word) is not None


def parse_address(uri: str) -> Address:
    """Take a URI apart.

    :raises UsageError: it is none of those that are read, is not whole, or holds a password.
    """
    if len(uri) > LONGEST or any(not letter.isprintable() or letter in ' "\\<>' for letter in uri):
        raise UsageError(
            "the URI of the image is not one", hint="encode blanks and special letters: %20 is a blank"
        )
    if uri.startswith("rbd:"):
        return _rbd(uri.removeprefix("rbd:").removeprefix("//"))
    try:
        split = urlsplit(uri)
        _ = split.port
    except ValueError:
        raise UsageError("the URI of the image is not one", hint="SCHEME://HOST[:PORT]/PLACE") from None
    reader = _SCHEMES.get(split.scheme)
    if reader is None:
        raise UsageError(
            f"images are not read from {split.scheme}://", hint=f"these are: {', '.join((*_SCHEMES, 'rbd'))}"
        )
    if split.password is not None or "%" in (split.username or ""):
        raise UsageError(
            "the URI of the image holds a password, which everybody sees in the list of processes",
            hint=NETRC_HINT if split.scheme not in ("ssh", "sftp") else "ssh's agent and key files are used",
        )
    if split.fragment:
        raise UsageError("the URI of the image has a part behind #, which no server sees", hint="%23 is a #")
    return reader(split)


def _host(split: SplitResult) -> str:
    host = split.hostname or ""
    if not host or not _NAME.fullmatch(host) or host.startswith("-"):
        raise UsageError(f"{split.scheme}:// names no host", hint=f"{split.scheme}://HOST[:PORT]/PLACE")
    return host


def _refuse_user(split: SplitResult) -> None:
    if split.username is not None:
        raise UsageError(f"{split.scheme}:// takes no user", hint=NETRC_HINT)


def _options(split: SplitResult, known: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The options behind the question mark, which have to be known: one that is not may have been meant."""
    found = parse_qsl(split.query, keep_blank_values=True)
    for name, _ in found:
        if name not in known:
            hint = f"known are: {', '.join(known)}" if known else "leave it away"
            raise UsageError(f"{split.scheme}:// has no option {name}", hint=hint)
    return tuple(found)


def _http(split: SplitResult) -> Address:
    _refuse_user(split)
    return Address(split.scheme, _host(split), split.path or "/", split.port or 0, query=split.query)


def _nbd(split: SplitResult) -> Address:
    _refuse_user(split)
    files = ("tls-certificates", "tls-psk-file", "tls-username") if split.scheme == "nbds" else ()
    export = unquote(split.path.removeprefix("/"))
    return Address(split.scheme, _host(split), export, split.port or 0, options=_options(split, files))


def _nbd_unix(split: SplitResult) -> Address:
    _refuse_user(split)
    options = _options(split, ("socket",))
    path = dict(options).get("socket", "")
    if split.netloc or not path:
        raise UsageError("nbd+unix:// names no socket", hint="nbd+unix:///EXPORT?socket=PATH")
    absolute = str(Path(path).absolute())
    return Address(split.scheme, "", unquote(split.path.removeprefix("/")), options=(("socket", absolute),))


def _ssh(split: SplitResult) -> Address:
    _options(split, ())
    path = unquote(split.path)
    if path.strip("/") == "":
        raise UsageError("ssh:// names no file", hint="ssh://[USER@]HOST[:PORT]/PATH")
    user = split.username or ""
    if user.startswith("-"):
        raise UsageError("ssh:// names no user", hint="ssh://[USER@]HOST[:PORT]/PATH")
    return Address("ssh", _host(split), path, split.port or 0, user)


def _iscsi(split: SplitResult) -> Address:
    _options(split, ())
    target, _, lun = unquote(split.path.removeprefix("/")).rpartition("/")
    if not _IQN.fullmatch(target) or not (lun.isascii() and lun.isdigit() and int(lun) < 1 << 14):
        raise UsageError("iscsi:// names no target and LUN", hint="iscsi://[USER@]HOST[:PORT]/IQN/LUN")
    return Address("iscsi", _host(split), f"{target}/{int(lun)}", split.port or 0, split.username or "")


def _rbd(text: str) -> Address:
    place, *words = text.split(":")
    options = []
    for word in words:
        name, _, value = word.partition("=")
        if name in ("key", "keyring", "mon_host"):
            raise UsageError(
                f"rbd: with {name}= in it", hint="keys and monitors are read from ceph.conf and its keyrings"
            )
        if name not in ("id", "conf") or not value:
            raise UsageError(
                f"rbd: has no option {name}", hint="rbd:POOL/IMAGE[@SNAPSHOT][:id=USER][:conf=FILE]"
            )
        options.append((name, value))
    if not re.fullmatch(r"[^/@]+(/[^/@]+){1,2}(@[^/@]+)?", place):
        raise UsageError(
            "rbd: names no pool and image", hint="rbd:POOL/[NAMESPACE/]IMAGE[@SNAPSHOT][:id=USER][:conf=FILE]"
        )
    return Address("rbd", "", place, user=dict(options).get("id", ""), options=tuple(options))


_SCHEMES: Mapping[str, Callable[[SplitResult], Address]] = {
    "nbd": _nbd,
    "nbds": _nbd,
    "nbd+unix": _nbd_unix,
    "ssh": _ssh,
    "sftp": _ssh,
    "http": _http,
    "https": _http,
    "iscsi": _iscsi,
}
SCHEMES = (*_SCHEMES, "rbd")

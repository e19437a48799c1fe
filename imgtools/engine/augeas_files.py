"""Configuration files through Augeas, as bytes in memory: no temporary files, no look at the host's own /etc.

A session holds one parsed file. A node's name is what stands behind the file's own path and one slash, byte for byte:
``/opt`` means all nodes of that name (the descendant axis, ``//opt``), and ``[...]`` is about the file's own node.

Only the lens that it needs is loaded where the file is a usual one; else all transforms are loaded (0.2 s, and then
kept) and the one whose file patterns match is taken, as Augeas itself does.
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imgtools.engine.confined.worker import Worker
from imgtools.engine.kept import keep, recall
from imgtools.engine.lens_text import LensText, tolerant, with_end
from imgtools.errors import OddGuest, ToolMissing, UsageError

if TYPE_CHECKING:
    from augeas import Augeas

# Files edited so often that the wait for all lenses would be felt. Patterns as in the lenses' own filters.
USUAL = (
    ("/etc/ssh/sshd_config", "Sshd.lns"),
    ("/etc/ssh/sshd_config.d/*.conf", "Sshd.lns"),
    ("/etc/ssh/ssh_config", "Ssh.lns"),
    ("/etc/fstab", "Fstab.lns"),
    ("/etc/crypttab", "Crypttab.lns"),
    ("/etc/hosts", "Hosts.lns"),
    ("/etc/hostname", "Hostname.lns"),
    ("/etc/passwd", "Passwd.lns"),
    ("/etc/group", "Group.lns"),
    ("/etc/shadow", "Shadow.lns"),
    ("/etc/gshadow", "Gshadow.lns"),
    ("/etc/sudoers", "Sudoers.lns"),
    ("/etc/default/grub", "Shellvars.lns"),
    ("/etc/sysconfig/network-scripts/ifcfg-*", "Shellvars.lns"),
    ("/etc/sysconfig/network", "Shellvars.lns"),
    ("/etc/selinux/config", "Shellvars.lns"),
    ("/etc/os-release", "Shellvars.lns"),
    ("/etc/sysctl.conf", "Sysctl.lns"),
    ("/etc/sysctl.d/*.conf", "Sysctl.lns"),
    ("/etc/resolv.conf", "Resolv.lns"),
    ("/etc/login.defs", "Login_defs.lns"),
    ("/etc/network/interfaces", "Interfaces.lns"),
)
LENS_FOLDERS = ("/usr/share/augeas/lenses", "/usr/share/augeas/lenses/dist")
MOST_NODES = 100_000  # of one file
_IN, _OUT = "/imgtools/in", "/imgtools/out"
_SPECIAL = re.compile(r"([\\\[\]()!=,|\s])")  # characters that a path expression gives a meaning


class ConfigFile:
    """One configuration file, parsed; nodes are named relative to the file (``PermitRootLogin``, ``1/ipaddr``).

    Augeas works in a process of its own.

    :param content: None for a file that does not exist yet.
    :param lens: such as ``Sshd.lns``; empty: the one whose file patterns match the path.
    :raises OddGuest: the content does not parse; the message has the line.
    :raises UsageError: there is no such lens, or none for this path.
    :raises BadImage: libaugeas crashed on it.
    """

    def __init__(self, path: str, content: bytes | None, lens: str = "") -> None:
        self.lens = lens or lens_of(path)
        _load()  # here: Python starts programs to find the library
        folders = [Path(folder) for folder in _lens_folders()]
        self._worker = Worker("libaugeas", path, lambda: _Parsed(path, content, self.lens), reads=folders)
        self._worker.ask("ready")

    def get(self, node: str) -> str | None:
        """Return the value of a node; None if it is not there or has no value.

        :raises UsageError: the expression does not parse, or matches several nodes.
        """
        found = self._worker.ask("get", node)
        return None if found is None else str(found)

    def match(self, node: str) -> tuple[str, ...]:
        """Return the nodes that an expression matches, relative to the file."""
        return tuple(map(str, self._worker.ask("match", node)))

    def nodes(self) -> tuple[tuple[str, str | None], ...]:
        """Return every node with its value, in the order of the file.

        :raises OddGuest: there are more than :data:`MOST_NODES`.
        """
        return tuple(
            (str(node), None if value is None else str(value)) for node, value in self._worker.ask("nodes")
        )

    def set(self, node: str, value: str) -> None:
        """Give a node a value; it is made if it is not there."""
        self._worker.ask("set", node, value)

    def remove(self, node: str) -> int:
        """Remove the nodes that an expression matches, with all below them; return how many nodes went."""
        return int(self._worker.ask("remove", node))

    def text(self) -> bytes:
        """Return the file as its tree now says; what was not changed keeps its bytes.

        :raises UsageError: the lens cannot write this tree (a node that the format has no place for).
        """
        return bytes(self._worker.ask("text"))


class _Parsed:
    """The file in the worker; answers in plain values."""

    def __init__(self, path: str, content: bytes | None, lens: str) -> None:
        self._path = path
        self.lens = lens
        self._root = "/files" + _SPECIAL.sub(r"\\\1", path)
        self._text = with_end(content or b"\n")
        self._is_new = not content
        if b"\0" in self._text.text:
            raise OddGuest(f"{path} is not a text file: it holds a NUL")
        # Augeas wants UTF-8; other bytes travel as the letters of Latin-1 that have their numbers.
        self._codec = "utf-8" if _is_utf8(self._text.text) else "latin-1"
        self._augeas = _open(load_all=False)
        if not self._parse(self._text):
            odd, other = self._odd(), tolerant(content or b"", self.lens)
            if other is None or not self._parse(other):
                raise odd
            self._text = other

    def _parse(self, text: LensText) -> bool:
        self._augeas.set(_IN, text.text.decode(self._codec))
        try:
            self._augeas.text_store(self.lens, _IN, self._root)
        except ValueError:
            return False
        return True

    def ready(self) -> bool:
        """Whether it is parsed, which it is once this can be asked."""
        return True

    def get(self, node: str) -> str | None:
        """Return the value of a node; None if it is not there or has no value.

        :raises UsageError: the expression does not parse, or matches several nodes.
        """
        try:
            value = self._augeas.get(self._full(node))
        except (ValueError, RuntimeError):
            raise self._wrong(node) from None
        return None if value is None else self._from_tree(value)

    def match(self, node: str) -> tuple[str, ...]:
        """Return the nodes that an expression matches, relative to the file; "" is the file itself.

        :raises UsageError: the expression does not parse, or leads out of the file.
        """
        try:
            found = self._augeas.match(self._full(node))
        except (ValueError, RuntimeError):
            raise self._wrong(node) from None
        if any(path != self._root and not path.startswith(f"{self._root}/") for path in found):
            raise UsageError(f"not a node of {self._path}: {node} leads out of the file")
        return tuple(self._from_tree(path[len(self._root) + 1 :]) for path in found)

    def nodes(self) -> list[tuple[str, str | None]]:
        """Return every node with its value, in the order of the file; those of the file itself are left out."""
        found = self._augeas.match(f"{self._root}//*")
        if len(found) > MOST_NODES:
            raise OddGuest(f"{self._path} has {len(found)} nodes, more than the {MOST_NODES} that make sense")
        values = ((path, self._augeas.get(path)) for path in found)
        return [
            (self._from_tree(path[len(self._root) + 1 :]), None if value is None else self._from_tree(value))
            for path, value in values
        ]

    def set(self, node: str, value: str) -> None:
        """Give a node a value; it is made if it is not there."""
        try:
            self._augeas.set(self._full(node), self._to_tree(value))
        except (ValueError, RuntimeError):
            raise self._wrong(node) from None

    def remove(self, node: str) -> int:
        """Remove the nodes that an expression matches, with all below them; return how many nodes went."""
        self.match(node)
        return int(self._augeas.remove(self._full(node)))

    def text(self) -> bytes:
        """Return the file as its tree now says; what was not changed keeps its bytes.

        :raises UsageError: the lens cannot write this tree (a node that the format has no place for).
        """
        try:
            self._augeas.text_retrieve(self.lens, _IN, self._root, _OUT)
        except ValueError:
            reason = self._error("message").partition("\n")[0]
            raise UsageError(
                f"{self._path}: {self.lens} has no place for what was set: {reason}",
                hint="see the nodes that are there: imgtools config match",
            ) from None
        content = str(self._augeas.get(_OUT) or "").encode(self._codec)
        return content.removeprefix(b"\n") if self._is_new else self._text.restored(content)

    def _full(self, node: str) -> str:
        separator = "" if not node or node.startswith("[") else "/"
        return f"{self._root}{separator}{self._to_tree(node)}"

    def _to_tree(self, text: str) -> str:
        return text if self._codec == "utf-8" else text.encode("utf-8", "surrogateescape").decode("latin-1")

    def _from_tree(self, text: str) -> str:
        return text if self._codec == "utf-8" else text.encode("latin-1").decode("utf-8", "surrogateescape")

    def _error(self, name: str) -> str:
        found = self._augeas.match(f"/augeas/text{self._root}/error/{name}")
        return str(self._augeas.get(found[0]) or "") if found else ""

    def _odd(self) -> OddGuest | UsageError:
        line, message = self._error("line"), self._error("message")
        if not message:
            return UsageError(
                f"there is no lens {self.lens}", hint="lenses are called Sshd.lns, Fstab.lns ..."
            )
        return OddGuest(
            f"{self._path}:{line}: does not parse as {self.lens}: {message.partition(chr(10))[0]}",
            hint="see the file with imgtools cat; a line that the lens does not know may still be right",
        )

    def _wrong(self, node: str) -> UsageError:
        found = self._augeas.match("/augeas/error/pathx")
        reason = self._augeas.get(found[0]) if found else "it matches several nodes, or none can be made"
        return UsageError(f"not a node of {self._path}: {node}: {reason}")


def edit_config(
    path: str, content: bytes | None, settings: Sequence[tuple[str, str | None]], *, lens: str = ""
) -> bytes:
    """Return a configuration file's content with nodes set (or removed, where the value is None).

    :raises OddGuest: the file does not parse; the message has file, line and what the lens says.
    :raises UsageError: a node's expression does not parse, or the lens has no place for a node.
    """
    config = ConfigFile(path, content, lens)
    for node, value in settings:
        if value is None:
            config.remove(node)
        else:
            config.set(node, value)
    return config.text()


def lens_of(path: str) -> str:
    """Return the lens for a file, by the file patterns that the lenses bring.

    :raises UsageError: no lens knows files of this path.
    """
    for pattern, lens in USUAL:
        if _matches(path, pattern):
            return lens
    for lens, include, exclude in _transforms():
        if any(_matches(path, one) for one in include) and not any(_matches(path, one) for one in exclude):
            return lens
    raise UsageError(f"no Augeas lens knows {path}", hint="name one with its module, such as Shellvars.lns")


def _matches(path: str, pattern: str) -> bool:
    """As augrun's filter: a pattern without a slash is about the name alone; ``*`` stays within a folder."""
    if "/" not in pattern:
        return fnmatch.fnmatchcase(path.rpartition("/")[2], pattern)
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


Transform = tuple[str, tuple[str, ...], tuple[str, ...]]


@functools.cache
def _transforms() -> tuple[Transform, ...]:
    """Return lens, patterns and exceptions of every transform that loads by itself."""
    key = _lenses_there()
    try:
        kept = recall("lenses", key)
        return tuple((str(lens), tuple(include), tuple(exclude)) for lens, include, exclude in kept)
    except (TypeError, ValueError):
        found = tuple(_load_transforms())
        keep("lenses", key, found)
        return found


def _load_transforms() -> Iterator[Transform]:
    augeas = _open(load_all=True)

    def values(where: str) -> tuple[str, ...]:
        return tuple(str(augeas.get(node)) for node in augeas.match(where))

    for name in augeas.match("/augeas/load/*"):
        lens = str(augeas.get(f"{name}/lens"))
        # "@Sshd" stands for the autoload transform of the module Sshd, whose lens is called lns by custom.
        lens = f"{lens[1:]}.lns" if lens.startswith("@") else lens
        yield lens, values(f"{name}/incl"), values(f"{name}/excl")


def _lenses_there() -> list[str | int]:
    """What the transforms depend on: the files of lenses, where Augeas looks for them (augeas, "AUGEAS_LENS_LIB")."""
    facts: list[str | int] = []
    for folder in _lens_folders():
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                facts += [entry.path, entry.stat().st_mtime_ns]
    return facts


def _lens_folders() -> list[str]:
    return [folder for folder in [*os.environ.get("AUGEAS_LENS_LIB", "").split(":"), *LENS_FOLDERS] if folder]


def _load() -> type[Augeas]:
    try:
        from augeas import Augeas
    except ImportError:
        raise ToolMissing("python-augeas is not installed", hint="apt-get install python3-augeas") from None
    return Augeas


def _open(*, load_all: bool) -> Augeas:
    binding = _load()
    flags = binding.NO_LOAD | (0 if load_all else binding.NO_MODL_AUTOLOAD)
    # A root that cannot hold files: nothing of the host is ever read or written.
    return binding(root="/dev/null", flags=flags)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

"""A libguestfs handle that answers from a script: no appliance, no QEMU."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from imgtools.engine.appliance.calls import CallFailed
from imgtools.records.files import FileStat
from imgtools.records.usage import Usage


@dataclass
class FakeHandle:
    """The calls of the binding that a launch makes; ``launches`` is what each launch does."""

    launch_error: str = ""
    add_error: str = ""
    settings: list[str] = field(default_factory=list)
    made: list[tuple[str, object]] = field(default_factory=list)
    hang: threading.Event | None = None  # launch waits for it
    log: bytes = b""
    note: Callable[[bytes], None] | None = None
    qemu: str = "/usr/bin/qemu-system-x86_64"

    def get_backend_settings(self) -> list[str]:
        return self.settings

    def set_backend_settings(self, settings: Sequence[str]) -> None:
        self.settings = list(settings)

    def get_path(self) -> str:
        return "/usr/lib/guestfs"

    def get_hv(self) -> str:
        return self.qemu

    def get_memsize(self) -> int:
        return 1280

    def add_drive_opts(self, filename: str, **options: object) -> None:
        self.made.append(("add_drive_opts", {"filename": filename, **options}))
        if self.add_error:
            raise RuntimeError(self.add_error)

    def launch(self) -> None:
        self.made.append(("launch", tuple(self.settings)))
        if self.note and self.log:
            self.note(self.log)
        if self.hang:
            self.hang.wait(10)
            raise RuntimeError("guestfs_launch failed.")
        if self.launch_error:
            raise RuntimeError(self.launch_error)

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*words: object) -> None:
            self.made.append((name, words[0] if len(words) == 1 else words))

        return call

    def names(self) -> list[str]:
        return [name for name, _ in self.made]


class FakeCalls:
    """The raw calls: shell scripts and files from dicts. Paths are as libguestfs sees them (``b"/v0/etc"``)."""

    def __init__(self, handle: FakeHandle | None = None) -> None:
        self._handle = handle
        self.scripts: list[bytes] = []
        self.answer: Callable[[bytes], bytes] = lambda script: b""
        self.stats: dict[bytes, FileStat | int] = {}  # an int is the errno of a failure
        self.links: dict[bytes, bytes] = {}
        self.contents: dict[bytes, bytes] = {}
        self.asked: list[tuple[str, bytes]] = []

    def listen(self, note: Callable[[bytes], None], events: int) -> None:
        if self._handle:
            self._handle.note = note

    def shell(self, script: bytes) -> bytes:
        self.scripts.append(script)
        return self.answer(script)

    def lstat(self, path: bytes) -> FileStat:
        self.asked.append(("lstat", path))
        found = self.stats.get(path, 2)
        if isinstance(found, int):
            raise CallFailed(f"lstatns: {path!r}", found)
        return found

    def lstat_many(self, folder: bytes, names: Sequence[bytes]) -> list[FileStat | None]:
        found = [self.stats.get(folder.rstrip(b"/") + b"/" + name) for name in names]
        return [None if isinstance(one, int) else one for one in found]

    def names(self, folder: bytes) -> list[bytes]:
        self.asked.append(("names", folder))
        prefix = folder.rstrip(b"/") + b"/"
        inside = [path.removeprefix(prefix) for path in self.stats if path.startswith(prefix)]
        return [name for name in inside if name and b"/" not in name]

    def read_link(self, path: bytes) -> bytes:
        return self.links[path]

    def pread(self, path: bytes, length: int, offset: int) -> bytes:
        self.asked.append(("pread", path))
        return self.contents[path][offset : offset + length]

    def xattrs(self, path: bytes) -> Mapping[bytes, bytes]:
        raise CallFailed("lgetxattrs", 95)

    def statvfs(self, path: bytes) -> Usage:
        return Usage(100, 40, 30, 10, 5)

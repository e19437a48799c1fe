"""Make the links of the C library again: the loader that programs name, and libc.so.6 with its kin.

Programs name a loader such as /lib64/ld-linux-x86-64.so.2 and libraries such as libc.so.6, which on many systems
are links: the files have the version in their name (libc-2.31.so). A link is made where nothing has its name and the
file is there. Sources: System V ABI, psABI of x86-64 and AArch64, glibc's shlib-versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, MakeLink
from imgtools.errors import UnsupportedGuest
from imgtools.files.paths import join, parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.find.interpreter import interpreter_of
from imgtools.guest.guest import Guest
from imgtools.ops.operation import LINUX, NoParams, Operation

PROGRAMS = ("/sbin/init", "/bin/sh", "/bin/bash", "/bin/ls", "/usr/bin/env")
FOLDERS = ("/usr/lib64", "/usr/lib/*-linux-gnu*", "/lib64", "/lib/*-linux-gnu*", "/usr/lib", "/lib")
# glibc's libraries by the name before the version, and the name that programs know (shlib-versions).
SONAMES = {"libc": "libc.so.6", "libm": "libm.so.6", "libpthread": "libpthread.so.0", "libdl": "libdl.so.2",
           "librt": "librt.so.1", "libresolv": "libresolv.so.2", "libutil": "libutil.so.1"}  # fmt: skip
VERSIONED = re.compile(r"(lib[a-z]+)-2\.\d+\.so")


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the links that are missing.

    :raises UnsupportedGuest: the loader is missing, and nowhere in the guest.
    """
    files = guest.files
    folders = [path for pattern in FOLDERS for path in files.glob(pattern) if files.is_dir(path)]
    folders = list(dict.fromkeys(files.resolve(path) for path in folders))
    for folder in folders:
        yield from _libraries(files, folder)
    loaders = {interpreter_of(files, path) for path in PROGRAMS} - {""}
    for loader in sorted(loaders):
        if not files.is_file(loader) and files.is_dir(
            parent_of(loader)
        ):  # else the folder's own link is gone
            yield from _loader(files, loader, folders)


def _libraries(files: GuestReader, folder: str) -> Iterator[Change]:
    names = {entry.name for entry in files.list_dir(folder)}
    for name in sorted(names):
        found = VERSIONED.fullmatch(name)
        soname = SONAMES.get(found[1]) if found else None
        if soname and not files.exists(join(folder, soname)) and files.is_file(join(folder, name)):
            yield MakeLink(join(folder, soname), name, 0, 0)


def _loader(files: GuestReader, loader: str, folders: list[str]) -> Iterator[Change]:
    name = loader.rpartition("/")[2]
    place = files.resolve(parent_of(loader))
    exact = [join(folder, name) for folder in folders if folder != place]
    versioned = [path for folder in folders for path in files.glob(f"{folder}/ld-2.*.so")]
    target = next((path for path in (*exact, *versioned) if files.is_file(path)), "")
    if not target:
        raise UnsupportedGuest(
            f"the loader {loader} is missing, and is nowhere in the guest",
            hint="its package has it: --only package-files --set package-files.file=libc6_VERSION.deb",
        )
    is_beside = parent_of(target) == place
    yield MakeLink(join(place, name), target.rpartition("/")[2] if is_beside else target, 0, 0)


OPERATION = Operation(
    summary="Make the links of the C library again",
    families=LINUX,
    plan=plan,
    order=300,
)

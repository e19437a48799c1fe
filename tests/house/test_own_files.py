"""Files of the host are made in few places, which know about links, FIFOs, owners and kills.

``engine/own_files.py`` makes files beside images and in caches, ``engine/held_folder.py`` folders for scratch files,
``disk/new_file.py`` new images. Whatever else makes a file says here why nobody can have put something in its place.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.source import Module, modules, report

THE_PLACES = {("engine", "own_files"), ("engine", "held_folder")}
PRIVATE = "in a folder that was just made, for us alone"
NAMED = "the user has named it; only a new file is made"
OF_A_NEW_IMAGE = "in the folder of a new image, which nobody else may write to"
ELSEWHERE: dict[tuple[str, ...], str] = {
    ("change", "editor"): PRIVATE,
    ("change", "mounted_folder", "draft"): PRIVATE,
    ("engine", "appliance", "quick"): "below a folder of mode 0700 that was looked at",
    ("engine", "journal"): PRIVATE,
    (
        "engine",
        "qemu",
        "img",
        "running",
    ): "for qemu-img, which is about to make it, in the folder of a new image",
    ("engine", "listening_server"): "a socket's folder, which its keeper removes",
    ("engine", "sfdisk"): PRIVATE,
    ("engine", "confined", "launcher"): "in a folder of the launch, which is its own and new",
    ("guest", "labels"): PRIVATE,
    ("guest", "packages", "applications"): PRIVATE,
    ("image", "host"): PRIVATE,
    ("libvirt", "clone"): "in the folder of a new image",
    ("libvirt", "domain"): NAMED,
    ("disk", "sources", "spool"): PRIVATE,
    ("disk", "raw_copy", "copy"): "in the folder of a new image",
    ("workflows", "boot"): "in the folder of a new image",
    ("workflows", "text_file"): "in the folder of a new image",
    ("workflows", "way_back"): "in the folder of a new file, which nobody else may write to",
    ("engine", "oscap"): PRIVATE,
    ("workflows", "shown_guest"): "a private folder, which the keeper of the mount locks",
    ("workflows", "mount"): "a private folder, which the keeper of the mount locks",
    ("workflows", "tar_out"): NAMED,
    ("workflows", "cp"): PRIVATE,
    ("workflows", "get_kernel"): NAMED,
    ("workflows", "with_guest"): "a private folder, whose name the sweep knows",
    ("engine", "whole_images"): OF_A_NEW_IMAGE,
    ("newdisk", "assemble"): OF_A_NEW_IMAGE,
    ("newdisk", "build"): OF_A_NEW_IMAGE,
    ("newdisk", "container"): OF_A_NEW_IMAGE,
    ("newdisk", "fill"): OF_A_NEW_IMAGE,
    ("workflows", "make_bootable"): OF_A_NEW_IMAGE,
    ("fleet", "database"): NAMED,
    ("ops", "passwords"): NAMED,
    ("door", "plan"): NAMED,
    ("compat", "guestmount"): NAMED,
    ("compat", "standard"): NAMED,
    ("change", "archive"): "a file in the temporary folder under a name of mkstemp(3)",
    ("change", "package_file"): "a file in the temporary folder under a name of mkstemp(3)",
    ("guest", "checks"): "a file in the temporary folder under a name of mkstemp(3)",
}
NAMELESS = {"TemporaryFile", "SpooledTemporaryFile", "gettempdir", "_TemporaryFileWrapper"}
MAKES = {"write_text", "write_bytes", "touch", "mkfifo", "mkstemp", "mkdtemp"}
OF_A_GUEST = {"files", "writer", "_writer", "_files", "tree", "drafted"}


def _mode(call: ast.Call, at: int) -> str:
    words = [*call.args[at : at + 1], *(one.value for one in call.keywords if one.arg == "mode")]
    return next((str(one.value) for one in words if isinstance(one, ast.Constant)), "")


def _makes_a_file(call: ast.Call) -> bool:
    name = call.func
    if isinstance(name, ast.Name):
        return name.id == "open" and any(letter in _mode(call, 1) for letter in "wxa")
    if not isinstance(name, ast.Attribute):
        return False
    owner = ast.unparse(name.value)
    if owner.rpartition(".")[2] in OF_A_GUEST:
        return False
    if owner == "os" and name.attr == "open":
        return "O_CREAT" in ast.unparse(call)
    if owner == "tempfile":
        return name.attr not in NAMELESS
    if name.attr == "open":
        return owner != "tarfile" and any(letter in _mode(call, 0) for letter in "wxa")
    return name.attr in MAKES


def _found(module: Module) -> Iterator[ast.Call]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and _makes_a_file(node):
            yield node


def test_files_are_made_where_it_is_known_how() -> None:
    known = THE_PLACES | set(ELSEWHERE)
    broken = [
        f"{module.where(call)} {ast.unparse(call.func)}"
        for module in modules()
        if module.rooms not in known
        for call in _found(module)
    ]
    advice = "make it by engine/own_files.py or engine/held_folder.py, or say in this test why it is safe"
    assert not broken, report(advice, broken)


def test_the_reasons_are_of_today() -> None:
    makers = {module.rooms for module in modules() if any(_found(module))}
    broken = [".".join(rooms) for rooms in ELSEWHERE if rooms not in makers]
    assert not broken, report("a reason for a module that makes no file: take it out of the table", broken)


def test_this_test_finds_them() -> None:
    text = """
open(x, "w"); path.open("xb"); path.write_text(x); os.open(x, os.O_WRONLY | os.O_CREAT)
tempfile.mkdtemp(); path.touch(); tempfile.NamedTemporaryFile()
open(x); path.open("rb"); tempfile.TemporaryFile(); files.touch(x); os.open(x, os.O_RDONLY)
"""
    module = Module(next(iter(modules())).path, ("x",), text, ast.parse(text))
    assert [call.lineno for call in _found(module)] == [2, 2, 2, 2, 3, 3, 3]

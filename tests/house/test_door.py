"""What a person can do with a command, a program can do with a function of its name, and the words are the same."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import pytest

import imgtools
from imgtools.cli.command.shared_options import ORDERS, SEVERAL, SPEAKING
from imgtools.door import opening, registry, writing
from tests.house.source import report
from tools.docs import Command, commands
from tools.options import Option, shown

# Commands whose functions have other names, and why.
OTHER_NAMES = {
    "audit": (("audit", "audit_oscap"), "what OpenSCAP says has a report of its own"),
    "filesystems": (("list_filesystems",), "a room of the package is called filesystems"),
    "resize": (("resize_disk", "resize_copy"), "a room is called resize; a copy has a report of its own"),
    "log": (("log", "list_logs"), "the list has a report of its own"),
    "sbom": (("sbom", "sbom_document"), "one list, and the documents that are made of it"),
    "with": (("run_with",), "with is a word of Python"),
    "registry import": (("registry_merge",), "reg.exe's word for merge"),
    "registry list": (("registry_list", "registry_hives"), "the hives have a report of their own"),
    "shell": (
        ("open_image", "edit_image", "apply"),
        "a program keeps the handle, and gathers changes, itself",
    ),
    "sysprep": (("sysprep", "sysprep_verify"), "the verdict has a report of its own"),
    "snapshot apply": (("apply_snapshot",), "older than the groups; what is public keeps its name"),
    "snapshot create": (("create_snapshot",), "the same"),
    "snapshot delete": (("delete_snapshot",), "the same"),
    "snapshot list": (("list_snapshots",), "the same"),
}
# Commands that programs have no use for, and why.
NO_FUNCTION = {"virt": "other programs' names, for scripts; programs have the commands that they stand for"}
# Options that are said in another way, and how.
OTHER_WORDS = {
    "--add": "images",
    "--backing-policy": "backing",
    "--key": "keys",
    "--keys-from-stdin": "keys",
    "--luks-header": "keys",
    "--no-create": "create",
    "--no-create-parents": "create_parents",
    "--other-add": "other",
    "-o": "options",
    "audit --oscap": "content",
    "audit --set": "settings",
    "chain squash --from": "first",
    "chain squash --to": "last",
    "clone --name": "names",
    "edit --expression": "edit",
    "fleet run --all": "everything",
    "grep --after-context": "after",
    "grep --before-context": "before",
    "grep --fixed-strings": "fixed",
    "grep --invert-match": "invert",
    "grep --line-regexp": "whole_line",
    "grep --max-count": "most",
    "grep --text": "as_text",
    "grep --word-regexp": "word",
    "registry search --data": "look_at",
    "registry search --in": "within",
    "registry search --keys": "look_at",
    "registry search --values": "look_at",
    "registry set --default": "value",
    "registry delete --default": "value",
    "make --blocksize": "block_size",
    "make --from": "source",
    "make --type": "kind",
    "resize --output": "target",
    "repair --set": "settings",
    "resize --plan": "changes",
    "sysprep --set": "settings",
    "verify --package": "packages",
    "sbom --as": "form",
    "tail --bytes": "size",
    "write --from": "content",
}
# Options that no function has, and why.
NOT_SAID = {
    "--csv": "how a report is shown",
    "--dry-run": "without write or output, that is what happens",
    "--human-readable": "how a report is shown",
    "--json-lines": "how a report is shown",
    "--long": "how a report is shown",
    "--svg": "a picture for people",
    "--report": "how a report is shown",
    "ls --time": "how a report is shown",
    "ls --times": "how a report is shown",
    "--uids": "how a report is shown",
    "--utc": "how a report is shown",
    "audit --explain": "documentation: docs/operations/checks.md",
    "audit --list": "documentation: docs/operations/checks.md",
    "boot --interactive": "a person at a terminal",
    "clone --table": "a program has its own lists, and calls once for each",
    "clone --xml-dir": "domains of libvirt are not cloned by programs yet",
    "--connect": "domain(name, connect=...)",
    "--disk": "an image is one disk; domain(name) has them all",
    "--domain": "domain(name) is an image as files are",
    "--domain-xml": "domain(xml=...) is an image as files are",
    "--other-disk": "an image is one disk; domain(name) has them all",
    "--other-domain": "domain(name) is an image as files are",
    "--vol": "domain(volume=...) is an image as files are",
    "df --inodes": "the report has both",
    "diagnose --explain": "documentation: docs/stations/README.md",
    "diagnose --list": "documentation: docs/stations/README.md",
    "du --all-folders": "max_depth=None",
    "tree --modes": "how a report is shown",
    "tree --sizes": "how a report is shown",
    "filesystems --alignment": "report.misaligned",
    "filesystems --only": "the report has all",
    "filesystems --overwrite": "of the picture",
    "find --null": "how a report is shown",
    "format --yes": "write or output says so",
    "grep --context": "before and after",
    "grep --count": "how a report is shown",
    "grep --files-with-matches": "how a report is shown",
    "grep --line-number": "how a report is shown",
    "inspect --xml": "how a report is shown",
    "log --list": "list_logs",
    "map --overwrite": "of the picture",
    "mount --check": "what was done in a mounted folder is not refused",
    "mount --compress": "mount makes no new image",
    "mount --output": "mount makes no new image",
    "mount --output-format": "mount makes no new image",
    "mount --overwrite": "mount makes no new image",
    "registry export --utf16": "how a report is shown",
    "registry get --raw": "each value has its bytes",
    "repair --list": "documentation: docs/operations",
    "rescue --yes": "agree: without it, that is what happens",
    "sbom --output-file": "sbom_document returns the text",
    "log --follow": "a program calls it again",
    "log --interval": "a program calls it again",
    "tail --follow": "a program calls it again",
    "tail --interval": "a program calls it again",
    "sbom --overwrite": "sbom_document returns the text",
    "shell --file": "a program calls functions",
    "sysprep --list-operations": "documentation: docs/operations",
    "sysprep --verify": "sysprep_verify",
    "timeline --body": "how a report is shown",
    "verify --check": "repair(images, 'package-files', ...)",
    "verify --compress": "repair(images, 'package-files', ...)",
    "verify --output": "repair(images, 'package-files', ...)",
    "verify --output-format": "repair(images, 'package-files', ...)",
    "verify --overwrite": "repair(images, 'package-files', ...)",
    "verify --package-file": "repair(images, 'package-files', ...)",
    "verify --restore": "repair(images, 'package-files', ...)",
    "verify --write": "repair(images, 'package-files', ...)",
}


def _functions(command: Command) -> tuple[str, ...]:
    names, _ = OTHER_NAMES.get(command.name, ((command.name.replace("-", "_").replace(" ", "_"),), ""))
    return names


def _keywords(name: str) -> set[str]:
    """The parameters of a function of the door, those of its options among them."""
    found: set[str] = set()
    for one in inspect.signature(getattr(imgtools, name)).parameters.values():
        if one.kind is one.VAR_KEYWORD:
            group = str(one.annotation).removeprefix("Unpack[").removesuffix("]")
            home = {"WriteOptions": writing, "RegistryOptions": registry}.get(group, opening)
            found |= set(get_type_hints(getattr(home, group), vars(opening)))
        else:
            found.add(one.name)
    return found


def _is_said(option: Option, keywords: set[str]) -> bool:
    """Whether a function has the option, or one of the tables says how or why not."""
    keyword = option.long.lstrip("-").replace("-", "_")
    for spelling in (f"{option.command} {option.long}", option.long):
        if spelling in NOT_SAID:
            return keyword not in keywords
        keyword = OTHER_WORDS.get(spelling, keyword)
    return keyword in keywords


@pytest.mark.parametrize(
    "command", [one for one in commands() if one.name not in NO_FUNCTION], ids=lambda one: one.name
)
def test_every_command_is_a_function(command: Command) -> None:
    lost = [name for name in _functions(command) if name not in imgtools.__all__]
    assert not lost, report(f"imgtools {command.name}: imgtools/door/ and imgtools/__init__.py lack", lost)
    keywords = {word for name in _functions(command) for word in _keywords(name)}
    options = [
        one
        for one in shown()
        if one.command == command.name and one.said.panel not in (SPEAKING, SEVERAL, ORDERS)
    ]
    odd = [one.long for one in options if not _is_said(one, keywords)]
    assert not odd, report(f"{' and '.join(_functions(command))}: give it keywords for these options", odd)


def test_the_tables_are_about_what_there_is() -> None:
    known = {one.name for one in commands()}
    options = {one.long for one in shown()} | {f"{one.command} {one.long}" for one in shown()}
    assert set(OTHER_NAMES) | set(NO_FUNCTION) <= known
    assert set(OTHER_WORDS) | set(NOT_SAID) <= options


def test_replacing_a_file_is_called_overwrite() -> None:
    """`force` insists on something else: of ln and rm what it means in a shell."""
    with_force = {name for name in imgtools.__all__ if name != "errors" and _has_force(name)}
    assert with_force == {
        *("amend", "chain_move", "chain_squash", "commit", "dd", "ln", "rebase", "rm", "wipe")
    }


def _has_force(name: str) -> bool:
    thing = getattr(imgtools, name)
    return inspect.isfunction(thing) and "force" in inspect.signature(thing).parameters

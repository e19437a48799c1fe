r"""Scheduled tasks of a Windows guest: what its registry knows, and what their files say of them.

``Schedule\TaskCache\Tree`` has a key for each task and folder; a task's key has its Id. ``System32\Tasks`` has a file
of the same name: [MS-TSCH] 2.5, "XML Task Definition Language".
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from imgtools.engine.regvalue import decode_utf16
from imgtools.errors import OddGuest
from imgtools.files.paths import join
from imgtools.guest.windows.facts import MOST, RegistryFacts
from imgtools.guest.windows.registry import MACHINE
from imgtools.records.files import FileKind
from imgtools.records.windows import WindowsTask

CACHE = rf"{MACHINE}\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache"
LONGEST = 1 << 20  # bytes of a task's file
SPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
TRIGGERS = {
    "BootTrigger": "boot", "LogonTrigger": "logon", "CalendarTrigger": "calendar", "TimeTrigger": "time",
    "EventTrigger": "event", "IdleTrigger": "idle", "RegistrationTrigger": "registration",
    "SessionStateChangeTrigger": "session", "WnfStateChangeTrigger": "wnf",
}  # fmt: skip


def read_tasks(facts: RegistryFacts) -> tuple[WindowsTask, ...]:
    """Return the tasks that Windows knows in the order of their paths, then files of which it knows nothing."""
    ids = dict(_registered(facts))
    authors = dict(facts.each(rf"{CACHE}\Tasks", lambda key: (key.name.lower(), _text(key.text("Author")))))
    found = [
        _from_file(facts, path, WindowsTask(path, author=authors.get(identity.lower(), "")))
        for path, identity in sorted(ids.items())
    ]
    known = {path.lower() for path in ids}
    strangers = sorted(path for path in _files(facts) if path.lower() not in known)
    found += [_from_file(facts, path, WindowsTask(path, registered=False)) for path in strangers]
    is_old = facts.key(rf"{CACHE}\Tree") is None  # before Vista, the files are all that there is
    found += [WindowsTask(path, registered=is_old) for path in _old_files(facts) if path.lower() not in known]
    return tuple(found)


def _old_files(facts: RegistryFacts) -> list[str]:
    """Return the tasks of Task Scheduler 1.0, by the names of their files, which are not looked into."""
    pattern = join(facts.registry.systemroot, "Tasks/*.job")
    nothing: list[str] = []
    paths = facts.attempt(lambda: sorted(facts.files.glob(pattern))[:MOST], nothing)
    return ["\\" + path.rpartition("/")[2][: -len(".job")] for path in paths]


def _registered(facts: RegistryFacts) -> Iterator[tuple[str, str]]:
    """Yield the path and the Id of each task in the tree of the cache."""
    tree = facts.key(rf"{CACHE}\Tree")
    if tree is None:
        return
    refused: list[OddGuest] = []
    for number, key in enumerate(tree.walk(refused)):
        if number >= MOST:
            facts.warn(f"only the first {MOST} scheduled tasks were read")
            break
        identity = facts.values_of(key).text("Id")
        if identity:
            yield key.path[len(tree.path) :], identity
    for error in refused:
        facts.warn(error.message)


def _files(facts: RegistryFacts) -> list[str]:
    """Return the paths of the files as tasks are named; a folder that cannot be read costs what is below it."""
    folder = join(facts.registry.systemroot, "System32/Tasks")
    found: list[str] = []

    def read() -> None:
        if not facts.files.is_dir(folder):
            return
        base = facts.files.resolve(folder)
        for one in facts.files.walk(base):
            if len(found) >= MOST:
                facts.warn(f"only the first {MOST} files of scheduled tasks were looked at")
                return
            if one.stat.kind is FileKind.FILE:
                found.append(one.path[len(base) :].replace("/", "\\"))

    facts.attempt(read, None)
    return found


def _from_file(facts: RegistryFacts, path: str, task: WindowsTask) -> WindowsTask:
    """Return the task with what its file says; a file that does not parse is a warning."""
    parts = path.strip("\\").split("\\")
    file = join(facts.registry.systemroot, "System32/Tasks/" + "/".join(parts))

    def read() -> WindowsTask:
        if "." in parts or ".." in parts or not facts.files.is_file(file):
            return task
        return parse_task(facts.files.read_bytes(file, limit=LONGEST), task, file)

    return facts.attempt(read, task)


def parse_task(content: bytes, task: WindowsTask, path: str) -> WindowsTask:
    """Return the task as its file describes it; what is not said there stays.

    :raises OddGuest: it is no XML, or has a document type, which could grow without bound.
    """
    is_wide = content.startswith((codecs.BOM_UTF16_LE, b"<\0"))
    text = decode_utf16(content) if is_wide else content.decode("utf-8", "replace")
    text = text.lstrip("\ufeff")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise OddGuest(f"{path} has a document type", hint="files of scheduled tasks have none")
    try:
        # What is decoded already is not decoded once more, by a name of an encoding in front.
        root = ElementTree.fromstring(text.partition("?>")[2] if text.startswith("<?xml") else text)
    except (ElementTree.ParseError, ValueError) as error:
        raise OddGuest(f"{path} does not parse: {error}") from None
    principal = root.find(f"{SPACE}Principals/{SPACE}Principal")
    enabled = _word(root, "Settings", "Enabled").lower()
    return WindowsTask(
        task.path,
        enabled not in ("false", "0"),  # true, unless it says otherwise: [MS-TSCH], Settings element
        tuple(_actions(root.find(f"{SPACE}Actions"))),
        tuple(
            TRIGGERS.get(_tag(one), _tag(one))
            for one in root.iterfind(f"{SPACE}Triggers/*")
            if _word(one, "Enabled").lower() not in ("false", "0")
        ),
        _word(principal, "UserId") or _word(principal, "GroupId") if principal is not None else "",
        _text(_word(root, "RegistrationInfo", "Author")) or task.author,
        task.registered,
    )


def _actions(actions: Element | None) -> Iterator[str]:
    for one in actions if actions is not None else ():
        if _tag(one) == "Exec":
            yield f"{_word(one, 'Command')} {_word(one, 'Arguments')}".strip()
        elif _tag(one) == "ComHandler":
            yield _word(one, "ClassId")
        else:
            yield _tag(one)


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _word(above: Element, *names: str) -> str:
    found = above.find("/".join(f"{SPACE}{name}" for name in names))
    return (found.text or "").strip() if found is not None else ""


def _text(word: str) -> str:
    """Return a text that is not kept in a program's resources: ``$(@%SystemRoot%\\x.dll,-600)`` is."""
    return "" if word.startswith("$(@") else word

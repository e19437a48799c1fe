"""How the SSH server is told something for all: the line that counts is changed, or a new one put where it counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from imgtools.change.change import Change, MakeDirectory, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.sshd import FOLDER, LIMIT, config_of, sshd_lines, sshd_words
from imgtools.guest.health.sshd_values import read_sshd
from imgtools.ops.common_plans import rewrite

DROP_INS = f"{FOLDER}/sshd_config.d"
DROP_IN = f"{DROP_INS}/00-imgtools.conf"  # the first value counts


def before_blocks(lines: Sequence[str]) -> int:
    """Where a line stands that is said for all: before the first block, behind the last comment before that."""
    first = next((n for n, line in enumerate(lines) if re.match(r"(?i)\s*match\b", line)), len(lines))
    while first > 0 and not lines[first - 1].strip():
        first -= 1
    return first


def may_say(files: GuestReader, keyword: str) -> bool:
    """Whether :func:`say_for_all` is heard: the command line says something else, or the file is not of /etc."""
    settings = read_sshd(files)
    said = None if settings is None else settings.said(keyword)
    if settings is None or (said is not None and said.on_command_line):
        return False
    return files.resolve(settings.config).startswith("/etc/") or reads_drop_ins(files)


def say_for_all(files: GuestReader, keyword: str, value: str) -> Iterator[Change]:
    """Yield what makes a keyword have a value for all; blocks of Match stay as they are."""
    settings = read_sshd(files)
    said = None if settings is None else settings.said(keyword)
    if said is not None and _is_own(said.path):
        lines = files.read_text(said.path, limit=LIMIT).split("\n")
        old = lines[said.line - 1]
        lines[said.line - 1] = f"{old[: len(old) - len(old.lstrip())]}{keyword} {value}"
        yield from rewrite(files, said.path, "\n".join(lines))
    elif reads_drop_ins(files):
        yield from _drop_in(files, f"{keyword} {value}\n")
    else:
        config = config_of(files)
        lines = files.read_text(config, limit=LIMIT).split("\n")
        lines.insert(before_blocks(lines), f"{keyword} {value}")
        yield from rewrite(files, config, "\n".join(lines))


def reads_drop_ins(files: GuestReader) -> bool:
    """Whether the first line of the configuration that says anything includes the folder of drop-ins."""
    first = next(sshd_lines(files, config_of(files)), None)
    words = sshd_words(first.value) if first is not None and first.name == "include" else []
    return any(word in (f"{DROP_INS}/*.conf", "sshd_config.d/*.conf") for word in words)


def _drop_in(files: GuestReader, line: str) -> Iterator[Change]:
    if not files.is_dir(DROP_INS):
        yield MakeDirectory(DROP_INS, 0o755)
    if files.is_file(DROP_IN):
        yield from rewrite(files, DROP_IN, files.read_text(DROP_IN, limit=LIMIT) + line)
    else:
        yield WriteFile(DROP_IN, line.encode(), 0o600, 0, 0)


def _is_own(path: str) -> bool:
    """Whether a file is the administrator's: what a policy of the system makes would be made anew."""
    return path.startswith("/etc/") and not path.startswith("/etc/crypto-policies/")

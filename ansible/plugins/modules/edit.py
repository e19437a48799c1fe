#!/usr/bin/python
"""See to lines and contents of a guest's files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edit
short_description: See to lines and contents of a guest's files
description:
  - Changes text files in the disk image of a guest that is off. Several edits are one transaction, all or nothing.
  - A file keeps its mode, owner, labels and line ends. What is written is checked first, as a syntax error in sudoers
    would be found; see O(validate).
extends_documentation_fragment: [imgtools.guest.image, imgtools.guest.image.writing]
options:
  path:
    description: The file in the guest.
    type: str
  content:
    description: The file's whole content.
    type: str
  line:
    description:
      - A line that is to be there, or with O(state=absent) is not to.
      - With O(regexp) it takes the place of the last line that matches. If none does, it is added.
    type: str
  regexp:
    description:
      - A regular expression of Python, for one line with O(line) or O(state=absent), else for the whole text, where
        V(^) and V($) are the ends of a line.
    type: str
  replace:
    description: What takes the place of each match of O(regexp); V(\\1) is its first group.
    type: str
  insertafter:
    description: A new line comes after the last line that matches this; without it, or if none does, at the end.
    type: str
  insertbefore:
    description: A new line comes before the last line that matches this.
    type: str
  create:
    description: Make the file with O(line), if it is not there. With O(content) it is made anyhow.
    type: bool
    default: false
  mode:
    description: Permissions of the file, in octal digits and quotes.
    type: str
  state:
    description: With V(absent) the O(line), the lines that match O(regexp), or without these the file are not there.
    type: str
    choices: [present, absent]
    default: present
  edits:
    description: Several edits, of one file or of more, that are made one after the other in one transaction.
    type: list
    elements: dict
    suboptions:
      path: {description: As above., type: str, required: true}
      content: {description: As above., type: str}
      line: {description: As above., type: str}
      regexp: {description: As above., type: str}
      replace: {description: As above., type: str}
      insertafter: {description: As above., type: str}
      insertbefore: {description: As above., type: str}
      create: {description: As above., type: bool, default: false}
      mode: {description: As above., type: str}
      state: {description: As above., type: str, choices: [present, absent], default: present}
author: The imgtools developers
"""

EXAMPLES = r"""
- name: Root does not log in with a password
  imgtools.guest.edit:
    image: debian.qcow2
    path: /etc/ssh/sshd_config
    regexp: ^#?PermitRootLogin
    line: PermitRootLogin no

- name: A mirror nearby, and who may say so
  imgtools.guest.edit:
    image: debian.qcow2
    edits:
      - path: /etc/apt/sources.list
        regexp: https?://deb\.debian\.org/
        replace: http://mirror.lan/
      - path: /etc/motd
        content: "{{ lookup('ansible.builtin.template', 'motd.j2') }}"
        mode: "0644"
      - path: /etc/nologin
        state: absent
"""

RETURN = r"""
changes:
  description: What was changed, or would be, a line each.
  returned: success
  type: list
  elements: str
"""

import base64  # noqa: E402
import hashlib  # noqa: E402
import json  # noqa: E402
import re  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible_collections.imgtools.guest.plugins.module_utils.program import (  # noqa: E402
    OPENING,
    WRITING,
    Imgtools,
)

WORDS = ("content", "line", "regexp", "replace", "insertafter", "insertbefore", "mode")
EDIT = {
    **{name: {"type": "str"} for name in ("path", *WORDS)},
    "create": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
LIMITS = {
    "mutually_exclusive": [
        ("content", "line"),
        ("content", "regexp"),
        ("line", "replace"),
        ("insertafter", "insertbefore"),
    ],
    "required_by": {"replace": "regexp", "insertafter": "line", "insertbefore": "line"},
}


def edited(text, edit):
    """Return the text with one edit made; None: no file. `text` None: it is not there."""
    absent, line, regexp = edit["state"] == "absent", edit["line"], edit["regexp"]
    if edit["content"] is not None:
        return edit["content"]
    if absent and line is None and regexp is None:
        return None
    if text is None:
        return None if absent else edited("", edit)
    if line is None and not absent and edit["replace"] is None:
        return text
    if edit["replace"] is not None:
        return re.sub(regexp, edit["replace"], text, flags=re.MULTILINE)
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(end)
    last = lines.pop()  # nothing, if the last line is ended
    lines += [last] if last else []
    if absent:
        kept = [one for one in lines if not (re.search(regexp, one) if regexp is not None else one == line)]
        return text if len(kept) == len(lines) else "".join(one + end for one in kept)
    new = with_line(lines, edit)
    return text if new == lines else "".join(one + end for one in new)


def with_line(lines, edit):
    """Return the lines with the one that is to be there."""
    line = edit["line"]
    matching = matches(edit["regexp"], lines)
    if matching:
        return [*lines[: matching[-1]], line, *lines[matching[-1] + 1 :]]
    if line in lines:
        return lines
    after, before = matches(edit["insertafter"], lines), matches(edit["insertbefore"], lines)
    place = after[-1] + 1 if after else before[-1] if before else len(lines)
    return [*lines[:place], line, *lines[place:]]


def matches(regexp, lines):
    """Return the numbers of the lines that match."""
    return [] if regexp is None else [at for at, one in enumerate(lines) if re.search(regexp, one)]


class Files:
    """The files of the guest that are edited: what they hold, and what they are to hold."""

    def __init__(self, program):
        self._program = program
        self._found, self._wanted, self._modes = {}, {}, {}

    def edit(self, edit):
        """Make one edit, of a file that is not there only where that is meant."""
        path = edit["path"]
        if path not in self._found:
            made = edit["content"] is not None or (edit["create"] and edit["line"] is not None)
            may_miss = made or edit["state"] == "absent"
            self._found[path] = self._wanted[path] = self._read(path, ["NoSuchGuestFile"] if may_miss else [])
        self._wanted[path] = edited(self._wanted[path], edit)
        if edit["mode"] is not None:
            self._modes[path] = edit["mode"]

    def _read(self, path, unless):
        data = self._program.ask("cat", [path], unless=unless)
        if data is None:
            return None
        file = data["files"][0]
        if "content_b64" in file:
            return base64.b64decode(file["content_b64"]).decode("utf-8", "surrogateescape")
        return file["content"]

    def plan(self):
        """Return the changes, as `imgtools apply` takes them."""
        changes = []
        for path, wanted in self._wanted.items():
            found = self._found[path]
            if wanted is None:
                changes += [] if found is None else [{"kind": "remove", "path": path}]
                continue
            if wanted != found:
                content = base64.b64encode(wanted.encode("utf-8", "surrogateescape")).decode("ascii")
                change = {"kind": "write-file", "path": path, "content_b64": content}
                if found is not None:
                    before = found.encode("utf-8", "surrogateescape")
                    change["before"] = hashlib.sha256(before).hexdigest()
                changes.append(change)
            if path in self._modes:
                changes.append({"kind": "set-mode", "path": path, "mode": self._modes[path]})
        return changes


def main():
    """Make the edits."""
    suboptions = {**EDIT, "path": {"type": "str", "required": True}}
    several = {"type": "list", "elements": "dict", "options": suboptions, **LIMITS}
    module = AnsibleModule(
        {**OPENING, **WRITING, **EDIT, "edits": several},
        supports_check_mode=True,
        required_one_of=[("path", "edits")],
        mutually_exclusive=[*LIMITS["mutually_exclusive"], *(("edits", name) for name in ("path", *WORDS))],
        required_by=LIMITS["required_by"],
    )
    program = Imgtools(module)
    files = Files(program)
    for edit in module.params["edits"] or [module.params]:
        wanted = [edit[name] for name in ("content", "line", "replace", "mode")]
        if edit["state"] == "present" and all(one is None for one in wanted):
            module.fail_json(msg="{}: say its content, a line, or what to replace".format(edit["path"]))
        try:
            files.edit(edit)
        except (re.error, IndexError) as error:
            module.fail_json(msg="{}: not a regular expression: {}".format(edit["path"], error))
    plan = files.plan()
    if not plan and not module.params["output"]:
        module.exit_json(changed=False, changes=[])
    module.exit_json(**program.change("apply", ["-"], stdin=json.dumps(plan).encode("ascii")))


if __name__ == "__main__":
    main()

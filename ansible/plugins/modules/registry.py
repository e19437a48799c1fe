#!/usr/bin/python
"""See to a value or a key of a Windows registry."""

from __future__ import annotations

DOCUMENTATION = r"""
module: registry
short_description: See to a value or a key of a Windows registry
description:
  - Sets or removes a value of the registry of a Windows guest that is off, or removes a key, in the guest's disk image.
extends_documentation_fragment: [imgtools.guest.image, imgtools.guest.image.writing]
options:
  key:
    description: As in regedit, V(HKLM\\...) or V(HKU\\USER\\...). It is made with its parents if it is missing.
    type: str
    required: true
  name:
    description: The value's name. Without it, the key's default value; with O(state=absent) and no name, the key.
    type: str
  value:
    description: What the value becomes, a list of texts for V(multi_sz), hexadecimal for V(binary).
    type: raw
  type:
    description: Type of the value. Without it, the type that the value has, or V(sz).
    type: str
    choices: [sz, expand_sz, multi_sz, dword, qword, binary, none]
  state:
    description: Whether the value is to be there.
    type: str
    choices: [present, absent]
    default: present
  user:
    description: Whose HKEY_CURRENT_USER is meant.
    type: str
author: The imgtools developers
"""

EXAMPLES = r"""
- name: Remote Desktop lets people in
  imgtools.guest.registry:
    image: windows.qcow2
    key: HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server
    name: fDenyTSConnections
    type: dword
    value: 0

- name: The updater does not start with the user
  imgtools.guest.registry:
    image: windows.qcow2
    key: HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run
    name: Updater
    state: absent

- name: Without the old driver's service, and all keys below it
  imgtools.guest.registry:
    image: windows.qcow2
    key: HKLM\SYSTEM\CurrentControlSet\Services\vmmemctl
    state: absent
"""

RETURN = r"""
changes:
  description: What was changed, or would be, a line each.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible_collections.imgtools.guest.plugins.module_utils.program import (  # noqa: E402
    OPENING,
    WRITING,
    Imgtools,
)

OPTIONS = {
    "key": {"type": "str", "required": True, "no_log": False},  # a registry key
    "name": {"type": "str"},
    "value": {"type": "raw"},
    "type": {
        "type": "str",
        "choices": ["sz", "expand_sz", "multi_sz", "dword", "qword", "binary", "none"],
    },
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "user": {"type": "str"},
}


def bytes_of(module):
    """Return the value as the program reads it from its standard input."""
    value = module.params["value"]
    if module.params["type"] == "binary":
        try:
            return bytes.fromhex(str(value))
        except ValueError as error:
            module.fail_json(msg=f"value is not hexadecimal: {error}")
    # A line end closes each text; a text file's last one is not meant.
    texts = value if isinstance(value, list) else [value]
    return "".join(f"{one}\n" for one in texts).encode("utf-8")


def main():
    """Set a value, or remove a value or a key."""
    module = AnsibleModule(
        {**OPENING, **WRITING, **OPTIONS},
        supports_check_mode=True,
        required_if=[("state", "present", ["value"])],
    )
    given = module.params
    options = ["--user={}".format(given["user"])] if given["user"] else []
    named = [] if given["name"] is None else [given["name"] or "@"]
    program = Imgtools(module)
    if given["state"] == "absent":
        options += [] if named else ["--recursive"]
        done = program.change(
            "registry delete", [given["key"], *named], options, unless=["NoSuchRegistryKey"]
        )
    else:
        options += ["--type={}".format(given["type"])] if given["type"] else []
        done = program.change(
            "registry set", [given["key"], *(named or ["@"]), "-"], options, bytes_of(module)
        )
    module.exit_json(**done)


if __name__ == "__main__":
    main()

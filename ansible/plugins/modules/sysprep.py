#!/usr/bin/python
"""Prepare a guest to be cloned, or tell whether it is fit to be."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sysprep
short_description: Prepare a guest to be cloned, or tell whether it is fit to be
description:
  - Removes from the disk image of a guest that is off what must not be the same in two machines, as host keys, machine
    ID, leases, logs, histories, caches and registrations. Linux and Windows guests.
  - All of it is one transaction. C(imgtools sysprep --list-operations) lists the operations.
extends_documentation_fragment: [imgtools.guest.image, imgtools.guest.image.writing]
options:
  operations:
    description: Which operations, by their names, V(all) or V(defaults), and V(-name) to take one out.
    type: list
    elements: str
    default: []
  settings:
    description: Parameters of operations, as V(machine-id.policy=uninitialized) would set one.
    type: dict
    default: {}
  hostname:
    description: The host name that the guest gets.
    type: str
  verify:
    description: Only tell whether the image is fit as a template.
    type: bool
    default: false
author: The imgtools developers
"""

EXAMPLES = r"""
- name: The guest is a template
  imgtools.guest.sysprep:
    image: debian.qcow2
    operations: [defaults, -ssh-userdir]
    settings:
      machine-id.policy: uninitialized

- name: A template beside the guest
  imgtools.guest.sysprep:
    image: debian.qcow2
    output: template.qcow2

- name: Is it fit to be cloned?
  imgtools.guest.sysprep:
    image: template.qcow2
    verify: true
  register: verdict
  failed_when: not verdict.fit
"""

RETURN = r"""
changes:
  description: What was changed, or would be, a line each.
  returned: unless verify
  type: list
  elements: str
fit:
  description: Whether nothing is left that would be the same in every clone.
  returned: with verify
  type: bool
left:
  description: The operations that would still change something, each with the lines of its changes.
  returned: with verify
  type: dict
traces:
  description: What still tells of the machine that the template was made of, a line each.
  returned: with verify
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
    "operations": {"type": "list", "elements": "str", "default": []},
    "settings": {"type": "dict", "default": {}},
    "hostname": {"type": "str"},
    "verify": {"type": "bool", "default": False},
}


def main():
    """Prepare the image, or verify it."""
    module = AnsibleModule({**OPENING, **WRITING, **OPTIONS}, supports_check_mode=True)
    given = module.params
    words = [f"--set={name}={value}" for name, value in given["settings"].items()]
    if given["operations"]:
        words.append("--operations={}".format(",".join(given["operations"])))
    if given["verify"]:
        data = Imgtools(module).ask("sysprep", options=["--verify", *words])
        module.exit_json(
            changed=False,
            fit=data["fit"],
            left={one["name"]: [change["summary"] for change in one["changes"]] for one in data["left"]},
            traces=["{}: {} in {}".format(one["kind"], one["text"], one["path"]) for one in data["traces"]],
        )
    if given["hostname"]:
        words.append("--hostname={}".format(given["hostname"]))
    module.exit_json(**Imgtools(module).change("sysprep", options=words))


if __name__ == "__main__":
    main()

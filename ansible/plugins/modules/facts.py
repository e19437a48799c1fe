#!/usr/bin/python
"""Tell which system is in a disk image, and what is in it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: facts
short_description: Tell which system is in a disk image, and what is in it
description:
  - Reads a disk image of a guest that is off, and never changes it. Linux and Windows guests.
  - The answer is that of C(imgtools inspect --json).
extends_documentation_fragment: [imgtools.guest.image]
options:
  applications:
    description: List installed packages and programs, too.
    type: bool
    default: false
attributes:
  check_mode:
    description: Nothing is changed in either mode.
    support: full
author: The imgtools developers
"""

EXAMPLES = r"""
- name: What is in the image?
  imgtools.guest.facts:
    image: /var/lib/libvirt/images/web1.qcow2

- name: No guest is older than Debian 12
  ansible.builtin.assert:
    that: imgtools_guests[0].os.distro != 'debian' or imgtools_guests[0].os.major >= 12
"""

RETURN = r"""
guests:
  description: The systems in the image, each as in C(imgtools inspect --json).
  returned: success
  type: list
  elements: dict
ansible_facts:
  description: The same as the fact RV(ignore:imgtools_guests), until the next image is asked.
  returned: success
  type: dict
  contains:
    imgtools_guests:
      description: The systems in the image.
      type: list
      elements: dict
"""

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible_collections.imgtools.guest.plugins.module_utils.program import (  # noqa: E402
    OPENING,
    Imgtools,
)


def main():
    """Ask, and answer."""
    module = AnsibleModule(
        {**OPENING, "applications": {"type": "bool", "default": False}}, supports_check_mode=True
    )
    what = "--applications" if module.params["applications"] else "--no-applications"
    guests = Imgtools(module).ask("inspect", options=["--no-icon", what])["guests"]
    module.exit_json(changed=False, guests=guests, ansible_facts={"imgtools_guests": guests})


if __name__ == "__main__":
    main()

"""The options that all modules of this collection have."""

from __future__ import annotations


class ModuleDocFragment:
    """How an image is opened; `WRITING`: what becomes of a change."""

    DOCUMENTATION = r"""
options:
  image:
    description: The disk image, in any format that QEMU reads. The guest must be off.
    type: path
    required: true
  format:
    description: Format of the image. Without it, it is found.
    type: str
  root:
    description: Which system, if there are several, by the device, UUID, label or drive letter of its root.
    type: str
  keys:
    description:
      - Keys of encrypted volumes.
      - They reach the program in its environment, and appear neither among its arguments nor in what it prints.
    type: list
    elements: dict
    default: []
    suboptions:
      volume:
        description: Device, UUID or label of the volume, V(image) for an encrypted image, or V(all).
        type: str
        default: all
      key:
        description: The passphrase or recovery key.
        type: str
        required: true
  executable:
    description: The program, by its path or by a name that is looked for in E(PATH).
    type: path
    default: imgtools
requirements: [imgtools]
notes:
  - An error fails the task with the message of imgtools, its hint, the name of the error as RV(ignore:error) and its
    exit code as RV(ignore:rc). The code 11 means that another program has the image open for writing, and is worth a
    retry; 13 that an edit was cut, which C(imgtools recover) finishes.
"""

    WRITING = r"""
options:
  output:
    description:
      - Make a new image with the changes, and leave this one as it is.
      - If the file is there already, nothing is done.
    type: path
  validate:
    description: Refuse what would lock people out of the guest, or stop its boot.
    type: bool
    default: true
attributes:
  check_mode:
    description: The change is planned on the image, and nothing is written.
    support: full
  diff_mode:
    description: The difference of each text file and registry value, and a line for any other change.
    support: full
"""

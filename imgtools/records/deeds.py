"""What is carried out in the appliance, below all files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deed:
    """One script.

    :param what: what it does, for the message if it fails.
    :param script: of a shell that stops at the first error; ``$D`` is the device in the words of its kernel.
    :param device: as it is called here.
    """

    what: str
    script: str
    device: str

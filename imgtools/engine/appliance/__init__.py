"""The appliance engine: libguestfs. It serves everything, after a boot of 5 to 16 seconds without KVM."""

from __future__ import annotations

from imgtools.engine.appliance.session import ApplianceSession

__all__ = ["ApplianceSession"]

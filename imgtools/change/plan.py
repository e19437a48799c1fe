"""The plan of an edit: what shall be different in a guest, as it is shown and as it is carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from imgtools.change.change import PlainChange, RegistryChange
from imgtools.change.describe import PlannedChange
from imgtools.files.tree import GuestTree
from imgtools.records.disks import Mount
from imgtools.records.files import FileKind
from imgtools.records.system import Warned

# Gives a new file of a path and kind its SELinux label; None: it gets none.
Labeller = Callable[[str, FileKind], bytes | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes of one guest: composed into plain ones, without contradictions, checked, each with words and diff.

    :func:`imgtools.guest.plan.make_plan` makes one; nothing else does. It is what a command shows, and all that
    :meth:`imgtools.image.edit.ImageEdit.apply` takes.

    ``mounts``: among which the paths are resolved. ``files``: the tree that it was made for, as it was then.
    ``label``: gives what is new its SELinux label.
    """

    mounts: tuple[Mount, ...]
    changes: tuple[PlannedChange, ...]
    warnings: tuple[Warned, ...] = ()
    files: GuestTree = field(kw_only=True, repr=False, compare=False)
    label: Labeller | None = field(default=None, kw_only=True, repr=False, compare=False)

    @property
    def plain(self) -> tuple[PlainChange, ...]:
        """The changes themselves, in the order in which they are made."""
        return tuple(one.change for one in self.changes if not isinstance(one.change, RegistryChange))

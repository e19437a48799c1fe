"""Steps of a change of disk images, as they are shown before and after they are done."""

from __future__ import annotations

from dataclasses import dataclass, fields

# What a step does. ``consequence`` and ``belief`` do nothing: they say what follows from the steps, and what an unsafe
# one takes for true. The names are part of the JSON: docs/json.md.
KINDS = frozenset(
    {"make-image", "write-data", "copy-data", "copy-file", "remove-file", "empty-image", "keep-image"}
    | {"grow-disk", "shrink-disk", "grow-partition", "shrink-partition", "copy-partition", "make-partition"}
    | {
        "leave-out-partition",
        "move-backup-table",
        "grow-content",
        "shrink-content",
        "make-swap",
        "open-container",
    }
    | {"grow-physical-volume", "extend-logical-volume", "record-backing", "grow-image", "set-option"}
    | {"add-bitmap", "remove-bitmap", "clear-bitmap", "enable-bitmap", "disable-bitmap", "merge-bitmap"}
    | {"create-snapshot", "apply-snapshot", "delete-snapshot", "repair-tables", "free-leaks", "write-tables"}
    | {"overwrite", "overwrite-pass", "give-back", "empty-volume", "consequence", "belief"}
    | {
        "make-table",
        "remove-partition",
        "set-partition",
        "lose-content",
        "clear-signatures",
        "make-filesystem",
    }
    | {"make-physical-volume", "remove-physical-volume", "make-volume-group", "extend-volume-group"}
    | {"reduce-volume-group", "remove-volume-group", "make-logical-volume", "shrink-logical-volume"}
    | {"remove-logical-volume", "write-fstab", "install-boot-loader"}
)


@dataclass(frozen=True, slots=True)
class DiskStep:
    """One step: what is done to which file, and the line that says so to people.

    ``kind`` is one of :data:`KINDS`, ``path`` a host path or a device of the guest. Sizes and places are bytes; what
    does not apply is None or empty, and left out of the JSON.
    """

    kind: str
    summary: str
    path: str = ""
    name: str = ""  # of a snapshot, a bitmap, an option, a filesystem's kind
    target: str = ""  # the other file
    size: int | None = None  # of the data that is moved, or what is left afterwards
    old_size: int | None = None
    start: int | None = None
    number: int | None = None  # of a partition, a pass
    new_number: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such kind of step: {self.kind}")

    def as_json(self) -> dict[str, object]:
        """The step without what does not apply."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in pairs if value is not None and value != ""}

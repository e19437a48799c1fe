"""Whether the files of an image have changed while a program that runs the guest writes it."""

from __future__ import annotations

from imgtools.image.handle import Image

RUNNING = "what is read while the guest runs is as old as what the guest has written to its disk"


class Watched:
    """The files of an image, and what they looked like before they were read last."""

    def __init__(self, image: Image) -> None:
        chains = [layer for info in image.infos for layer in info.chain]
        self._paths = [path for layer in chains for path in (layer.host_path, *layer.extents)]
        self._seen = self._look()

    def has_changed(self) -> bool:
        """Whether they may have changed; of devices and of what is elsewhere nobody can tell."""
        before, self._seen = self._seen, self._look()
        return self._seen is None or self._seen != before

    def _look(self) -> tuple[tuple[int, int, int], ...] | None:
        try:
            found = [path.stat() for path in self._paths if path.is_file()]
        except OSError:
            return None
        if not found or len(found) < len(self._paths):
            return None
        return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)

"""Which file of the guest is behind which path of a folder in which files were renamed, removed and made."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.files.paths import parent_of


def above(path: str) -> Iterator[str]:
    """Yield the directories that ``path`` is in, the nearest first, without ``/``."""
    here = parent_of(path)
    while here != "/":
        yield here
        here = parent_of(here)


class Names:
    """Paths as they are now, and the guest's own.

    A directory that is renamed takes along what is in it: only the directory is written down.
    """

    def __init__(self) -> None:
        self.moved: dict[str, str] = {}  # what was renamed: its path now, and the guest's
        self.removed: set[str] = set()  # the guest's paths of what is removed for good
        self._hidden: set[str] = set()  # paths where what the guest has is not, or no longer, shown

    def origin(self, path: str) -> str | None:
        """Return the guest's path of what is shown at ``path``; it need not exist. None: nothing of the guest."""
        for here in (path, *above(path)):
            if here in self.moved:
                return self.moved[here] + path[len(here) :]
            if here in self._hidden:
                return None
        return path

    def hides(self, path: str) -> bool:
        """Whether ``path`` shows nothing that its directory has in the guest."""
        return path in self._hidden

    def made(self, path: str) -> None:
        """Something new is at ``path``."""
        self._hidden.add(path)

    def take(self, path: str) -> str | None:
        """Let the guest's file at ``path`` leave it; returns the guest's path."""
        origin = self.origin(path)
        self.moved.pop(path, None)
        self._hidden.add(path)
        return origin

    def put(self, path: str, origin: str) -> None:
        """Show the guest's file ``origin`` at ``path``."""
        self._hidden.discard(path)
        if self.origin(path) != origin:  # else it is where it belongs
            self.moved[path] = origin
            self._hidden.add(path)

    def shift(self, path: str, to: str) -> None:
        """What is below ``path`` is now below ``to``."""
        below = path + "/"
        self.moved = {_shifted(one, below, to): origin for one, origin in self.moved.items()}
        self._hidden = {_shifted(one, below, to) for one in self._hidden}

    def emptied(self, path: str) -> None:
        """There is no directory at ``path`` any more: what was hidden in it does not count."""
        below = path + "/"
        self._hidden = {one for one in self._hidden if not one.startswith(below)}


def _shifted(path: str, below: str, to: str) -> str:
    return f"{to}/{path[len(below) :]}" if path.startswith(below) else path

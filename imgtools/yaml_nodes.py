"""YAML that people write for us: its mappings, lists and words, and complaints that name file, line and key."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

import yaml

from imgtools.errors import ImgtoolsError

Yaml = yaml.Node


class Nodes:
    """One file.

    :param name: of the file; it is in every complaint.
    :param what: the file is called in complaints.
    :param error: what is raised.
    """

    def __init__(self, name: str, what: str, error: type[ImgtoolsError]) -> None:
        self._name, self._what, self._error = name, what, error

    def compose(self, text: str, hint: str = "") -> Yaml:
        """Return the root of a document."""
        try:
            root: Yaml | None = yaml.compose(text, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            line = f" line {mark.line + 1}:" if mark else ""
            problem = getattr(error, "problem", "") or "too deep"
            raise self._error(f"{self._name}:{line} not YAML: {problem}") from None
        if root is None:
            raise self._error(f"{self._name}: an empty {self._what}", hint=hint)
        return root

    def text(self, node: Yaml) -> str:
        """Return a word."""
        if not isinstance(node, yaml.ScalarNode):
            raise self.wrong(node, "a word is wanted here, not a list or a mapping")
        return str(node.value)

    def number(self, node: Yaml, most: int) -> int:
        """Return a whole number from 0 on."""
        text = self.text(node)
        if not (text.isascii() and text.isdigit()) or int(text[:20]) > most:
            raise self.wrong(node, f"not a number from 0 to {most}: {text}")
        return int(text)

    def truth(self, node: Yaml) -> bool:
        """Return yes or no."""
        return self.one_of(node, ("true", "false", "yes", "no")) in ("true", "yes")

    def one_of(self, node: Yaml, known: Sequence[str]) -> str:
        """Return one of these words."""
        text = self.text(node)
        if text not in known:
            near = difflib.get_close_matches(text, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise self.wrong(node, f"not known: {text}", hint)
        return text

    def items(self, node: Yaml) -> list[Yaml]:
        """Return the items of a list."""
        if not isinstance(node, yaml.SequenceNode):
            raise self.wrong(node, "a list is wanted here")
        return list(node.value)

    def pairs(self, node: Yaml | None) -> Iterator[tuple[Yaml, Yaml]]:
        """Yield names and values of a mapping; of nothing none."""
        if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
            return
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(node, "a mapping is wanted here: name: value")
        yield from node.value

    def fields(self, node: Yaml, known: Sequence[str]) -> dict[str, Yaml]:
        """Return the values of a mapping by their names, which are all known."""
        found: dict[str, Yaml] = {}
        for key, value in self.pairs(node):
            name = self.text(key)
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
                raise self.wrong(key, f"unknown word: {name}", hint)
            if name in found:
                raise self.wrong(key, f"said twice: {name}")
            found[name] = value
        return found

    def place(self, node: Yaml) -> str:
        """Return file and line."""
        return f"{self._name}: line {line_of(node)}"

    def wrong(self, node: Yaml, message: str, hint: str = "") -> ImgtoolsError:
        """Return the error of what is wrong at a node."""
        return self._error(f"{self._name}: line {line_of(node)}: {message}", hint=hint)


def line_of(node: Yaml) -> int:
    """Return the line that a node begins on, from 1."""
    return int(node.start_mark.line) + 1

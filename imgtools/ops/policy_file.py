"""Reads the policies of an audit: YAML files, those of ``ops/policies/`` by their name.

What a policy says wrongly is told with its file and line, and with the nearest name that there is.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path

import yaml

from imgtools.errors import HostError, UsageError
from imgtools.ops.check import ShelvedCheck, explain_check, matching
from imgtools.ops.operation import read_params
from imgtools.ops.policy import Policy, Waiver
from imgtools.records.audit import Level
from imgtools.yaml_nodes import Nodes, Yaml, line_of

SHIPPED = "imgtools.ops.policies"
LARGEST = 1 << 20  # bytes of a policy
DEEPEST = 20  # policies that extend each other
WORDS = ("name", "extends", "checks", "skip", "parameters", "severities", "fail-on", "waivers")


def shipped_policies() -> Mapping[str, str]:
    """Return the policies that come with the tool: name and text, by name."""
    found = {one.name: one for one in files(SHIPPED).iterdir() if one.name.endswith(".yaml")}
    return {name.removesuffix(".yaml"): found[name].read_text("utf-8") for name in sorted(found)}


def read_policy(named: str, shelf: Mapping[str, ShelvedCheck]) -> Policy:
    """Return the policy of that name, or in that file.

    :raises UsageError: there is no such policy; or it does not parse, or names what there is not: file and line are
        told, and the nearest name.
    :raises HostError: the file cannot be read.
    """
    return _read(named, shelf, 0)


def _read(named: str, shelf: Mapping[str, ShelvedCheck], depth: int) -> Policy:
    shipped = shipped_policies()
    if named in shipped:
        return _Reader(named, shelf, depth).read(shipped[named])
    path = Path(named)
    if not path.exists() and "/" not in named and not named.endswith((".yaml", ".yml")):
        near = difflib.get_close_matches(named, shipped, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(shipped)}, or name a YAML file"
        raise UsageError(f"no such policy: {named}", hint=hint)
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise HostError(f"cannot read {named}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{named}: not text in UTF-8 (byte {error.start})") from None
    if len(content) > LARGEST:
        raise UsageError(f"{named}: larger than a policy can be ({LARGEST} bytes)")
    return _Reader(named, shelf, depth).read(text)


class _Reader:
    """Reads one policy; its name is in every complaint."""

    def __init__(self, name: str, shelf: Mapping[str, ShelvedCheck], depth: int) -> None:
        self._name = name
        self._nodes = Nodes(name, "policy", UsageError)
        self._shelf = shelf
        self._depth = depth
        if depth > DEEPEST:
            raise UsageError(f"{name}: policies extend each other in a circle")

    def read(self, text: str) -> Policy:
        root = self._nodes.compose(text, "it needs checks: or extends:")
        fields = self._nodes.fields(
            root, ("name", "extends", "checks", "skip", "parameters", "severities", "fail-on", "waivers")
        )
        base = self._base(fields.get("extends"))
        if "checks" not in fields and base is None:
            raise self._nodes.wrong(root, "neither checks nor extends: it asks nothing")
        asked = self._checks(fields["checks"]) if "checks" in fields else (base.checks if base else ())
        skipped = self._checks(fields["skip"]) if "skip" in fields else ()
        parameters = dict(base.parameters) if base else {}
        parameters |= {
            k: {**parameters.get(k, {}), **v} for k, v in self._parameters(fields.get("parameters"))
        }
        severities = dict(base.severities) if base else {}
        severities |= dict(self._severities(fields.get("severities")))
        fail_on = base.fail_on if base else Level.LOW
        return Policy(
            name=self._nodes.text(fields["name"]) if "name" in fields else self._name,
            checks=tuple(one for one in asked if one not in skipped),
            parameters=parameters,
            severities=severities,
            waivers=(*(base.waivers if base else ()), *self._waivers(fields.get("waivers"))),
            fail_on=self._level(fields["fail-on"]) if "fail-on" in fields else fail_on,
        )

    def _base(self, node: Yaml | None) -> Policy | None:
        if node is None:
            return None
        name = self._nodes.text(node)
        try:
            beside = Path(self._name).parent / name
            return _read(str(beside) if beside.is_file() else name, self._shelf, self._depth + 1)
        except (UsageError, HostError) as error:
            if self._depth > DEEPEST - 1:
                raise
            raise self._nodes.wrong(node, error.message, error.hint) from None

    def _checks(self, node: Yaml) -> tuple[str, ...]:
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found: set[str] = set()
        for item in items:
            found.update(self._named(item, lambda word: matching(self._shelf, [word])))
        return tuple(one for one in self._shelf if one in found)

    def _named(self, node: Yaml, find: Callable[[str], tuple[str, ...]]) -> tuple[str, ...]:
        try:
            return find(self._nodes.text(node))
        except UsageError as error:
            raise self._nodes.wrong(node, error.message, error.hint) from None

    def _parameters(self, node: Yaml | None) -> Iterator[tuple[str, dict[str, str]]]:
        for key, value in self._nodes.pairs(node):
            name = self._check(key)
            values: dict[str, str] = {}
            for parameter, said in self._nodes.pairs(value):
                values[self._nodes.text(parameter).replace("-", "_")] = self._value(said)
                try:
                    read_params(name, self._shelf[name].check.params, values)
                except UsageError as error:
                    raise self._nodes.wrong(parameter, error.message, error.hint) from None
            yield name, values

    def _severities(self, node: Yaml | None) -> Iterator[tuple[str, Level]]:
        for key, value in self._nodes.pairs(node):
            level = self._level(value)
            for name in self._named(key, lambda word: matching(self._shelf, [word])):
                yield name, level

    def _waivers(self, node: Yaml | None) -> Iterator[Waiver]:
        if node is None:
            return
        if not isinstance(node, yaml.SequenceNode):
            raise self._nodes.wrong(node, "waivers are a list")
        for item in node.value:
            said = self._nodes.fields(item, ("check", "path", "subject", "reason", "expires"))
            if "check" not in said or "reason" not in said:
                raise self._nodes.wrong(item, "a waiver needs check and reason")
            texts = {name: self._nodes.text(one) for name, one in said.items()}
            yield Waiver(
                self._check(said["check"]),
                texts["reason"],
                texts.get("path", ""),
                texts.get("subject", ""),
                self._date(said["expires"]) if "expires" in said else None,
                f"{self._name}:{line_of(item)}",
            )

    def _check(self, node: Yaml) -> str:
        return self._named(node, lambda word: _one(self._shelf, word))[0]

    def _level(self, node: Yaml) -> Level:
        try:
            return Level(self._nodes.text(node))
        except ValueError:
            raise self._nodes.wrong(
                node, f"no such severity: {self._nodes.text(node)}", f"there are {', '.join(Level)}"
            ) from None

    def _date(self, node: Yaml) -> date:
        try:
            return date.fromisoformat(self._nodes.text(node))
        except ValueError:
            raise self._nodes.wrong(
                node, f"not a day: {self._nodes.text(node)}", "write it as 2026-12-31"
            ) from None

    def _value(self, node: Yaml) -> str:
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        return ",".join(self._nodes.text(one) for one in items)


def _one(shelf: Mapping[str, ShelvedCheck], word: str) -> tuple[str, ...]:
    """Return the check of just that id.

    :raises UsageError: there is none.
    """
    return (explain_check(shelf, word).id,)

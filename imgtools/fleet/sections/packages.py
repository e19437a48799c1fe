"""Packages of which the fleet has several versions; first those that differ within a release."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, and_, case, cast, func
from sqlalchemy.types import Text

from imgtools.fleet.newest import Run, Runs, of_run
from imgtools.fleet.part import MOST, Part, many, row, unasked
from imgtools.fleet.schema import KIND_TABLES, RUN_IMAGES
from imgtools.reports.page import Row, Section

TITLE = "Packages in several versions"
VERSIONS = 8  # that are named of a package


class _Version(NamedTuple):
    """A version of a package in a release, and how many images have it."""

    system: str
    version: str
    images: int


class _Package(NamedTuple):
    """A package of which there are several versions."""

    name: str
    differs: bool  # within a release
    versions: tuple[_Version, ...]

    @property
    def order(self) -> tuple[bool, int, str]:
        """The most of what is shown first."""
        return not self.differs, -len({one.version for one in self.versions}), self.name


def packages(connection: Connection, runs: Runs, today: date) -> Part:
    """Return the packages that differ most."""
    if (run := runs.get("inspect")) is None:
        return Part(unasked(TITLE, "inspect"))
    number = differing = 0

    def counted() -> Iterator[_Package]:
        nonlocal number, differing
        for one in _several(connection, run):
            number += 1
            differing += one.differs
            yield one

    shown = heapq.nsmallest(MOST, counted(), key=lambda one: one.order)
    notes = [f"The first {MOST} of {number}."] if number > MOST else []
    notes += [f"{many(differing, 'package')} in several versions within one release."] if differing else []
    section = Section(
        TITLE,
        tuple(map(_row, shown)),
        unfolded=False,
        columns=("State", "Package", "Versions, and in how many images", "Several in"),
        note=" ".join(notes),
    )
    return Part(section)


def _several(connection: Connection, run: Run) -> Iterator[_Package]:
    """Yield the packages of which there is more than one version; only those of one name are held at a time."""
    table, guests = KIND_TABLES["packages"], KIND_TABLES["guests"]
    release = case((table.c.release != "", "-" + table.c.release), else_="")
    epoch = case((table.c.epoch > 0, cast(cast(table.c.epoch, BigInteger), Text) + ":"), else_="")
    keys = (table.c.name, guests.c.distro, guests.c.major, (epoch + table.c.version + release).label("whole"))
    here = and_(guests.c.answer_id == table.c.answer_id, guests.c.root == table.c.root)
    wanted = (
        of_run(run, table, *keys, func.count(RUN_IMAGES.c.image_id.distinct()))
        .join(guests, here)
        .group_by(*keys)
        .order_by(table.c.name)
        .execution_options(yield_per=MOST)
    )
    for name, rows in groupby(connection.execute(wanted), key=lambda one: str(one[0])):
        found = sorted(
            (_Version(f"{distro} {major}", version, images) for _, distro, major, version, images in rows),
            key=lambda one: (-one.images, one),
        )
        if len({one.version for one in found}) > 1:
            yield _Package(name, len({one.system for one in found}) < len(found), tuple(found))


def _row(one: _Package) -> Row:
    images: dict[str, int] = {}
    for each in one.versions:
        images[each.version] = images.get(each.version, 0) + each.images
    said = [
        f"{version} ({number})"
        for version, number in sorted(images.items(), key=lambda one: (-one[1], one[0]))
    ]
    rest = [f"and {len(said) - VERSIONS} more"] if len(said) > VERSIONS else []
    systems = sorted({each.system for each in one.versions})
    here = [(system, [each for each in one.versions if each.system == system]) for system in systems]
    more = tuple((system, _said(versions)) for system, versions in here[:VERSIONS])
    several = ", ".join(system for system, versions in here if len(versions) > 1)
    state = "differs" if one.differs else "by release"
    return row(state, one.name, ", ".join([*said[:VERSIONS], *rest]), several, more)


def _said(versions: list[_Version]) -> str:
    return row("", "", "\n".join(f"{one.version} ({one.images})" for one in versions[:VERSIONS])).text

"""Verify that the files of a guest's packages are as the packages have them, without the guest's package manager."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from imgtools.errors import NotInGuest, UnsupportedGuest, UsageError
from imgtools.guest.guest import Guest, the_guest
from imgtools.guest.packages.extra_files import FOLDERS, find_extra
from imgtools.guest.packages.integrity import Looked, Verifier
from imgtools.guest.packages.owned_files import Places, package_files
from imgtools.image.handle import open_request
from imgtools.records.packages import FileFinding, PackageFile
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import OsType, Warned


@dataclass(frozen=True, slots=True)
class Generated:
    """Files that no package owns, and that a program has made from what packages own."""

    by: str
    files: int


@dataclass(frozen=True, slots=True)
class PackagesVerified:
    """How the files of a guest differ from what its packages say.

    ``intact``: nothing was found that counts; a configuration file that was changed counts only if that was asked for.
    ``unknown`` are files of whose content the database says nothing.
    """

    image: str
    engine: Engine
    root: str
    guest: str
    package_format: str
    intact: bool
    packages: int
    files: int
    hashed: int
    unknown: int
    findings: tuple[FileFinding, ...]
    generated: tuple[Generated, ...] = ()
    warnings: tuple[Warned, ...] = ()

    @property
    def code(self) -> tuple[FileFinding, ...]:
        """The findings but those of configuration files."""
        return tuple(one for one in self.findings if not one.is_config)

    @property
    def configuration(self) -> tuple[FileFinding, ...]:
        """The findings of configuration files."""
        return tuple(one for one in self.findings if one.is_config)


@dataclass(slots=True)
class _Wanted:
    """The packages that are looked at, and the places of what all of them own."""

    names: frozenset[str]
    places: Places | None
    known: set[str] = field(default_factory=set)
    owned: set[str] = field(default_factory=set)

    def of(self, every: Iterable[PackageFile]) -> Iterator[PackageFile]:
        for one in every:
            self.known.add(one.package)
            if self.places is not None:
                self.owned.add(self.places.real(one.path))
            if not self.names or one.package in self.names:
                yield one


def verify(
    request: ImageRequest,
    packages: Sequence[str] = (),
    *,
    extra: bool = False,
    extra_in: Sequence[str] = (),
    config: bool = False,
) -> PackagesVerified:
    """Compare every file of every package with what the package database says of it.

    :param packages: the packages that are looked at; without any, all.
    :param extra: also look for files in the system's folders that no package owns.
    :param extra_in: further folders for that, such as /etc.
    :param config: a changed configuration file counts too.
    :raises UsageError: ``extra`` with ``packages``: what one package does not own others may.
    :raises NotInGuest: there is no such package, or it owns nothing.
    :raises UnsupportedGuest: nobody knows which files the packages of this guest own.
    :raises OddGuest: the package database is damaged.
    """
    folders = (*(FOLDERS if extra or extra_in else ()), *extra_in)
    if folders and packages:
        raise UsageError(
            "--extra is about all packages: what one does not own others may", hint="leave --package away"
        )
    with open_request(request) as image:
        guest = the_guest(image, request.root)
        if guest.os.type is OsType.WINDOWS:
            raise UnsupportedGuest(
                "the files of a Windows are not covered: it has no package database",
                hint="sfc /verifyonly and DISM /ScanHealth tell it from within",
            )
        return _verified(request, guest, _Wanted(frozenset(packages), None), folders, config=config)


def _verified(
    request: ImageRequest, guest: Guest, wanted: _Wanted, folders: Sequence[str], *, config: bool
) -> PackagesVerified:
    files = guest.files
    if folders:
        wanted.places = Places(files)
    verifier = Verifier(files, follows_links=guest.os.package_format == "deb", unmounted=guest.unmounted)
    findings = list(verifier.findings(wanted.of(package_files(files, guest.os.package_format))))
    _require(wanted)
    warnings, generated = list(guest.warnings), tuple[Generated, ...]()
    if folders:
        found = find_extra(files, wanted.owned, folders)
        findings += found.findings
        generated = tuple(Generated(by, count) for by, count in sorted(found.generated.items()))
        warnings += found.refused.warnings
    return PackagesVerified(
        image=request.name,
        engine=files.served_by,
        root=guest.root.device,
        guest=guest.os.product_name or guest.os.distro,
        package_format=guest.os.package_format,
        intact=not any(config or not one.is_config for one in findings),
        **_counts(verifier.looked),
        findings=tuple(findings),
        generated=generated,
        warnings=tuple(warnings),
    )


def _counts(looked: Looked) -> dict[str, int]:
    return {
        "packages": looked.packages,
        "files": looked.files,
        "hashed": looked.hashed,
        "unknown": looked.unknown,
    }


def _require(wanted: _Wanted) -> None:
    """Refuse names of packages that are not there."""
    for name in sorted(wanted.names - wanted.known):
        near = difflib.get_close_matches(name, wanted.known, n=1)
        raise NotInGuest(
            f"no package {name} is installed, or it owns no file",
            hint=f"did you mean {near[0]}?" if near else "imgtools inspect lists the packages",
        )

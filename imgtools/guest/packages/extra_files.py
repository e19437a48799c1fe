"""Files under the system's folders that no package owns, and which of them programs have made from what is owned."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from imgtools.errors import GuestFileError
from imgtools.files.refused import RefusedFiles
from imgtools.files.tree import GuestReader
from imgtools.records.files import FileKind
from imgtools.records.packages import Deviation, FileFinding

# Where only packages put files. /usr/local, /opt and /srv are the administrator's (FHS 3.0, 4.9), /etc holds choices.
FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/libo32")
NOT_PACKAGES = ("/usr/local", "/usr/src")
# What makes a file, and a pattern of the paths that it makes (from their maintainer scripts, triggers and pages).
GENERATED = tuple(
    (by, re.compile(pattern))
    for by, pattern in (
        ("depmod", r"/(usr/)?lib/modules/[^/]+/modules\.[a-z.]+"),
        ("DKMS", r"/(usr/)?lib/modules/[^/]+/updates/dkms/[^/]+\.ko(\.[a-z0-9]+)?"),
        ("ldconfig", r"/etc/ld\.so\.cache"),
        ("iconvconfig", r"/usr/lib(64|/[^/]+)?/gconv/gconv-modules\.cache"),
        ("locale-gen", r"/usr/lib/locale/(locale-archive|[A-Za-z_]+(\.[\w-]+)?(@\w+)?/.*)"),
        ("systemd-hwdb", r"/(etc|(usr/)?lib)/udev/hwdb\.bin"),
        ("update-mime-database", r"/usr/share/mime/([^/]+/[^/]+\.xml|[A-Za-z0-9.]+)"),
        ("gtk-update-icon-cache", r"/usr/share/icons/[^/]+/\.?icon-theme\.cache"),
        ("glib-compile-schemas", r"/usr/share/glib-2\.0/schemas/gschemas\.compiled"),
        ("gio-querymodules", r"/usr/lib(64|/[^/]+)?(/[^/]+)?/gio/modules/giomodule\.cache"),
        ("gdk-pixbuf-query-loaders", r"/usr/lib(64|/[^/]+)?/gdk-pixbuf-2\.0/[^/]+/loaders\.cache"),
        ("gtk-query-immodules", r"/usr/lib(64|/[^/]+)?/gtk-[34]\.0/[^/]+/immodules\.cache"),
        ("update-desktop-database", r"/usr/share/applications/mimeinfo\.cache"),
        ("mkfontscale", r"/usr/share/fonts/.*/(fonts\.(dir|scale)|\.uuid|encodings\.dir)"),
        ("install-info", r"/usr/share/info/dir(\.old)?"),
        ("update-ca-certificates", r"/etc/(ssl/certs|pki/ca-trust/extracted)/[^/]+(/[^/]+)?"),
        ("passwd", r"/etc/(passwd|shadow|group|gshadow|subuid|subgid)-?"),
        ("cracklib-packer", r"/usr/share/cracklib/pw_dict\.[a-z]+"),
        ("the package manager", r".*\.(dpkg-(new|old|dist|bak|tmp|remove)|rpm(new|save|orig))"),
        ("the package manager", r"/usr/lib/sysimage/(rpm|libdnf5?)/.+|/usr/share/rpm/.+|/(usr/)?lib/apk/.+"),
        ("the package manager", r".*\.(pac(new|save)|apk-new|ucf-(old|dist))"),
    )
)
# The same for links: by their own paths, and by where they lead.
GENERATED_LINKS = tuple(
    (by, re.compile(pattern), re.compile(target))
    for by, pattern, target in (
        ("update-alternatives", r".*", r"/etc/alternatives/.+"),
        ("update-alternatives", r"/etc/alternatives/[^/]+", r".+"),
        ("busybox", r"/(usr/)?s?bin/[^/]+", r"/bin/(busybox|bbsuid)"),
        ("update-rc.d", r"/etc/rc[0-6S]\.d/[SK]\d\d.+", r"\.\./init\.d/[^/]+"),
        ("systemctl", r"/etc/systemd/(system|user)/.+", r"(/usr)?/lib/systemd/(system|user)/[^/]+|/dev/null"),
    )
)
COMPILED = re.compile(r"(.+)/__pycache__/([^/]+)\.(?:cpython|pypy)[^/]*\.pyc")


@dataclass(slots=True)
class Extra:
    """What was found that no package owns."""

    findings: list[FileFinding] = field(default_factory=list)
    generated: Counter[str] = field(default_factory=Counter)  # by what has made it
    refused: RefusedFiles = field(default_factory=RefusedFiles)


def find_extra(files: GuestReader, owned: Collection[str], folders: Sequence[str] = FOLDERS) -> Extra:
    """Look for files and links that nobody owns; folders count by what is in them.

    :param owned: the places of owned files, without links on the way (``owned_files.Places``).
    """
    extra = Extra()
    for path in _below(files, folders, extra.refused):
        if path in owned:
            continue
        by = made_by(files, path, owned)
        if by:
            extra.generated[by] += 1
        else:
            extra.findings.append(FileFinding("", path, Deviation.EXTRA))
    return extra


def _below(files: GuestReader, folders: Sequence[str], refused: RefusedFiles) -> Iterator[str]:
    """Yield the files in the folders, each once though several folders may be one (/lib is /usr/lib)."""
    wanted: list[str] = []
    for folder in folders:
        try:
            real = files.resolve(folder)
        except GuestFileError:
            continue
        if files.is_dir(real):
            wanted.append(real)
    left_out = tuple(f"{one}/" for one in NOT_PACKAGES if one not in wanted)
    tops = [one for one in dict.fromkeys(wanted) if not any(one.startswith(f"{two}/") for two in wanted)]
    for top in tops:
        for found in files.walk(top, refused):
            refused.note_inode(found)
            if found.stat.kind is not FileKind.DIRECTORY and not found.path.startswith(left_out):
                yield found.path


def made_by(files: GuestReader, path: str, owned: Collection[str]) -> str:
    """Return what has made a file from others, "" if nobody knows.

    What Python has compiled counts only beside a source that is owned: else it is what somebody put there.
    """
    if compiled := COMPILED.fullmatch(path):
        return "Python" if f"{compiled[1]}/{compiled[2]}.py" in owned else ""
    found = files.lstat(path)
    if found is not None and found.kind is FileKind.LINK:
        target = files.read_link(path)
        rules = ((by, own.fullmatch(path), its.fullmatch(target)) for by, own, its in GENERATED_LINKS)
        return next((by for by, is_own, is_its in rules if is_own and is_its), "")
    return next((by for by, pattern in GENERATED if pattern.fullmatch(path)), "")

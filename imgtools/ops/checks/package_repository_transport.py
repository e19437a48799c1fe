"""Repositories of dnf, yum and zypper are asked over connections that nobody changes on the way.

Their packages are signed, the list of them is not (repo_gpgcheck): over http whoever is on the way keeps updates
back. apt's lists are signed and have an end. Source: dnf.conf(5) (repo_gpgcheck), apt-secure(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.packages.repositories import YES, rpm_repositories
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

KEYS = ("metalink", "mirrorlist", "baseurl")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the repositories whose lists come over http or ftp and are not signed."""
    if examined.system.os.package_format != "rpm":
        yield NotThere("the guest has neither dnf nor zypper")
        return
    for section in rpm_repositories(examined.files):
        # zypper checks the list's signature unless it is told not to.
        is_zypp = section.path.startswith("/etc/zypp/")
        is_signed = section.get("repo_gpgcheck").lower() in (*YES, *(("",) if is_zypp else ()))
        for key in KEYS:
            said = section.values.get(key)
            if said and re.match(r"(http|ftp)://", said.value, re.IGNORECASE) and not is_signed:
                url = re.sub(r"//[^/@\s]*@", "//", said.value)[:200]
                yield Flaw(
                    f"the list of packages of {section.name} can be changed on the way",
                    section.path,
                    said.line,
                    subject=section.name,
                    evidence=f"{key}={url}",
                    advice="use https, or repo_gpgcheck=1 where the repository signs its list",
                )
                break


CHECK = Check(
    title="Lists of packages are not changed on the way",
    severity=Level.LOW,
    look=look,
    references=("ANSSI R59", "NIST 800-53 SC-8"),
)

"""A server of ours that stands between us and one elsewhere: a program of others, which knows a protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from imgtools.engine.listening_server import ListeningServer
from imgtools.errors import EngineFailed, ImgtoolsError, RemoteFailed
from imgtools.records.remote import Address

# What finds hosts by their names (gai.conf(5), resolv.conf(5), nsswitch.conf(5)), and says who is trusted.
NETWORK_SETTINGS = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ca-certificates",
    "/etc/pki/tls",
    "/etc/pki/ca-trust/extracted",
)


class Between(NamedTuple):
    """A server of ours that stands between us and the one elsewhere.

    :param name: of another error than the one that a client of it meets, if it has said one.
    """

    socket: str
    named: Callable[[], ImgtoolsError | None]


class Meaning(NamedTuple):
    """What some words of a program mean.

    :param signs: any of them tells it.
    """

    signs: tuple[str, ...]
    kind: type[ImgtoolsError]
    fact: str
    hint: str


class Words:
    """What a program says, as an error of ours.

    :param complaints: finds them in what is on its standard error.
    """

    def __init__(
        self,
        server: ListeningServer,
        address: Address,
        meanings: Sequence[Meaning],
        complaints: Callable[[str], Sequence[str]],
    ) -> None:
        self._server, self._address, self._meanings, self._complaints = server, address, meanings, complaints
        self._said = ""

    def named(self) -> ImgtoolsError | None:
        """The error that its words mean; None if it has said none."""
        self._said += self._server.words()
        found = self._complaints(self._said)
        if not found and self._server.has_ended:
            return EngineFailed(
                f"{self._address.shown}: {self._server.program} has ended without a word",
                hint="the host may be out of memory; what was read is not used",
            )
        if not found:
            return None
        said = " ".join(found)
        for one in self._meanings:
            if any(sign in said for sign in one.signs):
                return one.kind(f"{self._address.shown}: {one.fact}", hint=one.hint)
        words = "".join(letter for letter in found[0] if letter.isprintable())
        return RemoteFailed(f"{self._address.shown}: {words[:300]}")

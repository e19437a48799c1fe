"""What the SSH server does not understand of its configuration: with one such line it does not start.

The station tells it, and the repair mends by it.

What a keyword may say is known for those that are wrong most often. A keyword that is not known here may be one of the
distribution's or of a newer release: it is only called wrong if the guest's own server does not have it either.

Source: servconf.c of OpenSSH 9.9 (keywords, process_server_config_line), sshd_config(5); the patches of Debian and
Fedora; the keywords of HPN-SSH.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.sshd import CONFIG, LIMIT, SshdLine, config_of, split_words, sshd_lines

_KEYWORDS_TEXT = """
    acceptenv addressfamily afstokenpassing allowagentforwarding allowgroups allowstreamlocalforwarding
    allowtcpforwarding allowusers authenticationmethods authorizedkeyscommand authorizedkeyscommandrunas
    authorizedkeyscommanduser authorizedkeysfile authorizedkeysfile2 authorizedprincipalscommand
    authorizedprincipalscommanduser authorizedprincipalsfile banner canonicalmatchuser casignaturealgorithms
    challengeresponseauthentication channeltimeout checkmail chrootdirectory ciphers clientalivecountmax
    clientaliveinterval compression debianbanner denygroups denyusers disableforwarding dsaauthentication
    exposeauthenticationmethods exposeauthinfo fingerprinthash forcecommand gatewayports gssapiauthentication
    gssapicleanupcredentials gssapidelegatecredentials gssapienablek5users gssapikexalgorithms gssapikeyexchange
    gssapistorecredentialsonrekey gssapistrictacceptorcheck hostbasedacceptedalgorithms hostbasedacceptedkeytypes
    hostbasedauthentication hostbasedusesnamefrompacketonly hostcertificate hostdsakey hostkey hostkeyagent
    hostkeyalgorithms hpnbuffersize hpndisabled ignorerhosts ignoreuserknownhosts include ipqos
    kbdinteractiveauthentication kerberosauthentication kerberosgetafstoken kerberosorlocalpasswd kerberostgtpassing
    kerberosticketcleanup kerberosuniqueccache kerberosusekuserok kexalgorithms keepalive keyregenerationinterval
    listenaddress logingracetime loglevel logverbose macs match maxauthtries maxsessions maxstartups
    modulifile noneenabled nonemacenabled pamauthenticationviakbdint passwordauthentication permitblacklistedkeys
    permitemptypasswords permitlisten permitlocalcommand permitopen permitrootlogin permittty permittunnel
    permituserenvironment permituserrc persourcemaxstartups persourcenetblocksize persourcepenalties
    persourcepenaltyexemptlist pidfile port printlastlog printmotd protocol pubkeyacceptedalgorithms
    pubkeyacceptedkeytypes pubkeyauthentication pubkeyauthoptions rdomain refuseconnection rekeylimit requiredrsasize
    reversemappingcheck revokedkeys rhostsauthentication rhostsrsaauthentication rsaauthentication rsaminsize
    securitykeyprovider serverkeybits setenv showpatchlevel skeyauthentication sshdauthpath sshdsessionpath
    streamlocalbindmask streamlocalbindunlink strictmodes subsystem syslogfacility tcpkeepalive tcprcvbufpoll
    trustedusercakeys unusedconnectiontimeout useblacklist useblocklist usedns uselogin usepam
    useprivilegeseparation verifyreversemapping versionaddendum x11displayoffset x11forwarding x11maxdisplays
    x11uselocalhost xauthlocation
"""
KEYWORDS = frozenset(_KEYWORDS_TEXT.split())
_FLAGS_TEXT = """
    challengeresponseauthentication exposeauthinfo gssapiauthentication hostbasedauthentication
    ignoreuserknownhosts kbdinteractiveauthentication kerberosauthentication passwordauthentication
    permitemptypasswords permittty permituserrc printlastlog printmotd pubkeyauthentication strictmodes
    streamlocalbindunlink tcpkeepalive usedns usepam x11forwarding x11uselocalhost
"""
_FLAGS = frozenset(_FLAGS_TEXT.split())
_WORDS = {
    **dict.fromkeys(_FLAGS, ("yes", "no", "true", "false")),  # the last two since OpenSSH 7.5
    "permitrootlogin": ("yes", "no", "without-password", "prohibit-password", "forced-commands-only"),
    "addressfamily": ("any", "inet", "inet6"),
    "loglevel": ("quiet", "fatal", "error", "info", "verbose", "debug", "debug1", "debug2", "debug3"),
}
_NUMBERS = frozenset({"maxauthtries", "maxsessions", "clientalivecountmax", "x11displayoffset"})
_GLOBAL_TEXT = """
    addressfamily ciphers compression hostkey kexalgorithms listenaddress logingracetime macs maxstartups
    permituserenvironment pidfile port printlastlog printmotd protocol strictmodes syslogfacility tcpkeepalive
    usedns usepam useprivilegeseparation versionaddendum
"""
_GLOBAL = frozenset(_GLOBAL_TEXT.split())
_CRITERIA = frozenset(
    {"user", "group", "host", "localaddress", "localport", "rdomain", "address", "version", "sessiontype"}
)
_ALONE = frozenset({"all", "invalid-user"})
SERVERS = ("/usr/sbin/sshd", "/usr/bin/sshd", "/sbin/sshd")
PROGRAMS = (
    *SERVERS,
    "/usr/{lib,libexec}/openssh/sshd-session",
    "/usr/lib/ssh/sshd-session",
    "/usr/libexec/ssh/sshd-session",
)
SERVER_LIMIT = 8 << 20  # bytes of a server's program; 1.3 MB
SERVICES = "/etc/services"


class SshdFault(NamedTuple):
    """A line that the server does not understand."""

    path: str
    line: int
    text: str
    raw: str
    is_match: bool = False  # then what follows it up to the next block would be said for all


def server_of(files: GuestReader) -> str:
    """Return the SSH server of the guest; "" if it has none."""
    return next((path for path in SERVERS if files.is_file(path)), "")


def sshd_faults(files: GuestReader) -> tuple[SshdFault, ...]:
    """Return the lines that the guest's server does not understand, each once, in the order in which it reads them."""
    found = []
    own: set[str] | None = None
    for line in sshd_lines(files, config_of(files) or CONFIG):
        if line.name not in KEYWORDS:
            own = own if own is not None else _words_of_server(files)
            if line.name not in own:
                said = f"no such keyword: {_shown(line.name)}"
                found.append(SshdFault(line.path, line.number, said, line.raw))
        elif text := _wrong(files, line):
            found.append(SshdFault(line.path, line.number, text, line.raw, line.name == "match"))
    return tuple(dict.fromkeys(found))


def _wrong(files: GuestReader, line: SshdLine) -> str:
    """What is wrong with a line of a known keyword; "" if nothing is."""
    words = split_words(line.value)
    if words is None:
        return "a quote does not end"
    if not words:
        return f"{line.name} has no value"
    if line.name == "match":
        return _wrong_criteria(words)
    if line.match and line.name in _GLOBAL:
        return f"{line.name} may not stand in a Match block"
    if line.name in _WORDS and words[0].lower() not in _WORDS[line.name]:
        return f"not a value of {line.name}: {_shown(words[0])}"
    if line.name in _NUMBERS and not re.fullmatch(r"\d{1,9}", words[0]):
        return f"not a number for {line.name}: {_shown(words[0])}"
    if line.name == "port" and not _is_port(files, words[0]):
        return f"no such port: {_shown(words[0])}"
    return ""


def _is_port(files: GuestReader, word: str) -> bool:
    """Whether it is a number of a port, or the name of a service that the guest knows (a2port() of OpenSSH)."""
    if re.fullmatch(r"[0-9]+", word):
        return 0 < int(word[:9]) < 65536
    if word == "ssh" or not files.is_file(SERVICES) or files.stat(SERVICES).size > LIMIT:
        return word == "ssh"
    return word in files.read_text(SERVICES, limit=LIMIT).split()


def _wrong_criteria(words: list[str]) -> str:
    rest = list(words)
    while rest:
        name, equals, _value = rest.pop(0).partition("=")
        if name.lower() in _ALONE:
            continue
        if name.lower() not in _CRITERIA:
            return f"no such criterion of Match: {_shown(name)}"
        if not equals and not rest:
            return f"the criterion {name} of Match has no value"
        if not equals:
            rest.pop(0)
    return ""


def _shown(text: str) -> str:
    return text[:40]


def _words_of_server(files: GuestReader) -> set[str]:
    """Return the words of small letters in the guest's own server, its keywords among them."""
    found: set[str] = set()
    for pattern in PROGRAMS:
        for path in files.glob(pattern):
            if files.is_file(path) and files.stat(path).size <= SERVER_LIMIT:
                content = files.read_bytes(path, limit=SERVER_LIMIT)
                found |= {word.decode() for word in re.findall(rb"(?<=\0)[a-z][a-z0-9]{2,40}(?=\0)", content)}
    return found

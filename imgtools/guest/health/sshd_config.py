"""Whether the SSH server takes its configuration: its keywords and values, its host keys and their modes.

Sources: sshd_config(5) and the table of keywords in servconf.c of OpenSSH, with what Debian, Red Hat and SUSE add.
A keyword that is not in the table is looked for in the guest's own server before it counts as wrong.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.files.tree import GuestReader

CONFIGS = ("/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config")
SERVERS = ("/usr/sbin/sshd", "/usr/bin/sshd", "/sbin/sshd")
LIMIT, PROGRAM_LIMIT = 1 << 20, 8 << 20  # bytes
DEEPEST = 16  # files that include each other (servconf.c, SERVCONF_MAX_DEPTH)
SMALLEST = 16 << 10
DEFAULT_KEYS = ("/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_ed25519_key")
# What makes the keys at boot where there are none.
MAKERS = (
    "/usr/lib/systemd/system/sshd-keygen@.service",
    "/usr/lib/systemd/system/sshd-keygen.service",
    "/usr/lib/systemd/system/sshd-keygen.target",
    "/usr/lib/systemd/system/sshdgenkeys.service",
    "/usr/sbin/sshd-gen-keys-start",
    "/usr/sbin/sshd-keygen",
    "/etc/runlevels/default/sshd",
    "/etc/init.d/sshd",
)
_KEYWORDS = """
    acceptenv addressfamily allowagentforwarding allowgroups allowstreamlocalforwarding allowtcpforwarding
    allowusers authenticationmethods authorizedkeyscommand authorizedkeyscommanduser authorizedkeysfile
    authorizedprincipalscommand authorizedprincipalscommanduser authorizedprincipalsfile banner
    casignaturealgorithms challengeresponseauthentication channeltimeout chrootdirectory ciphers
    clientalivecountmax clientaliveinterval compression debianbanner denygroups denyusers disableforwarding
    dsaauthentication exposeauthinfo fingerprinthash forcecommand gatewayports gssapiauthentication
    gssapicleanupcredentials gssapienablek5users gssapikexalgorithms gssapikeyexchange
    gssapistorecredentialsonrekey gssapistrictacceptorcheck hostbasedacceptedalgorithms
    hostbasedacceptedkeytypes hostbasedauthentication hostbasedusesnamefrompacketonly hostcertificate hostkey
    hostkeyagent hostkeyalgorithms ignorerhosts ignoreuserknownhosts include ipqos kbdinteractiveauthentication
    kerberosauthentication kerberosgetafstoken kerberosorlocalpasswd kerberosticketcleanup kerberosuniqueccache
    kerberosusekuserok kexalgorithms keyregenerationinterval listenaddress logingracetime loglevel logverbose
    macs match maxauthtries maxsessions maxstartups modulifile passwordauthentication permitemptypasswords
    permitlisten permitopen permitrootlogin permittty permittunnel permituserenvironment permituserrc
    persourcemaxstartups persourcenetblocksize persourcepenalties persourcepenaltyexemptlist pidfile port
    printlastlog printmotd protocol pubkeyacceptedalgorithms pubkeyacceptedkeytypes pubkeyauthentication
    pubkeyauthoptions rdomain rekeylimit requiredrsasize revokedkeys rhostsrsaauthentication rsaauthentication
    rsaminsize securitykeyprovider serverkeybits setenv showpatchlevel skeyauthentication sshdsessionpath
    streamlocalbindmask streamlocalbindunlink strictmodes subsystem syslogfacility tcpkeepalive
    trustedusercakeys unusedconnectiontimeout usedns uselogin usepam useprivilegeseparation versionaddendum
    x11displayoffset x11forwarding x11maxdisplays x11uselocalhost xauthlocation
"""
KEYWORDS = frozenset(_KEYWORDS.split())
_SWITCHES = """
    passwordauthentication pubkeyauthentication usepam usedns strictmodes x11forwarding printmotd printlastlog
    permitemptypasswords challengeresponseauthentication kbdinteractiveauthentication hostbasedauthentication
    ignoreuserknownhosts permittty permituserrc tcpkeepalive x11uselocalhost
"""
YES_OR_NO = frozenset(_SWITCHES.split())
ROOT_LOGIN = frozenset({"yes", "no", "prohibit-password", "without-password", "forced-commands-only"})


@dataclass(frozen=True, slots=True)
class BadSetting:
    """A line that the server does not take: it does not start, and says so only on its own console and in the log."""

    path: str
    line: int
    raw: str
    text: str


def server_of(files: GuestReader) -> str:
    """Return the SSH server of the guest; "" if it has none."""
    return next((path for path in SERVERS if files.is_file(path)), "")


def config_of(files: GuestReader) -> str:
    """Return the server's configuration; "" if there is none."""
    return next((path for path in CONFIGS if files.is_file(path)), "")


def bad_settings(files: GuestReader) -> Iterator[BadSetting]:
    """Yield the lines that the server does not take, in the order in which it reads them."""
    config = config_of(files)
    if config:
        yield from _of_file(files, config, 0)


def _of_file(files: GuestReader, path: str, depth: int) -> Iterator[BadSetting]:
    if depth > DEEPEST or not files.is_file(path) or files.stat(path).size > LIMIT:
        return
    for number, line in enumerate(files.read_text(path, limit=LIMIT).split("\n"), 1):
        raw = line.strip(" \t\r\f")
        if not raw or raw.startswith("#"):
            continue
        words = _words(raw)
        name, values = words[0].lower(), words[1:]
        if said := _wrong(files, name, values):
            yield BadSetting(path, number, raw[:200], said)
        elif name == "include":
            for pattern in values:
                for one in files.glob(pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"):
                    yield from _of_file(files, one, depth + 1)


def _words(raw: str) -> list[str]:
    match = re.match(r"([^\s=]+)(?:\s*=\s*|\s+|$)(.*)$", raw)
    name, rest = (match[1], match[2]) if match else (raw, "")
    try:
        return [name, *shlex.split(rest, comments=True)]
    except ValueError:
        return [name, *rest.split()]


def _wrong(files: GuestReader, name: str, values: list[str]) -> str:
    if name not in KEYWORDS:
        return "" if _server_knows(files, name) else f"no such keyword: {name}"
    if not values:
        return f"{name} has no value"
    value = values[0].lower()
    if name in YES_OR_NO and value not in ("yes", "no", "true", "false"):
        return f"{name} is yes or no, and not {value}"
    if name == "permitrootlogin" and value not in ROOT_LOGIN | {"true", "false"}:
        return f"{name} cannot be {value}"
    if name == "port" and not (re.fullmatch(r"[0-9]{1,5}", value) and 0 < int(value) < 65536):
        return f"not a port: {value}"
    return ""


def _server_knows(files: GuestReader, name: str) -> bool:
    """Whether the server's own table has a keyword; also where nobody can tell."""
    server = server_of(files)
    if not server or not SMALLEST <= files.stat(server).size <= PROGRAM_LIMIT:
        return False
    content = files.read_bytes(server, limit=PROGRAM_LIMIT)
    return b"\0" + name.encode("utf-8", "surrogateescape") + b"\0" in content


# -- host keys -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HostKeys:
    """The server's keys: those it looks for, those it takes, and those it refuses with the reason."""

    wanted: tuple[str, ...]
    good: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    made_at_boot: bool = False

    @property
    def has_loose_modes(self) -> bool:
        """Whether a key is refused because others may read it."""
        return any(text.startswith("mode") for _path, text in self.refused)


def host_keys(files: GuestReader, *, cloud_init: bool) -> HostKeys:
    """Look at the host keys.

    :param cloud_init: whether cloud-init may make them at the first boot.
    """
    wanted = tuple(_named_keys(files)) or DEFAULT_KEYS
    good, refused = [], []
    for path in wanted:
        if not files.is_file(path):
            continue
        stat = files.stat(path)
        # Red Hat's server lets the group ssh_keys read them.
        loose = stat.mode & 0o077 & ~(0o040 if stat.gid else 0)
        if loose and stat.uid == 0:
            refused.append((path, f"mode {stat.mode:04o}: others may read it"))
        elif not stat.size:
            refused.append((path, "it is empty"))
        else:
            good.append(path)
    made = cloud_init or any(files.exists(path) for path in MAKERS)
    return HostKeys(wanted, tuple(good), tuple(refused), made)


def _named_keys(files: GuestReader) -> Iterator[str]:
    config = config_of(files)
    paths = [config, *files.glob("/etc/ssh/sshd_config.d/*.conf")] if config else []
    for path in paths:
        if not files.is_file(path) or files.stat(path).size > LIMIT:
            continue
        for line in files.read_text(path, limit=LIMIT).split("\n"):
            words = _words(line.strip()) if line.strip() else []
            if len(words) > 1 and words[0].lower() == "hostkey" and words[1].startswith("/"):
                yield words[1]

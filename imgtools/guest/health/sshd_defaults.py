"""What OpenSSH's server does where its configuration says nothing, by its version.

Source: fill_default_server_options() in servconf.c and myproposal.h of the releases, and their release notes. A value
of None: what that release does was not looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

Version = tuple[int, int]

# The value from a release on, the newest first.
DEFAULTS: Mapping[str, tuple[tuple[Version, str | None], ...]] = {
    "allowagentforwarding": (((0, 0), "yes"),),
    "allowtcpforwarding": (((0, 0), "yes"),),
    "banner": (((0, 0), "none"),),
    "clientalivecountmax": (((0, 0), "3"),),
    "clientaliveinterval": (((0, 0), "0"),),
    "gatewayports": (((0, 0), "no"),),
    "hostbasedauthentication": (((0, 0), "no"),),
    "ignorerhosts": (((0, 0), "yes"),),
    "logingracetime": (((0, 0), "120"),),
    "loglevel": (((0, 0), "INFO"),),
    "maxauthtries": (((0, 0), "6"),),
    "maxsessions": (((0, 0), "10"),),
    "maxstartups": (((6, 2), "10:30:100"), ((0, 0), "10")),
    "passwordauthentication": (((0, 0), "yes"),),
    "permitemptypasswords": (((0, 0), "no"),),
    "permitrootlogin": (((7, 0), "prohibit-password"), ((0, 0), "yes")),
    "permittunnel": (((0, 0), "no"),),
    "permituserenvironment": (((0, 0), "no"),),
    "protocol": (((5, 4), "2"), ((0, 0), "2,1")),
    "strictmodes": (((0, 0), "yes"),),
    "usepam": (((0, 0), "no"),),
    "x11forwarding": (((0, 0), "no"),),
}

_ECDH = "ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521"
_CURVE = "curve25519-sha256,curve25519-sha256@libssh.org"
_GROUPS = (
    "diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,"
    "diffie-hellman-group14-sha256"
)
_SNTRUP = "sntrup761x25519-sha512@openssh.com"
_GCM = "aes128-gcm@openssh.com,aes256-gcm@openssh.com"
_CTR = "aes128-ctr,aes192-ctr,aes256-ctr"
_CHACHA = "chacha20-poly1305@openssh.com"
_CBC = "aes128-cbc,3des-cbc,blowfish-cbc,cast128-cbc,aes192-cbc,aes256-cbc"
_SHA2_ETM = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com"
_UMAC_ETM, _UMAC = (
    "umac-64-etm@openssh.com,umac-128-etm@openssh.com",
    "umac-64@openssh.com,umac-128@openssh.com",
)
_SHA2 = "hmac-sha2-256,hmac-sha2-512"
_OLD_MACS = "hmac-ripemd160,hmac-sha1-96,hmac-md5-96"
_CERT = "-cert-v01@openssh.com"
_ECDSA_CERTS = ",".join(f"ecdsa-sha2-nistp{bits}{_CERT}" for bits in (256, 384, 521))
_ECDSA = "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"
_SK_CERTS = f"sk-ssh-ed25519{_CERT},sk-ecdsa-sha2-nistp256{_CERT}"
_SK = "sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com"
_RSA_CERTS, _RSA = f"rsa-sha2-512{_CERT},rsa-sha2-256{_CERT}", "rsa-sha2-512,rsa-sha2-256"
_KEYS_88 = f"ssh-ed25519{_CERT},{_ECDSA_CERTS},{_SK_CERTS},{_RSA_CERTS},ssh-ed25519,{_ECDSA},{_SK},{_RSA}"
_KEYS_82 = (
    f"ssh-ed25519{_CERT},{_ECDSA_CERTS},{_SK_CERTS},{_RSA_CERTS},ssh-rsa{_CERT},"
    f"ssh-ed25519,{_ECDSA},{_SK},{_RSA},ssh-rsa"
)
_KEYS_72 = f"{_ECDSA_CERTS},ssh-ed25519{_CERT},ssh-rsa{_CERT},{_ECDSA},ssh-ed25519,{_RSA},ssh-rsa"
_KEYS: tuple[tuple[Version, str | None], ...] = (
    ((8, 8), _KEYS_88),
    ((8, 2), _KEYS_82),
    ((7, 2), _KEYS_72),
    ((7, 0), None),
    ((0, 0), f"{_ECDSA_CERTS},ssh-rsa{_CERT},ssh-dss{_CERT},{_ECDSA},ssh-ed25519,ssh-rsa,ssh-dss"),
)

# Lists of algorithms, of the server.
ALGORITHMS: Mapping[str, tuple[tuple[Version, str | None], ...]] = {
    "ciphers": (
        ((10, 0), f"{_CHACHA},{_GCM},{_CTR}"),
        ((6, 7), f"{_CHACHA},{_CTR},{_GCM}"),
        ((0, 0), f"{_CTR},arcfour256,arcfour128,{_CBC},arcfour"),
    ),
    "macs": (
        ((7, 4), f"{_UMAC_ETM},{_SHA2_ETM},hmac-sha1-etm@openssh.com,{_UMAC},{_SHA2},hmac-sha1"),
        ((6, 8), None),
        ((6, 7), f"{_UMAC_ETM},{_SHA2_ETM},{_UMAC},{_SHA2}"),
        ((0, 0), f"hmac-md5,hmac-sha1,umac-64@openssh.com,{_OLD_MACS}"),
    ),
    "kexalgorithms": (
        ((10, 0), f"mlkem768x25519-sha256,sntrup761x25519-sha512,{_SNTRUP},{_CURVE},{_ECDH}"),
        ((9, 9), f"sntrup761x25519-sha512,{_SNTRUP},mlkem768x25519-sha256,{_CURVE},{_ECDH},{_GROUPS}"),
        ((9, 0), f"sntrup761x25519-sha512,{_SNTRUP},{_CURVE},{_ECDH},{_GROUPS}"),
        ((8, 2), f"{_CURVE},{_ECDH},{_GROUPS}"),
        ((7, 4), f"{_CURVE},{_ECDH},{_GROUPS},diffie-hellman-group14-sha1"),
        ((6, 7), None),
        (
            (0, 0),
            f"{_ECDH},diffie-hellman-group-exchange-sha1,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1",
        ),
    ),
    "hostkeyalgorithms": _KEYS,
    "pubkeyacceptedalgorithms": _KEYS,
}

# What releases know beside their defaults: what a pattern with + or ^ can bring back.
_MORE: Mapping[str, str] = {
    "ciphers": f"{_CBC},arcfour,arcfour128,arcfour256",
    "macs": "hmac-sha1-96,hmac-md5,hmac-md5-96,hmac-sha1-96-etm@openssh.com,hmac-md5-etm@openssh.com,"
    "hmac-md5-96-etm@openssh.com",
    "kexalgorithms": "diffie-hellman-group1-sha1,diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha1",
    "hostkeyalgorithms": f"ssh-rsa,ssh-rsa{_CERT},ssh-dss,ssh-dss{_CERT},"
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "pubkeyacceptedalgorithms": f"ssh-rsa,ssh-rsa{_CERT},ssh-dss,ssh-dss{_CERT},"
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
}


def default_of(keyword: str, version: Version | None) -> str | None:
    """Return what a release does where nothing says; None if that is not known.

    :param keyword: in small letters.
    :param version: None: whichever; then there is an answer only if all releases do the same.
    """
    table = DEFAULTS.get(keyword) or ALGORITHMS.get(keyword, ())
    if version is None:
        return table[0][1] if len(table) == 1 else None
    return next((value for since, value in table if version >= since), None)


def all_defaults(keyword: str) -> tuple[str, ...]:
    """Return what releases do where nothing says; empty if that of one is not known."""
    table = DEFAULTS.get(keyword) or ALGORITHMS.get(keyword, ())
    values = tuple(value for _since, value in table if value is not None)
    return values if len(values) == len(table) else ()


def algorithms(keyword: str, said: str, default: str) -> tuple[str, ...]:
    """Return the algorithms of a list as it is written: ``+`` adds to the default, ``-`` takes away, ``^`` puts first.

    As kex_assemble_names() does it: patterns are of what releases know.
    """
    own = default.split(",") if default else []
    mark, names = (said[:1], said[1:].split(",")) if said[:1] in ("+", "-", "^") else ("", said.split(","))
    if mark == "-":
        return tuple(one for one in own if not any(fnmatchcase(one, name) for name in names))
    wanted = {"+": [*own, *names], "^": [*names, *own], "": names}[mark]
    known = [*own, *_MORE.get(keyword, "").split(",")]
    found: list[str] = []
    for name in wanted:
        has_pattern = any(letter in name for letter in "*?")
        found += [one for one in known if fnmatchcase(one, name)] if has_pattern else [name]
    return tuple(dict.fromkeys(one for one in found if one))

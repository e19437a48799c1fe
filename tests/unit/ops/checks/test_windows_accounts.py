"""Checks of the accounts and logons of a Windows guest: what each finds, where it is silent, what its fix leaves."""

from __future__ import annotations

import pytest

from tests.support import accounts
from tests.support.checks import Case, hold, report_of
from tests.support.windows_checks import SERVER, Tree, audit_policy, case, policy, sam, user

WINLOGON = r"Microsoft\Windows NT\CurrentVersion\Winlogon"
NO_PASSWORD_NEEDED, NEVER_EXPIRES, LOCKED = 0x0004, 0x0200, 0x0400
OFF = accounts.NORMAL | accounts.DISABLED
POLICY = "SAM the policy of passwords"
SHUTDOWN = {r"CCS\Control\Windows": {"ShutdownTime": (200 * 864_000_000_000).to_bytes(8, "little")}}
ON = {WINLOGON: {"AutoAdminLogon": "1", "DefaultUserName": "alice", "DefaultPassword": "geheim"}}

CASES = (
    case(
        "windows-account-blank-password",
        Tree(sam=sam(user(1000, "a", hashed=False), user(1001, "b"), user(501, "Guest", OFF, hashed=False))),
        "SAM a",
        good=Tree(sam=sam(user(1000, "a"), user(1001, "b", OFF, hashed=False))),
        fixed=False,
    ),
    case(
        "windows-account-password-needed",
        Tree(sam=sam(user(1000, "a", 0x10 | NO_PASSWORD_NEEDED), user(1001, "b", OFF | NO_PASSWORD_NEEDED))),
        "SAM a",
        good=Tree(sam=sam(user(1000, "a"))),
    ),
    case(
        "windows-account-password-expires",
        Tree(sam=sam(user(1000, "a", 0x10 | NEVER_EXPIRES), user(1001, "svc", 0x10 | NEVER_EXPIRES))),
        "SAM a",
        good=Tree(sam=sam(user(1000, "a"), user(1001, "b", OFF | NEVER_EXPIRES))),
        fixed=False,
        set={"allow": "SVC"},
    ),
    case(
        "windows-account-administrator",
        Tree(sam=sam(user(500, "chef"), user(1500, "Administrator"))),
        "SAM chef",
        good=Tree(sam=sam(user(500, "Administrator", OFF), user(1500, "b"))),
        fixed=False,
    ),
    case(
        "windows-account-administrator-name",
        Tree(sam=sam(user(500, "ADMINISTRATOR"))),
        "SAM ADMINISTRATOR",
        good=Tree(sam=sam(user(500, "chef"), user(1000, "Administrator"))),
        fixed=False,
    ),
    case(
        "windows-account-guest",
        Tree(sam=sam(user(501, "Gast"), user(1501, "Guest"))),
        "SAM Gast",
        good=Tree(sam=sam(user(501, "Gast", OFF), user(1501, "Guest"))),
    ),
    case(
        "windows-account-unused",
        Tree(
            SHUTDOWN,
            sam=sam(user(1000, "never", login=0), user(1001, "old", login=109), user(500, "x", login=0)),
        ),
        "SAM never",
        "SAM old",
        good=Tree(SHUTDOWN, sam=sam(user(1000, "now", login=110), user(1001, "off", OFF, login=0))),
        fixed=False,
    ),
    case(
        "windows-account-locked",
        Tree(sam=sam(user(1000, "a", 0x10 | LOCKED), user(1001, "b"))),
        "SAM a",
        good=Tree(sam=sam(user(1000, "a"))),
        fixed=False,
    ),
    case(
        "windows-password-length",
        Tree(sam=sam(policy=policy(shortest=13))),
        POLICY,
        good=Tree(sam=sam(user(1000, "a"), policy=policy(shortest=14))),
    ),
    case(
        "windows-password-history",
        Tree(sam=sam(user(1000, "a"), policy=policy(history=23))),
        POLICY,
        good=Tree(sam=sam(user(1000, "a"), policy=policy(history=24))),
    ),
    case(
        "windows-password-age",
        Tree(sam=sam(policy=policy(days=366))),
        POLICY,
        good=Tree(sam=sam(policy=policy(days=365))),
        fixed=False,
    ),
    case(
        "windows-password-storage",
        Tree(sam=sam(policy=policy(flags=0x10))),
        POLICY,
        POLICY,
        good=Tree(sam=sam(policy=policy(flags=0x01))),
    ),
    case(
        "windows-lockout",
        Tree(sam=sam(policy=policy(tries=11))),
        POLICY,
        good=Tree(sam=sam(policy=policy(tries=1))),
    ),
    case(
        "windows-lockout",
        Tree(sam=sam(policy=policy(tries=0))),
        POLICY,
        good=Tree(sam=sam(policy=policy(tries=10))),
    ),
    case(
        "windows-blank-password-network",
        Tree({r"CCS\Control\Lsa": {"LimitBlankPasswordUse": 0}}),
        r"SYSTEM CCS\Control\Lsa\LimitBlankPasswordUse",
        good=Tree({r"ControlSet001\Control\Lsa": {"LimitBlankPasswordUse": 0}}),
    ),
    case(
        "windows-autologon",
        Tree(software=ON),
        rf"SOFTWARE {WINLOGON}\AutoAdminLogon",
        rf"SOFTWARE {WINLOGON}\DefaultPassword",
        good=Tree(software={WINLOGON: {"AutoAdminLogon": "0", "DefaultPassword": ""}}),
        fixed=False,
    ),
    case(
        "windows-autologon",
        Tree(software={WINLOGON: {"AutoAdminLogon": "0", "DefaultPassword": "geheim"}}),
        rf"SOFTWARE {WINLOGON}\DefaultPassword",
        good=Tree(software={WINLOGON: {"DefaultUserName": "alice"}}),
    ),
    case(
        "windows-cached-logons",
        Tree(software={WINLOGON: {"CachedLogonsCount": "5"}}),
        rf"SOFTWARE {WINLOGON}\CachedLogonsCount",
        good=Tree(software={WINLOGON: {"CachedLogonsCount": "4"}}),
        fixed=False,
    ),
    case(
        "windows-uac-administrator",
        Tree(sam=sam(user(500, "chef"))),
        r"SOFTWARE Microsoft\Windows\CurrentVersion\Policies\System\FilterAdministratorToken",
        good=Tree(sam=sam(user(500, "chef", OFF))),
        fixed=False,
        os=SERVER,
    ),
    case(
        "windows-audit-policy",
        Tree(security={r"Policy\PolAdtEv": {"": (0, audit_policy({(1, 0): 1, (6, 0): 0}, rest=3))}}),
        "SECURITY Logon",
        "SECURITY User Account Management",
        good=Tree(security={r"Policy\PolAdtEv": {"": (0, audit_policy({(2, 0): 0}, rest=3))}}),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)


def test_no_password_is_told() -> None:
    """Neither where it is, nor what is shown besides, has it."""
    asked = next(one for one in CASES if one.id == "windows-autologon")
    found = report_of(asked, asked.bad)
    assert "geheim" not in repr(found)


@pytest.mark.parametrize(
    "name", [case.id for case in CASES if "account" in case.id or "password-l" in case.id]
)
def test_a_guest_without_a_sam_is_not_known(name: str) -> None:
    """A guest whose accounts nobody can read has not passed."""
    asked = case(name, Tree())
    assert report_of(asked, asked.bad).result == "not decidable offline"


@pytest.mark.parametrize("data", [b"", bytes(0x57)])
def test_a_policy_of_passwords_cut_short_is_an_error(data: bytes) -> None:
    asked = case("windows-lockout", Tree(sam=sam(policy=data)))
    found = report_of(asked, asked.bad)
    assert found.result == "error" and "not stored as Windows stores it" in found.reason


@pytest.mark.parametrize(
    "data",
    [
        b"",
        audit_policy({})[:11],
        audit_policy({})[:-1],
        audit_policy({})[:8] + b"\xff\xff\xff\x7f" + audit_policy({})[12:],
        audit_policy({})[:4] + bytes(4) + audit_policy({})[8:],
        audit_policy({})[:-2] + b"\xff\xff",
        audit_policy({})[:8] + b"\x20\0\0\0" + audit_policy({})[12:],
    ],
)
def test_an_audit_policy_that_makes_no_sense_is_an_error(data: bytes) -> None:
    asked = case("windows-audit-policy", Tree(security={r"Policy\PolAdtEv": {"": (0, data)}}))
    found = report_of(asked, asked.bad)
    assert found.result == "error" and "not stored as Windows stores it" in found.reason


def test_a_subcategory_that_an_old_windows_does_not_know_is_none_of_its_flaws() -> None:
    counts = (5, 2, 1, 1, 1, 2, 3, 1, 1)
    data = audit_policy({}, rest=3, counts=counts)
    asked = case("windows-audit-policy", Tree(security={r"Policy\PolAdtEv": {"": (0, data)}}))
    assert report_of(asked, asked.bad).result == "pass"

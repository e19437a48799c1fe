"""Checks of PAM, login.defs and the shells' profiles: what each finds, where it is silent, what its fix leaves."""

from __future__ import annotations

import pytest

from imgtools.records.audit import Level, Result
from tests.support.checks import Case, hold, places, report_of
from tests.support.memory import Content, Node

PAM = "/etc/pam.d"
DEFS = "/etc/login.defs"
USERADD = "/etc/default/useradd"


def pam(password: str = "", auth: str = "", **files: Content) -> dict[str, Content]:
    """A Debian whose common files say this."""
    return {
        f"{PAM}/passwd": "@include common-password\n",
        f"{PAM}/login": "# x\n@include common-auth\n",
        f"{PAM}/sshd": "@include common-auth\n",
        f"{PAM}/common-password": f"{password}\npassword required pam_permit.so\n",
        f"{PAM}/common-auth": f"{auth}\nauth required pam_permit.so\n",
        **files,
    }


def red_hat(auth: str) -> dict[str, Content]:
    """A Red Hat whose files are authselect's."""
    from tests.support.memory import link

    return {
        f"{PAM}/sshd": "auth substack password-auth\n",
        f"{PAM}/password-auth": link("/etc/authselect/password-auth"),
        "/etc/authselect/password-auth": f"{auth}\npassword sufficient pam_unix.so sha512 nullok\n",
    }


QUALITY = "password requisite pam_pwquality.so retry=3"
UNIX = "password [success=1 default=ignore] pam_unix.so obscure"
LOCK = "auth required pam_faillock.so preauth"
CONF = "/etc/security"

CASES = (
    Case("login-password-quality", bad=pam(UNIX), finds=(f"{PAM}/common-password:1",), good=pam(f"{QUALITY}\n{UNIX}")),
    Case(
        "login-password-quality",
        bad=pam(QUALITY, **{f"{CONF}/pwquality.conf": "# minlen = 20\nminlen = 7\nminclass = 2\n"}),
        finds=(f"{CONF}/pwquality.conf:2 minlen", f"{CONF}/pwquality.conf:3 minclass"),
        good=pam(f"{QUALITY} minlen=8 dcredit=-1 ucredit=-1 lcredit=-2"),
        set={"kinds": "3"},
    ),
    Case(
        "login-password-quality",
        bad=pam(
            QUALITY,
            **{f"{CONF}/pwquality.conf": "minlen=13\n", f"{CONF}/pwquality.conf.d/9.conf": "minlen = 20\n"},
        ),
        finds=(f"{CONF}/pwquality.conf:1 minlen",),
        good=pam(QUALITY, **{f"{CONF}/pwquality.conf.d/9.conf": "minlen = 14\n"}),
        set={"length": "14"},
    ),
    Case("login-password-quality", bad=pam("password required pam_cracklib.so minlen=7"),
         finds=(f"{PAM}/common-password:1 minlen",), good=pam("password required pam_passwdqc.so")),
    Case("login-lockout", bad=pam(auth="auth required pam_unix.so"), finds=(f"{PAM}/common-auth:1",),
         good=pam(auth=LOCK)),
    Case("login-lockout", bad=pam(auth=f"{LOCK} deny=6 unlock_time=599"),
         finds=(f"{PAM}/common-auth:1 deny", f"{PAM}/common-auth:1 unlock_time"),
         good=pam(auth=f"{LOCK} deny=5 unlock_time=600")),
    Case("login-lockout", bad=pam(auth=LOCK, **{f"{CONF}/faillock.conf": "deny = 0\nunlock_time=0\n"}),
         finds=(f"{CONF}/faillock.conf:1 deny",), good=pam(auth="auth required pam_tally2.so deny=5")),
    Case("login-password-history", bad=pam(UNIX), finds=(f"{PAM}/common-password:1",), good=pam(f"{UNIX} remember=5")),
    Case("login-password-history", bad=pam("password required pam_pwhistory.so remember=4"),
         finds=(f"{PAM}/common-password:1 remember",), good=pam("password required pam_pwhistory.so")),
    Case("login-password-history",
         bad=pam("password required pam_pwhistory.so", **{f"{CONF}/pwhistory.conf": "remember = 23\n"}),
         finds=(f"{CONF}/pwhistory.conf:1 remember",),
         good=pam("password required pam_pwhistory.so", **{f"{CONF}/pwhistory.conf": "remember = 24\n"}),
         set={"least": "24"}),
    Case("login-hash-method", bad=pam(f"{UNIX} md5", **{DEFS: "ENCRYPT_METHOD SHA512\n"}),
         finds=(f"{PAM}/common-password:1",), good=pam(f"{UNIX} yescrypt", **{DEFS: "ENCRYPT_METHOD YESCRYPT\n"}),
         fixed=True),
    Case("login-hash-method", bad={DEFS: "# x\nENCRYPT_METHOD DES\n"}, finds=(f"{DEFS}:2 ENCRYPT_METHOD",),
         good={DEFS: "ENCRYPT_METHOD SHA512 # why\n"}, fixed=True),
    Case("login-hash-method", bad={DEFS: "UMASK 027\n"}, finds=(f"{DEFS} ENCRYPT_METHOD",),
         good=pam(f"{UNIX} sha512", **{DEFS: "UMASK 027\n"}), fixed=True),
    Case("login-nullok", bad=pam(auth="auth [success=1] pam_unix.so try_first_pass nullok audit"),
         finds=(f"{PAM}/common-auth:1",), good=pam(UNIX + " nullok", auth="auth required pam_unix.so # nullok"),
         fixed=True),
    Case("login-nullok", bad=red_hat("auth sufficient pam_unix.so nullok"),
         finds=("/etc/authselect/password-auth:1",), good=red_hat("auth sufficient pam_unix.so")),
    Case("login-nullok", bad=pam(auth="auth required pam_unix.so nullok_secure", **{"/etc/shadow": "alice::1::::::\n"}),
         finds=(f"{PAM}/common-auth:1",), good=pam()),
    Case(
        "login-umask",
        bad={
            DEFS: "UMASK\t\t022\n",
            "/etc/profile": "# umask 000\nif true; then\n  umask 002\nelse\n  umask 0077; fi\n",
            "/etc/profile.d/a.sh": "umask 26 && x\n",
        },
        finds=("/etc/profile:3", "/etc/profile.d/a.sh:1", f"{DEFS}:1 UMASK"),
        good={DEFS: "UMASK 027\n", "/etc/bashrc": "umask 077\n", "/etc/profile.d/a.csh": "umask 0\n"},
        fixed=True,
    ),
    Case("login-umask", bad={DEFS: "UMASK 027\n"}, finds=(f"{DEFS}:1 UMASK",), good={DEFS: "UMASK 077\n"},
         set={"widest": "077"}, fixed=True),
    Case("login-umask", bad={DEFS: "MAIL x\n"}, finds=(f"{DEFS} UMASK",), good={"/etc/profile": "umask 027\n"},
         fixed=True),
    Case("login-su", bad={f"{PAM}/su": "# auth required pam_wheel.so\nauth sufficient pam_rootok.so\n"},
         finds=(f"{PAM}/su",), good={f"{PAM}/su": "auth required pam_wheel.so use_uid\n"}),
    Case("login-su", bad={f"{PAM}/su": "auth sufficient pam_wheel.so trust use_uid\n"}, finds=(f"{PAM}/su",),
         good={f"{PAM}/su": "auth [success=ok default=die] pam_wheel.so\n"}),
    Case("login-timeout", bad={"/etc/profile": "for i in /etc/profile.d/*.sh; do . $i; done\n", "/etc/profile.d/a": ""},
         finds=("/etc/profile",), good={"/etc/profile": "readonly TMOUT=900\n"}, fixed=True),
    Case("login-timeout", bad={"/etc/profile": "x\nexport TMOUT=901 # y\n", "/etc/profile.d/b.sh": "TMOUT=0\n"},
         finds=("/etc/profile:2", "/etc/profile.d/b.sh:1"), good={"/etc/profile": "TMOUT=1\n"}, fixed=True),
    Case("login-timeout", bad={"/etc/profile": "x\n"}, finds=("/etc/profile",), good={}),
    Case("login-password-age", bad={DEFS: "PASS_MAX_DAYS\t366\n"}, finds=(f"{DEFS}:1 PASS_MAX_DAYS",),
         good={DEFS: "PASS_MAX_DAYS 365\n"}, fixed=True),
    Case("login-password-age", bad={DEFS: "# PASS_MAX_DAYS 9\n"}, finds=(f"{DEFS} PASS_MAX_DAYS",),
         good={DEFS: "PASS_MAX_DAYS 1\n"}, fixed=True),
    Case("login-password-minimum", bad={DEFS: "PASS_MIN_DAYS 0\n"}, finds=(f"{DEFS}:1 PASS_MIN_DAYS",),
         good={DEFS: "PASS_MIN_DAYS 1\n"}, fixed=True),
    Case("login-password-warning", bad={DEFS: "PASS_WARN_AGE 6\n"}, finds=(f"{DEFS}:1 PASS_WARN_AGE",),
         good={DEFS: "PASS_WARN_AGE 7\n"}, fixed=True),
    Case("login-inactive", bad={USERADD: "# INACTIVE=30\nINACTIVE=-1\n"}, finds=(f"{USERADD}:2",),
         good={USERADD: "INACTIVE=45\n"}, fixed=True),
    Case("login-inactive", bad={USERADD: "INACTIVE=46\n"}, finds=(f"{USERADD}:1",), good={USERADD: "INACTIVE=0\n"},
         fixed=True),
    Case("login-inactive", bad={USERADD: "SHELL=/bin/sh\n"}, finds=(USERADD,), good={}, fixed=True),
    Case(
        "login-banner",
        bad={"/etc/issue": "hello\n\\n \\r\n", "/etc/issue.net": "Debian 12\n", "/etc/issue.d/a.issue": "\\S{ID}\n"},
        finds=("/etc/issue:2", "/etc/issue.net:1", "/etc/issue.d/a.issue:1"),
        good={"/etc/issue": "For members of the club alone. \\l \\n \\d\n", "/etc/issue.d/a.txt": "\\r\n"},
        os={"product_name": "Debian 12", "distro": "debian"},
    ),
    Case(
        "login-securetty",
        bad={f"{PAM}/login": "auth requisite pam_securetty.so\n", "/etc/securetty": "tty1\npts/0\n/dev/pts/1\n"},
        finds=("/etc/securetty:2 pts/0", "/etc/securetty:3 /dev/pts/1"),
        good={f"{PAM}/login": "auth requisite pam_unix.so\n", "/etc/securetty": "pts/0\n"},
        fixed=True,
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)


def test_one_file_that_several_services_read_is_one_finding() -> None:
    report = report_of(Case("login-nullok", {}, ()), pam(auth="auth required pam_unix.so nullok"))
    assert places(report) == (f"{PAM}/common-auth:1",)


def test_an_include_takes_the_rules_of_its_kind_alone() -> None:
    files: dict[str, Content] = {
        f"{PAM}/sshd": "account include both\n",
        f"{PAM}/both": "auth required pam_unix.so nullok\n",
    }
    assert report_of(Case("login-nullok", {}, ()), files).result is Result.PASS


def test_sha256_is_old_rather_than_broken() -> None:
    (finding,) = report_of(Case("login-hash-method", {}, ()), {DEFS: "ENCRYPT_METHOD SHA256\n"}).findings
    assert finding.severity is Level.LOW


def test_files_of_pam_that_include_each_other_have_an_end() -> None:
    files: dict[str, Content] = {
        f"{PAM}/sshd": "@include a\n" * 50,
        f"{PAM}/a": "@include sshd\n" * 50,
    }
    report = report_of(Case("login-lockout", {}, ()), files)
    assert (report.result, "are included" in report.reason) == (Result.ERROR, True)


def test_a_guest_without_pam_is_not_applicable() -> None:
    for id in ("login-lockout", "login-nullok", "login-password-quality", "login-su"):
        assert report_of(Case(id, {}, ()), {}).result is Result.NOT_APPLICABLE


def test_the_better_method_is_one_that_the_guest_reads() -> None:
    files = {DEFS: Node(content=b"ENCRYPT_METHOD MD5\n"), "/lib/libcrypt.so.1": "no $6$ alone"}
    case = Case(
        "login-hash-method", {**files, "/etc/shadow": ""}, (f"{DEFS}:1 ENCRYPT_METHOD",), {}, fixed=True
    )
    hold(case)

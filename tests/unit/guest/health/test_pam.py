"""PAM's rules as PAM asks them: files that are included, kinds, arguments, lines that go on."""

from __future__ import annotations

import pytest

from imgtools.errors import OddGuest
from imgtools.guest.health.pam import service_rules
from tests.support.memory import memory_files

PAM = "/etc/pam.d"
FILES = {
    f"{PAM}/sshd": (
        "# x\n-auth optional pam_a.so\nauth substack system # y\n@include both\n"
        "account include system\nauth \\\n  [success=1 default=ignore] /lib/security/pam_b.so a=1 [b=c d] \\\n a=2\n"
    ),
    f"{PAM}/system": "auth required pam_s.so\naccount required pam_t.so\n",
    f"{PAM}/both": "auth required pam_c.so\npassword required pam_p.so\n",
    f"{PAM}/other": "auth required pam_deny.so\n",
    "/usr/lib/pam.d/sshd": "auth required pam_hidden.so\n",
    "/usr/lib/pam.d/login": "auth required pam_vendor.so\n",
}


def names(service: str, kind: str) -> list[str]:
    """The modules that a service asks."""
    return [one.name for one in service_rules(memory_files(FILES), service, kind)]


def test_modules_are_asked_in_their_order() -> None:
    assert names("sshd", "auth") == ["pam_a", "pam_s", "pam_c", "pam_b"]
    assert names("sshd", "account") == ["pam_t"]
    assert names("sshd", "password") == ["pam_p"]
    assert names("sshd", "session") == []


def test_a_service_is_looked_for_in_usr_and_is_other_where_there_is_none() -> None:
    assert names("login", "auth") == ["pam_vendor"]
    assert names("cron", "auth") == ["pam_deny"]


def test_a_line_that_goes_on_has_the_number_of_its_first() -> None:
    rule = list(service_rules(memory_files(FILES), "sshd", "auth"))[-1]
    assert (rule.path, rule.line, rule.control) == (f"{PAM}/sshd", 6, "[success=1 default=ignore]")
    assert rule.arguments == ("a=1", "b=c d", "a=2")
    assert (rule.argument("a"), rule.argument("b"), rule.argument("c")) == ("2", "c d", None)


@pytest.mark.parametrize(
    "text", ["auth", "auth required", "other required pam_a.so", "@include", "@include $x", "\0"]
)
def test_lines_that_do_not_parse_are_passed_over(text: str) -> None:
    files = memory_files({f"{PAM}/sshd": f"{text}\nauth required pam_ok.so\n"})
    assert [one.name for one in service_rules(files, "sshd", "auth")] == ["pam_ok"]


def test_hostile_arguments_end_soon() -> None:
    files = memory_files({f"{PAM}/sshd": "auth required pam_a.so " + "[ " * 400_000 + "\n"})
    assert len(list(service_rules(files, "sshd", "auth"))) == 1


def test_files_that_include_each_other_have_an_end() -> None:
    files = memory_files({f"{PAM}/sshd": "@include sshd\n" * 100})
    with pytest.raises(OddGuest, match="are included"):
        list(service_rules(files, "sshd", "auth"))

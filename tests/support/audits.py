"""An audit that was never made, with all that a report has to show."""

from __future__ import annotations

from imgtools.records.audit import AuditedCheck, AuditFinding, Level, Result
from imgtools.records.request import Engine
from imgtools.records.system import Warned
from imgtools.workflows.audit import AuditReport

HOSTILE = "/srv/<script>document.title='run'</script>\"'&\x1b[31m\u202egpj.\udcff"


def audit_report(path: str = "/etc/shadow") -> AuditReport:
    """One of each result, with a finding of each severity."""

    def finding(check: str, level: Level, **more: object) -> AuditFinding:
        return AuditFinding(check, level, f"{level} is wrong", **more)  # type: ignore[arg-type]

    checks = (
        AuditedCheck(
            "file-shadow-mode",
            "Only root may read it",
            "Files and modes",
            Level.HIGH,
            Result.FAIL,
            (
                finding(
                    "file-shadow-mode", Level.CRITICAL, path=path, line=3, evidence="mode 0644", fixable=True
                ),
                finding("file-shadow-mode", Level.LOW, subject="alice", advice="ask her"),
            ),
            (
                AuditFinding(
                    "file-shadow-mode", Level.HIGH, "let be", "/etc/gshadow", waived="an old service"
                ),
            ),
            rationale="Whoever reads a hash can guess.",
            references=("NIST 800-53 AC-6",),
        ),
        AuditedCheck("ssh-one", "One", "SSH", Level.MEDIUM, Result.PASS),
        AuditedCheck("ssh-two", "Two", "SSH", Level.MEDIUM, Result.NOT_APPLICABLE, reason="no sshd"),
        AuditedCheck("ssh-three", "Three", "SSH", Level.MEDIUM, Result.UNDECIDED, reason="only when it runs"),
        AuditedCheck("ssh-four", "Four", "SSH", Level.MEDIUM, Result.ERROR, reason="it does not parse"),
        AuditedCheck(
            "ssh-five", "Five", "SSH", Level.MEDIUM, Result.FAIL, (finding("ssh-five", Level.MEDIUM),)
        ),
    )
    return AuditReport(
        image="/srv/disk.qcow2",
        engine=Engine.DIRECT,
        root="/dev/sda1",
        guest="Debian GNU/Linux 12",
        policy="baseline",
        fail_on=Level.HIGH,
        clean=False,
        checks=checks,
        warnings=(Warned("a volume is not there", path),),
    )

"""What Windows events mean: their texts are in the guest's DLLs, the common ones are here in short."""

from __future__ import annotations

from collections.abc import Sequence

# Windows' levels ([MS-EVEN6]: 0 LogAlways, 1 Critical ... 5 Verbose) as syslog's priorities.
PRIORITIES = {0: 6, 1: 2, 2: 3, 3: 4, 4: 6, 5: 7}

SECURITY = "Microsoft-Windows-Security-Auditing"
SERVICES = "Service Control Manager"
# Provider and event id: what happened, in our own words. These are what people look for at night.
MEANINGS = {
    ("EventLog", 6005): "event log started",
    ("EventLog", 6006): "event log stopped",
    ("EventLog", 6008): "the previous shutdown was unexpected",
    ("EventLog", 6013): "uptime in seconds",
    ("Microsoft-Windows-Kernel-General", 1): "system time changed",
    ("Microsoft-Windows-Kernel-General", 12): "Windows started",
    ("Microsoft-Windows-Kernel-General", 13): "Windows is shutting down",
    ("Microsoft-Windows-Kernel-Power", 41): "restarted without a clean shutdown",
    ("Microsoft-Windows-WER-SystemErrorReporting", 1001): "restarted after a bugcheck (blue screen)",
    ("User32", 1074): "shutdown or restart was requested",
    (SERVICES, 7000): "service failed to start",
    (SERVICES, 7001): "service depends on one that failed to start",
    (SERVICES, 7009): "service did not connect in time",
    (SERVICES, 7011): "service did not answer in time",
    (SERVICES, 7022): "service hung on starting",
    (SERVICES, 7023): "service ended with an error",
    (SERVICES, 7024): "service ended with its own error",
    (SERVICES, 7026): "boot drivers failed to load",
    (SERVICES, 7031): "service ended unexpectedly, recovery follows",
    (SERVICES, 7034): "service ended unexpectedly",
    (SERVICES, 7036): "service changed its state",
    (SERVICES, 7040): "start type of a service changed",
    (SERVICES, 7045): "service was installed",
    ("disk", 7): "bad block",
    ("disk", 11): "controller error",
    ("disk", 51): "error during a paging operation",
    ("disk", 153): "input or output was retried",
    ("Ntfs", 55): "file system structure is corrupt",
    ("Microsoft-Windows-Ntfs", 55): "file system structure is corrupt",
    ("Application Error", 1000): "program crashed",
    ("Application Hang", 1002): "program stopped answering",
    ("Windows Error Reporting", 1001): "fault was reported",
    ("MsiInstaller", 1033): "program was installed",
    ("MsiInstaller", 1034): "program was removed",
    ("Microsoft-Windows-WindowsUpdateClient", 19): "update was installed",
    ("Microsoft-Windows-WindowsUpdateClient", 20): "update failed",
    ("Microsoft-Windows-Eventlog", 1102): "audit log was cleared",
    (SECURITY, 4624): "logon",
    (SECURITY, 4625): "logon failed",
    (SECURITY, 4634): "logoff",
    (SECURITY, 4648): "logon with explicit credentials",
    (SECURITY, 4672): "special privileges at logon",
    (SECURITY, 4688): "process started",
    (SECURITY, 4720): "account was created",
    (SECURITY, 4722): "account was enabled",
    (SECURITY, 4724): "password reset was attempted",
    (SECURITY, 4725): "account was disabled",
    (SECURITY, 4726): "account was deleted",
    (SECURITY, 4728): "member was added to a global group",
    (SECURITY, 4732): "member was added to a local group",
    (SECURITY, 4740): "account was locked out",
}
_BY_FOLDED = {(provider.casefold(), number): text for (provider, number), text in MEANINGS.items()}


def describe_event(provider: str, event_id: int, data: Sequence[tuple[str, str]]) -> str:
    """Return one line (or more, as its data has): what the event means, where that is known, and its data."""
    meaning = _BY_FOLDED.get((provider.casefold(), event_id), "")
    values = ", ".join(f"{name}={value}" if name else value for name, value in data)
    return ": ".join(part for part in (meaning, values) if part) or "(no data)"

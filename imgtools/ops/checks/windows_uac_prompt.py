"""Administrators are asked before a program gets their rights, on a desktop where no program can answer for them.

A prompt that is never shown (ConsentPromptBehaviorAdmin 0) lets everything through; one on the usual desktop can be
clicked by programs. Both are as they should be by default: "UAC settings and configuration" (learn.microsoft.com).
"""

from __future__ import annotations

from imgtools.guest.windows.release import VISTA
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import SYSTEM_POLICIES, Setting, not_number, settings
from imgtools.records.audit import Level

CHECK = Check(
    title="Administrators are asked before a program gets their rights",
    severity=Level.HIGH,
    look=settings(
        Setting(
            SYSTEM_POLICIES,
            "ConsentPromptBehaviorAdmin",
            not_number(0),
            "programs of administrators get all rights without a question",
            default=5,
            to=5,
            since=VISTA,
        ),
        Setting(
            SYSTEM_POLICIES,
            "PromptOnSecureDesktop",
            not_number(0),
            "the question for rights is asked where programs can answer it",
            default=1,
            to=1,
            severity=Level.MEDIUM,
            since=VISTA,
        ),
    ),
    families=WINDOWS,
    references=("NIST 800-53 AC-6",),
)

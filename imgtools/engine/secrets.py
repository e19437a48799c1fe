"""Secrets in texts, as detect-secrets knows them: what kind, and on which line. The secrets themselves are not kept.

Only detectors of tokens with a form of their own are asked. Those that go by entropy, and by words such as
"password", find half of every configuration; what says a password in a known file is read by who knows the file.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import cache
from typing import Protocol, cast

# Modules of detect_secrets.plugins, and the detector in each.
DETECTORS = (
    ("artifactory", "ArtifactoryDetector"),
    ("aws", "AWSKeyDetector"),
    ("azure_storage_key", "AzureStorageKeyDetector"),
    ("basic_auth", "BasicAuthDetector"),
    ("discord", "DiscordBotTokenDetector"),
    ("github_token", "GitHubTokenDetector"),
    ("gitlab_token", "GitLabTokenDetector"),
    ("jwt", "JwtTokenDetector"),
    ("mailchimp", "MailchimpDetector"),
    ("npm", "NpmDetector"),
    ("openai", "OpenAIDetector"),
    ("private_key", "PrivateKeyDetector"),
    ("pypi_token", "PypiTokenDetector"),
    ("sendgrid", "SendGridDetector"),
    ("slack", "SlackDetector"),
    ("stripe", "StripeDetector"),
    ("telegram_token", "TelegramBotTokenDetector"),
    ("twilio", "TwilioKeyDetector"),
)
LONGEST = 4096  # characters of a line that are looked at: no token is longer, and expressions take their time
# No secrets, but examples of documentation and of default files: RFC 2606's names, and what is to be filled in.
EXAMPLES = ("example.", "localhost", "EXAMPLE", "user:pass", "username:password", "<password>", "${", "xxxx")


class _Detector(Protocol):
    secret_type: str

    def analyze_line(self, filename: str, line: str, line_number: int) -> object: ...


def find_secrets(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and kind of each secret in a text; lines count from 1."""
    for number, line in enumerate(text.splitlines(), 1):
        line = line[:LONGEST]
        if any(one in line for one in EXAMPLES):
            continue
        for detector in _detectors():
            if detector.analyze_line("", line, number):
                yield number, detector.secret_type


@cache
def _detectors() -> tuple[_Detector, ...]:
    found = (
        getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)
        for module, name in DETECTORS
    )
    return tuple(cast(_Detector, kind()) for kind in found)

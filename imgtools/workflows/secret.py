"""Secrets as people hand them over on the command line, without writing them there."""

from __future__ import annotations

from collections.abc import Callable

from imgtools.disk.keys import read_secret
from imgtools.errors import UsageError
from imgtools.records.request import Secret


def read_secret_word(text: str, prompt: str, ask: Callable[[str], str]) -> Secret:
    """Return the secret that ``file:PATH``, ``env:NAME``, ``ask`` (or, for those who insist, ``key:SECRET``) names.

    :raises UsageError: the text is none of these, or the secret is empty.
    :raises HostError: the file or the variable is not there.
    """
    kind, _, value = text.partition(":")
    if kind != "ask" and not value:
        raise UsageError("not a way to give a secret", hint="write file:PATH, env:NAME or ask")
    secret = read_secret(kind, value, prompt, ask)
    if not secret.reveal():
        raise UsageError("the secret is empty", hint="an empty passphrase protects nothing")
    return secret

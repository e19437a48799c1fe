"""How a session ends."""

from __future__ import annotations


class SessionEnds(BaseException):
    """The user has ended the session. No error, so nobody on the way takes it for one."""

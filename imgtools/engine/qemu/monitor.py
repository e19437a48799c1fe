"""A conversation with a running QEMU program in its own words: QMP, a JSON document a line."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

from imgtools.errors import EngineFailed, EngineTimeout, ImgtoolsError

ANSWER_SECONDS = 60.0  # an export or a disk is made in milliseconds


class Monitor:
    """The control connection of one program.

    :param control: connected, and closed with the monitor.
    :param name: of the program, for messages.
    :param ended: makes the error for a program that has gone.
    :param on_event: is told the name of each event, and its data, when the next answer is waited for.
    """

    def __init__(
        self,
        control: socket.socket,
        name: str,
        ended: Callable[[], ImgtoolsError],
        on_event: Callable[[str, dict[str, Any]], None] = lambda _name, _data: None,  # Any: JSON
    ) -> None:
        control.settimeout(ANSWER_SECONDS)
        self._control, self._name, self._ended = control, name, ended
        self._on_event = on_event
        self._lines = control.makefile("rb")
        self._next_line("QMP")
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: object) -> Any:  # Any: JSON
        """Run one QMP command and return its answer.

        :raises EngineFailed: the program refuses; the message is its own.
        :raises EngineTimeout: it does not answer.
        """
        try:
            self._control.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        except OSError:
            raise self._ended() from None
        answer = self._next_line("return", "error")
        if "error" in answer:
            raise EngineFailed(f"{self._name}: {answer['error'].get('desc', 'refused')}")
        return answer["return"]

    def _next_line(self, *wanted: str) -> dict[str, Any]:  # Any: JSON
        """Return the next message that has one of the keys; events in between are told of."""
        while True:
            try:
                line = self._lines.readline()
            except TimeoutError:
                raise EngineTimeout(f"{self._name} does not answer") from None
            except OSError:
                raise self._ended() from None
            if not line:
                raise self._ended()
            message = json.loads(line)
            if isinstance(message, dict) and "event" in message:
                self._on_event(str(message["event"]), message.get("data") or {})
            if isinstance(message, dict) and any(key in message for key in wanted):
                return message

    def close(self) -> None:
        """Leave; the program goes on."""
        self._lines.close()
        self._control.close()

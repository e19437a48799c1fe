"""A real Tang server on the loopback, and volumes that are bound to it."""

from __future__ import annotations

import json
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.volumes import tool

TANGD, KEYGEN = "/usr/libexec/tangd", "/usr/libexec/tangd-keygen"
PARTS = ("protected", "encrypted_key", "iv", "ciphertext", "tag")


@contextmanager
def tang(folder: Path) -> Iterator[str]:
    """Serve keys of its own until the block ends; yields its URL."""
    folder.mkdir()
    subprocess.run([KEYGEN, folder], check=True)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            subprocess.run(
                [TANGD, folder], stdin=self.request.fileno(), stdout=self.request.fileno(), check=False
            )

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def sealed(pin: str, settings: object, secret: bytes) -> str:
    """Return a secret as clevis seals it."""
    words = ["clevis", "encrypt", pin, json.dumps(settings), "-y"]
    return subprocess.run(words, input=secret, check=True, capture_output=True).stdout.decode()


def bind(path: Path, jwe: str) -> None:
    """Put a binding into the header of a LUKS2 volume, as clevis-luks-bind does."""
    token = {"type": "clevis", "keyslots": ["0"], "jwe": dict(zip(PARTS, jwe.split("."), strict=True))}
    file = path.with_name(f"{path.name}.token")
    file.write_text(json.dumps(token))
    tool("cryptsetup", "token", "import", "--json-file", file, path)

"""Lines of shell that fetch and run a program, open a shell to the network or hide what they run."""

from __future__ import annotations

import re
from collections.abc import Iterator

# What a person who sets a machine up seldom writes, and who keeps a way into it often does
# (MITRE ATT&CK T1059.004, T1105, T1140).
WORDS = (
    (re.compile(r"\b(curl|wget|fetch)\b[^|;&#]*\|\s*(sudo\s+)?(ba|da|z|k)?sh\b"), "what is downloaded is run"),
    (re.compile(r"\bbase64\s+(-d|-D|--decode)\b[^;&#]*\|\s*(ba|da|z|k)?sh\b"), "what is run is hidden in base64"),
    (re.compile(r"/dev/(tcp|udp)/[\w.$-]+/"), "a shell connects by itself"),
    (re.compile(r"\b(nc|ncat|netcat|socat)\b.*(\s-e\s|\s-c\s|exec:|EXEC:|/bin/(ba|da)?sh)"), "a shell is given away"),
    (re.compile(r"\bLD_PRELOAD="), "a library is put before all others"),
    (re.compile(r"\b(python\d?|perl|ruby|php)\b\s+-[cer]\b.*\b(socket|fsockopen|TCPSocket)\b"), "it connects"),
)  # fmt: skip
LONGEST = 4096  # characters of a line that are looked at


def suspicious_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and what is odd in it, once a line; comments are left out."""
    for number, line in enumerate(text.splitlines(), 1):
        line = line[:LONGEST]
        if line.lstrip().startswith("#"):
            continue
        odd = next((said for expression, said in WORDS if expression.search(line)), "")
        if odd:
            yield number, odd

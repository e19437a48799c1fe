"""Licences in the words of packages become those of SPDX where they mean the same, and stay where they may not."""

from __future__ import annotations

import pytest

from imgtools.guest.packages.copyright_files import parse_copyright
from imgtools.guest.packages.licenses import spdx_expression


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPLv2+ and (MIT or BSD)", "GPL-2.0-or-later AND (MIT OR BSD)"),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("LGPLv2.1+", "LGPL-2.1-or-later"),
        ("GPL 2 or later", "GPL-2.0-or-later"),
        ("AGPLv3", "AGPL-3.0-only"),
        ("GFDL-1.3+", "GFDL-1.3-or-later"),
        ("ASL 2.0", "Apache-2.0"),
        ("Expat", "MIT"),
        ("GPL-2+ or Artistic, and Expat", "(GPL-2.0-or-later OR Artistic) AND MIT"),
        ("GPL-2.0-only WITH Linux-syscall-note", "GPL-2.0-only WITH Linux-syscall-note"),
        ("GPL-2.0-or-later AND MIT", "GPL-2.0-or-later AND MIT"),
        ("public-domain", "public-domain"),
        ("Mine and Yours", "Mine AND Yours"),
        ("", ""),
    ],
)
def test_words(words: str, expected: str) -> None:
    assert spdx_expression(words) == expected


def test_long_texts_are_cut() -> None:
    assert len(spdx_expression("(" * 100_000)) == 200


def test_a_copyright_file_that_is_not_machine_readable() -> None:
    text = "Copyright X\nsee /usr/share/common-licenses/GPL-2 and /usr/share/common-licenses/Apache-2.0.\n"
    assert parse_copyright(text) == ("Apache-2.0", "GPL-2.0-only")
    assert parse_copyright("All rights reserved.") == ()

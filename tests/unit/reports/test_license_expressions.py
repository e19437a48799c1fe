"""Expressions of SPDX: those that its own library takes, and none that only look like some."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.reports.license_expressions import _names, is_expression, is_license_id


@pytest.mark.parametrize(
    "text",
    [
        "MIT",
        "GPL-2.0-or-later AND MIT",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "(MIT OR Apache-2.0) AND (BSD-3-Clause OR (ISC AND Zlib))",
        "MIT AND ISC OR X11",
        "((MIT))",
        "GPL-2.0+",
    ],
)
def test_expressions(text: str) -> None:
    assert is_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "mit",
        "MIT or ISC",
        "MIT AND",
        "AND MIT",
        "MIT ISC",
        "MIT/ISC",
        "(MIT",
        "MIT)",
        "()",
        "MIT WITH ISC",
        "Classpath-exception-2.0",
        "MIT WITH",
        "LicenseRef-mine",
        "Apache-2.0+",
        "MIT\x00",
        "(" * 5000 + "MIT" + ")" * 5000,
        "MIT AND " * 5000 + "MIT",
    ],
)
def test_what_is_none(text: str) -> None:
    assert not is_expression(text)


def test_both_libraries_know_every_name() -> None:
    from cyclonedx.spdx import is_expression as by_library
    from cyclonedx.spdx import is_supported_id

    names = _names()
    assert len(names.licenses) > 600 and len(names.exceptions) > 80
    assert all(is_supported_id(one) and by_library(one) for one in names.licenses)
    assert all(is_supported_id(one) and by_library(f"MIT WITH {one}") for one in names.exceptions)


@given(st.lists(st.sampled_from(["MIT", "ISC", "AND", "OR", "WITH", "(", ")", "Classpath-exception-2.0", "x"]),
                max_size=9))  # fmt: skip
def test_what_is_one_here_is_one_to_the_library(words: list[str]) -> None:
    from cyclonedx.spdx import is_expression as by_library

    text = " ".join(words)
    assert not is_expression(text) or by_library(text)
    assert is_license_id(text) == (text in ("MIT", "ISC"))

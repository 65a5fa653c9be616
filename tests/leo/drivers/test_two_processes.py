"""The check of a view at the end of a process that was not the last to write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench.two_processes import is_same
from leo import LeoField
from leo.field.counts import compute_delta
from leo.store.operations import process_text
from leo.store.schema import connect
from tests.leo.support import sync_field


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[LeoField]:
    """A field whose view does not have the last observation, made by somebody else."""
    with sync_field(tmp_path / "field") as field:
        field.observe("grey herons wait")
        with closing(connect(tmp_path / "field")) as other:
            process_text(other, compute_delta(("grey herons fish",)))
        yield field


def test_a_view_that_is_behind_is_brought_up_to_date_and_compared(
    behind: LeoField, tmp_path: Path
) -> None:
    """By the increments that the next reply would load: then it is what a whole load gives."""
    with closing(connect(tmp_path / "field")) as conn:
        assert is_same(behind.view, conn)
    assert behind.view.trigram_count("grey", "herons", "fish") == 1


def test_a_view_that_was_wrong_before_it_fell_behind_is_found(
    behind: LeoField, tmp_path: Path
) -> None:
    """Another process's last word is no excuse."""
    words = behind.view.words
    words.followers[words.ids["grey"]][words.ids["herons"]] += 1
    with closing(connect(tmp_path / "field")) as conn:
        assert not is_same(behind.view, conn)

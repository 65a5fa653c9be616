"""Archives of older schemas, and archives that were changed."""

from __future__ import annotations

import io
import json
from contextlib import closing
from pathlib import Path

import pytest

from leo.store.archive import ArchiveError, export_field, import_field
from leo.store.checkup import check_field
from leo.store.schema import SCHEMA_VERSION, connect

# Written by the program of schema 2, after 109 observations.
OLD = Path(__file__).parents[1] / "archives" / "schema2.ndjson"
HEAD = b'{"kind":"leo field","schema":4,"versions":{"ngrams":3,"snapshots":0}}\n'
HUGE = 2**63
TOKEN = b'{"table":"tokens","row":[1,"a",1]}\n'


def imported(path: Path, data: bytes) -> list[bytes]:
    """The lines of a field made from an archive; it is sound."""
    with closing(connect(path)) as conn:
        import_field(conn, io.BytesIO(data), "archive")
        assert check_field(conn) == []
        return list(export_field(conn))


def test_an_archive_of_schema_2_is_what_its_file_would_have_become(tmp_path: Path) -> None:
    """The counts of co-occurrence have been through every decay there was; nothing else is different."""
    old = [json.loads(line) for line in OLD.read_bytes().splitlines()]
    new = [json.loads(line) for line in imported(tmp_path / "field", OLD.read_bytes())]
    assert new[0].pop("format") == 2 and sum(new[0].pop("rows").values()) == len(new) - 1
    assert old[0] == {**new[0], "schema": 2} and new[0]["schema"] == SCHEMA_VERSION
    aged = [
        {**line, "row": [*line["row"], 1]} if line.get("table") == "co_occurrence" else line
        for line in old[1:]
    ]
    assert new[1:] == aged


def test_an_archive_of_schema_3_is_one_of_schema_2_with_the_bias(tmp_path: Path) -> None:
    """Neither had a count's age."""
    two = OLD.read_bytes()
    three = two.replace(b'"schema":2', b'"schema":3')
    bias = b'{"table":"bias","row":["[\\"grey\\"]",5.0]}\n'
    lines = imported(tmp_path / "three", three + bias)
    assert sorted(lines[1:]) == sorted([*imported(tmp_path / "two", two)[1:], bias])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([TOKEN, b'{"table":"tokens","row":[%d,"a",1]}\n' % HUGE], "line 3: .*expected 1 to "),
        ([TOKEN, TOKEN], "line 3: .*UNIQUE"),
        ([b'{"table":"tokens","row":["one","a",1]}\n'], "line 2: .*'one' for the column id"),
        ([b'{"table":"bigrams","row":[1,1,"many",1]}\n'], "line 2: .*'many' for the column count"),
        ([b'{"table":"tokens","row":[1,null,1]}\n'], "line 2: .*None for the column token"),
        ([b'{"table":"tokens","row":[1,2,1]}\n'], "line 2: .*2 for the column token"),
        ([b'{"table":"bigrams","row":[1,1,5,1]}\n'], "a row of bigrams names a row of tokens"),
        ([b'{"table":"co_occurrence","row":[1,1,5]}\n'], "line 2: 3 values"),
    ],
)
def test_a_row_that_cannot_be_is_named(tmp_path: Path, rows: list[bytes], message: str) -> None:
    """The archive, the line and what to do; and nothing was imported."""
    refused(tmp_path, HEAD + b"".join(rows), message)


@pytest.mark.parametrize(
    "versions",
    [
        b"{}",
        b'{"ngrams":3}',
        b'{"ngrams":3,"snapshots":0,"walls":1}',
        b'{"ngrams":-3,"snapshots":0}',
        b'{"ngrams":%d,"snapshots":0}' % HUGE,
    ],
)
def test_a_head_names_the_version_of_every_object(tmp_path: Path, versions: bytes) -> None:
    """Of each object, and of no other; numbers that SQLite can hold and that were counted."""
    head = b'{"kind":"leo field","schema":4,"versions":%s}\n' % versions
    refused(tmp_path, head + TOKEN, "line 1: .*ngrams, snapshots")


def refused(folder: Path, data: bytes, message: str) -> None:
    """An import that names its archive in the error, and leaves the field empty."""
    with closing(connect(folder / "field")) as conn:
        before = list(export_field(conn))
        with pytest.raises(ArchiveError, match=f"^archive: .*{message}.*") as caught:
            import_field(conn, io.BytesIO(data), "archive")
        assert "export" in str(caught.value) and "\n" not in str(caught.value)
        assert list(export_field(conn)) == before

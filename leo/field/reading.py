"""The interface that a reader of the field needs; a view and an overlay both implement it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol, TypeVar

from leo.field.ranks import Row

Key_contra = TypeVar("Key_contra", contravariant=True)


class Rows(Protocol[Key_contra]):
    """Counts by key: item -> count, or None for a key without any."""

    def get(self, key: Key_contra, /) -> Mapping[int, int] | None: ...


class Drawable(Protocol[Key_contra]):
    """Rows by key, in the form that they are drawn from."""

    def row(self, key: Key_contra, /) -> Row | None: ...


class Words(Protocol):
    """Tokens by id, what follows each (`row`: in the form that it is drawn from), the centres."""

    @property
    def names(self) -> Mapping[int, str]: ...

    @property
    def followers(self) -> Rows[int]: ...

    def row(self, key: int, /) -> Row | None: ...

    def id_of(self, token: str) -> int | None: ...

    def centres(self) -> list[int]: ...


class Chains(Protocol):
    """What follows each pair of tokens, and which tokens co-occur."""

    @property
    def followers(self) -> Rows[tuple[int, int]]: ...

    def row(self, key: tuple[int, int], /) -> Row | None: ...

    def co_occurrence_with(self, one: int, others: Collection[int]) -> list[int]: ...


class Readable(Protocol):
    """A field to read: the instance's view, or what a unit of work sees over it. It is `torn` when
    its two tables may be of different versions.
    """

    @property
    def words(self) -> Words: ...

    @property
    def chains(self) -> Chains: ...

    @property
    def torn(self) -> bool: ...

    def trigram_count(self, first: str, second: str, third: str) -> int: ...

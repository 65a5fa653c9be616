"""What a reader of the field needs of a view: the view itself has it, and so has an overlay."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol, TypeVar

from leo.ranks import Ranked

__all__ = ["Chains", "Readable", "Rows", "Words"]

Key_contra = TypeVar("Key_contra", contravariant=True)


class Rows(Protocol[Key_contra]):
    """Counts by key: item -> count, or None for a key without any."""

    def get(self, key: Key_contra, /) -> Mapping[int, int] | None: ...


class Words(Protocol):
    """Tokens by id, what follows each token, and the centres. `ranked` is for rows of more than
    LARGE followers, and None for others.
    """

    @property
    def names(self) -> Mapping[int, str]: ...

    @property
    def followers(self) -> Rows[int]: ...

    def ranked(self, key: int, /) -> Ranked | None: ...

    def id_of(self, token: str) -> int | None: ...

    def centres(self) -> list[int]: ...


class Chains(Protocol):
    """What follows each pair of tokens, and who keeps company with whom."""

    @property
    def followers(self) -> Rows[tuple[int, int]]: ...

    def ranked(self, key: tuple[int, int], /) -> Ranked | None: ...

    def company_with(self, one: int, others: Collection[int]) -> list[int]: ...


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

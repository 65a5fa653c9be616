"""The last version, of February 2026: an asynchronous connection for observe(), a synchronous one
for reply(), and no rollback anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from leo.actions import Action
from leo.errors import LeoError, StoreLockedError
from leo.field.counts import compute_delta
from leo.field.text import tokenize
from leo.published.call import Call, Published, texts_of
from leo.store.asynchronous import AsyncStore
from leo.store.connection import Connection
from leo.store.ngrams import add, get_version, load_bigrams, load_trigrams
from leo.store.operations import process_delta, process_snapshot
from leo.store.schema import BUSY_TIMEOUT
from leo.store.synchronous import Store


class February(Published):
    """The program; made by `await February.open(path)`, ended by `await close()`."""

    carried_out = frozenset({Action.CommitOpen})
    _asynchronous: AsyncStore
    _synchronous: Store

    @classmethod
    async def open(cls, path: str | Path, *, timeout: float = BUSY_TIMEOUT, **options: Any) -> Self:
        """Open the field at `path`; `options` are those of `Published`.

        `timeout` is how many seconds a write of reply() waits, and the event loop with it, while
        the asynchronous connection has a transaction open.
        """
        asynchronous = await AsyncStore.open(path)
        opened = await asynchronous.perform(cls.open_work)
        field = cls("published-february", Path(path), opened, **options)
        field._asynchronous = asynchronous
        field._synchronous = Store(path, timeout)
        return field

    async def close(self) -> None:
        """Close both connections; what is open in a transaction is gone."""
        self._synchronous.close()
        await self._asynchronous.close()

    async def observe(self, text: str, session: str = "s1") -> None:
        """Take in a text: several statements, a commit, each table loaded and assigned.

        Cancelled, or failed, in between, it frees the lock and leaves the transaction open.
        """
        with Call(self, f"{session}~observe") as call:
            await call.acquire()
            for part in halves(text):
                await self._statement(call, part)

            def commit(conn: Connection) -> None:
                # With what other calls have left in the open transaction.
                conn.execute("COMMIT")
                call.record(Action.CommitOpen, writes={"ngrams": get_version(conn, "ngrams")})

            await self._operate(call, Action.CommitOpen, commit)
            view = self.view
            version, words = await self._operate(
                call, Action.RefreshBigrams, lambda conn: load_bigrams(conn, view.bigrams.version)
            )
            view.bigrams.assign(view.bigrams.loaded(view.bigrams.now, version, words))
            call.record(Action.RefreshBigrams, writes={"view.bigrams": version})
            version, chains = await self._operate(
                call,
                Action.RefreshTrigrams,
                lambda conn: load_trigrams(conn, view.trigrams.version),
            )
            view.trigrams.assign(view.trigrams.loaded(view.trigrams.now, version, chains))
            call.record(Action.RefreshTrigrams, writes={"view.trigrams": version})
            call.release()

    async def reply(self, prompt: str, session: str = "s1") -> str:
        """Answer, in one stretch once the lock is there: nothing else runs on the event loop.

        Exceptions of a write are swallowed, "database is locked" among them; one of generate is
        raised.
        """
        with Call(self, session) as call:
            await call.acquire()
            memories = self._synchronous.perform(lambda conn: self.recall(call, 1, conn))
            delta = compute_delta((texts_of(memories, 1)[0],))

            def ingest(conn: Connection) -> None:
                call.record(Action.Ingest, writes={"ngrams": process_delta(conn, delta)})

            self._attempt(call, Action.Ingest, ingest)
            text = self.generate(call)
            new = self.snapshot(text)

            def save(conn: Connection) -> None:
                call.record(Action.SaveSnapshot, writes={"snapshots": process_snapshot(conn, new)})

            self._attempt(call, Action.SaveSnapshot, save)
            call.release()
        return text

    def _attempt(self, call: Call, action: Action, work: Callable[[Connection], None]) -> None:
        """One write by the synchronous connection; what goes wrong is swallowed."""
        try:
            self.fail(call.session, action)
            self._synchronous.perform(work)
        except StoreLockedError:
            call.record(Action.Locked)
        except LeoError:
            call.record(Action.Swallow)

    async def _statement(self, call: Call, part: str) -> None:
        """A statement of observe(): it opens the transaction if none is open."""
        delta = compute_delta((part,))

        def work(conn: Connection) -> None:
            if not conn.in_transaction:
                conn.execute("BEGIN")
            add(conn, delta)
            call.record(Action.Statement)

        await self._operate(call, Action.Statement, work)

    async def _operate(self, call: Call, action: Action, work: Callable[[Connection], Any]) -> Any:
        """One operation on the one asynchronous connection."""
        await self.pass_gate(call, action)
        self.fail(call.session, action)
        return await self._asynchronous.perform(work)


def halves(text: str) -> tuple[str, str]:
    """The two parts of a text that two statements write."""
    tokens = tokenize(text)
    middle = len(tokens) // 2
    return " ".join(tokens[:middle]), " ".join(tokens[middle:])

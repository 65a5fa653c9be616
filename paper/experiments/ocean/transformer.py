"""A small decoder-only transformer that learns online, text by text, in JAX on the CPU.

Pre-norm blocks (causal attention, a GELU layer four times as wide), learned positions, and the
embedding as the output layer. One observation is one step of Adam, or several, on one text.
It needs the extra `ocean`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any, Final, NamedTuple

import numpy as np

from paper.experiments.ocean.learners import Floats, Text

# One thread on every machine: the order of a sum is part of the result.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)
import jax
import jax.numpy as jnp

# The longest text, in tokens.
SPAN: Final = 32
BATCH: Final = 8
Tree = Any


class Shape(NamedTuple):
    """Width, blocks and heads, and the rate of Adam at which it begins to learn."""

    width: int
    blocks: int
    heads: int
    rate: float


SIZES: Final = {
    "3k": Shape(6, 1, 1, 1e-2),
    "33k": Shape(36, 1, 2, 5e-3),
    "330k": Shape(108, 2, 4, 2e-3),
}


class State(NamedTuple):
    """The parameters with Adam's first and second moments (trees of one form), and its steps."""

    weights: Tree
    first: Tree
    second: Tree
    steps: Any


def parameters(state: State) -> int:
    """How many numbers it has learned."""
    return sum(leaf.size for leaf in jax.tree.leaves(state.weights))


class Transformer:
    """A learner. `share`: of its shape's rate, 0 freezes it; `repeats`: the steps of Adam for each
    observation.
    """

    def __init__(
        self, shape: Shape, vocabulary: int, *, share: float = 1.0, repeats: int = 1
    ) -> None:
        self._shape = shape
        self._vocabulary = vocabulary
        self._rate = share * shape.rate
        self._repeats = repeats

    def begin(self, seed: int) -> State:
        """Random weights."""
        width = self._shape.width
        key = iter(jax.random.split(jax.random.key(seed % 2**32), 2 + 4 * self._shape.blocks))

        def normal(rows: int, columns: int, scale: float) -> Any:
            return scale * jax.random.normal(next(key), (rows, columns))

        deep = width**-0.5
        weights = {
            "tokens": normal(self._vocabulary, width, deep),
            "places": normal(SPAN, width, 0.1 * deep),
            "blocks": [
                {
                    "attention": jnp.ones(width),
                    "mixed": normal(width, 3 * width, deep),
                    "out": normal(width, width, deep),
                    "wide": jnp.ones(width),
                    "up": normal(width, 4 * width, deep),
                    "down": normal(4 * width, width, 0.5 * deep),
                }
                for _ in range(self._shape.blocks)
            ],
            "last": jnp.ones(width),
        }
        zeros = jax.tree.map(jnp.zeros_like, weights)
        return State(weights, zeros, zeros, jnp.zeros(()))

    def observe(self, state: State, text: Text) -> State:
        """Learn one text of at most SPAN tokens."""
        [row], [length] = _padded([text])
        learned: State = _learn(state, row, length, self._rate, self._repeats, self._shape)
        return learned

    def torn(self, before: State, after: State, rng: Random) -> State:
        """Half of the tensors, with their moments, are the old ones."""
        leaves = len(jax.tree.leaves(after.weights))
        old = set(rng.sample(range(leaves), leaves // 2))
        form = jax.tree.structure(after.weights)
        chosen = jax.tree.unflatten(form, [n in old for n in range(leaves)])

        def mixed(one: Tree, two: Tree) -> Tree:
            return jax.tree.map(lambda is_old, *both: both[not is_old], chosen, one, two)

        return State(
            mixed(before.weights, after.weights),
            mixed(before.first, after.first),
            mixed(before.second, after.second),
            after.steps,
        )

    def shares(self, state: State, prefixes: Sequence[Text]) -> Floats:
        """The softmax after each prefix, of which the last SPAN tokens count."""
        # Filled up, so that one compiled function serves all numbers of prefixes.
        filled = [*(prefix[-SPAN:] for prefix in prefixes), *[(0,)] * (-len(prefixes) % BATCH)]
        made = _softmax(state.weights, *_padded(filled), self._shape)
        found = np.asarray(made, dtype=np.float64)[: len(prefixes)]
        shares: Floats = found / found.sum(axis=1, keepdims=True)
        return shares


def _padded(texts: Sequence[Text]) -> tuple[Any, Any]:
    # Attention is causal, so that what fills up the end of a text is not seen.
    rows = np.zeros((len(texts), SPAN), dtype=np.int32)
    for row, text in zip(rows, texts, strict=True):
        row[: len(text)] = text
    return rows, np.array([len(text) for text in texts], dtype=np.int32)


def _norm(x: Any, gain: Any) -> Any:
    return gain * x / jnp.sqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-6)


def _logits(weights: Tree, row: Any, shape: Shape) -> Any:
    """(SPAN, V): what follows each place of a text."""
    x = weights["tokens"][row] + weights["places"]
    causal = jnp.tril(jnp.ones((SPAN, SPAN), dtype=bool))
    each = shape.width // shape.heads
    for block in weights["blocks"]:
        mixed = _norm(x, block["attention"]) @ block["mixed"]
        query, key, value = mixed.reshape(SPAN, 3, shape.heads, each).transpose(1, 2, 0, 3)
        scores = jnp.where(causal, query @ key.transpose(0, 2, 1) / each**0.5, -jnp.inf)
        seen = jax.nn.softmax(scores) @ value
        x += seen.transpose(1, 0, 2).reshape(SPAN, shape.width) @ block["out"]
        x += jax.nn.gelu(_norm(x, block["wide"]) @ block["up"]) @ block["down"]
    return _norm(x, weights["last"]) @ weights["tokens"].T


@partial(jax.jit, static_argnames="shape")
def _softmax(weights: Tree, rows: Any, lengths: Any, shape: Shape) -> Any:
    def one(row: Any, length: Any) -> Any:
        return jax.nn.softmax(_logits(weights, row, shape)[length - 1])

    return jax.vmap(one)(rows, lengths)


def _loss(weights: Tree, row: Any, length: Any, shape: Shape) -> Any:
    """Nats per token, over all but the first."""
    logs = jax.nn.log_softmax(_logits(weights, row, shape)[:-1])
    told = jnp.take_along_axis(logs, row[1:, None], axis=1)[:, 0]
    real = jnp.arange(SPAN - 1) < length - 1
    return -jnp.sum(told * real) / (length - 1)


@partial(jax.jit, static_argnames="shape")
def _learn(state: State, row: Any, length: Any, rate: Any, repeats: Any, shape: Shape) -> Any:
    """Adam (Kingma and Ba 2015), with 0.9 and 0.99."""

    def step(_: Any, state: State) -> State:
        slopes = jax.grad(_loss)(state.weights, row, length, shape)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state.first, slopes)
        second = jax.tree.map(lambda v, g: 0.99 * v + 0.01 * g * g, state.second, slopes)
        steps = state.steps + 1
        early, late = 1 - 0.9**steps, 1 - 0.99**steps
        weights = jax.tree.map(
            lambda w, m, v: w - rate * (m / early) / (jnp.sqrt(v / late) + 1e-8),
            state.weights,
            first,
            second,
        )
        return State(weights, first, second, steps)

    return jax.lax.fori_loop(0, repeats, step, state)

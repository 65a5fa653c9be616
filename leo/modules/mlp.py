"""A network of 21 inputs, 16 hidden units and one output, in plain Python (organism, section 13).

tanh on both layers, 369 parameters, stochastic gradient descent on (output - target)^2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from random import Random
from typing import Final

import msgspec

from leo.field.draw import plain_sum

INPUTS: Final = 21
HIDDEN: Final = 16
PARAMETERS: Final = HIDDEN * INPUTS + HIDDEN + HIDDEN + 1
RATE: Final = 0.01
BOUND: Final = 5.0
SMOOTHING: Final = 0.05


@dataclass(frozen=True, slots=True)
class Network:
    """Parameters in the order: hidden weights by unit, hidden biases, output weights, output bias.

    `observations` and `loss` (a running mean with alpha 0.05) tell how far it has learned.
    """

    parameters: tuple[float, ...]
    observations: int = 0
    loss: float = 0.0

    def output(self, inputs: Sequence[float]) -> float:
        """The output in (-1, 1) for 21 inputs."""
        return self._forward(inputs)[1]

    def predict(self, inputs: Sequence[float]) -> float:
        """The output, clamped to [0, 1]: a quality."""
        return min(1.0, max(0.0, self.output(inputs)))

    def gradient(self, inputs: Sequence[float], target: float) -> tuple[float, tuple[float, ...]]:
        """The loss (output - target)^2 and its derivative by each parameter."""
        hidden, output = self._forward(inputs)
        away = 2.0 * (output - target) * (1.0 - output * output)
        out = self.parameters[HIDDEN * (INPUTS + 1) : -1]
        back = [away * w * (1.0 - h * h) for w, h in zip(out, hidden, strict=True)]
        weights = [b * x for b in back for x in inputs]
        return (output - target) ** 2, (*weights, *back, *(away * h for h in hidden), away)

    def learned(self, inputs: Sequence[float], target: float) -> Network:
        """The network after one step of size 0.01, its parameters clamped to [-5, 5]."""
        loss, gradient = self.gradient(inputs, target)
        # A conditional, because there are hundreds of them in every reply. NaN stays NaN.
        parameters = tuple(
            [
                -BOUND if (moved := p - RATE * g) < -BOUND else BOUND if moved > BOUND else moved
                for p, g in zip(self.parameters, gradient, strict=True)
            ]
        )
        first = self.observations == 0
        running = loss if first else (1.0 - SMOOTHING) * self.loss + SMOOTHING * loss
        return Network(parameters, self.observations + 1, running)

    def finite(self) -> bool:
        """Whether it has the right number of parameters and every number is one."""
        return len(self.parameters) == PARAMETERS and all(
            map(math.isfinite, (*self.parameters, self.loss))
        )

    def dump(self) -> str:
        """The parameters as JSON; reading it back gives the same numbers."""
        return msgspec.json.encode(self.parameters).decode()

    def _forward(self, inputs: Sequence[float]) -> tuple[list[float], float]:
        if len(inputs) != INPUTS:
            raise ValueError(f"the network takes {INPUTS} inputs, not {len(inputs)}")
        flat = self.parameters
        biases = flat[HIDDEN * INPUTS : HIDDEN * (INPUTS + 1)]
        hidden = [
            math.tanh(plain_sum(map(mul, flat[i * INPUTS : (i + 1) * INPUTS], inputs), biases[i]))
            for i in range(HIDDEN)
        ]
        return hidden, math.tanh(
            plain_sum(map(mul, flat[HIDDEN * (INPUTS + 1) : -1], hidden), flat[-1])
        )


@lru_cache(maxsize=16)
def fresh_network(seed: int = 0) -> Network:
    """Weights from N(0, sqrt(2 / fan in)), biases 0; the same seed gives the same network."""
    rng = Random(f"mathbrain:{seed}")
    hidden = [rng.gauss(0.0, math.sqrt(2.0 / INPUTS)) for _ in range(HIDDEN * INPUTS)]
    out = [rng.gauss(0.0, math.sqrt(2.0 / HIDDEN)) for _ in range(HIDDEN)]
    return Network((*hidden, *([0.0] * HIDDEN), *out, 0.0))

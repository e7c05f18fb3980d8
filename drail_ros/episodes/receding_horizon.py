# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Acting by plans: from a few observations to a few actions, of which the first ones are executed.

Keeps, for each of N environments, its latest observations and the actions still to execute.
Used in evaluation and by the policy server alike; numpy only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from drail_ros.tasks.task import Array


@dataclass(frozen=True)
class PlanShape:
    """What a planning policy takes and gives."""

    history: int
    """Latest observations it sees, T_o."""
    chunk: int
    """Actions it gives, all of which are executed before it plans again, T_a."""
    noise: tuple[int, int]
    """Shape of the noise from which one plan is made: (T_p, A)."""


class RecedingHorizon:
    """Calls ``plan`` (observations ``[M, T_o, O]``, noise ``[M, T_p, A]`` → ``[M, T_a, A]``).

    The noise is drawn from ``seed``: the same observations get the same actions.
    """

    def __init__(self, plan: Callable[[Array, Array], Array], shape: PlanShape, num_envs: int,
                 seed: int = 0) -> None:
        self._plan, self._shape = plan, shape
        self._rng = np.random.default_rng(seed)
        self._history: Array | None = None
        self._begins = np.ones(num_envs, bool)
        self._actions: list[list[Array]] = [[] for _ in range(num_envs)]

    def begin(self, environments: Array) -> None:
        """Forget what was seen and planned in environments ``[N]`` bool that begin anew."""
        self._begins |= environments

    def __call__(self, obs: Array) -> Array:
        """Observations ``[N, O]`` → actions ``[N, A]``."""
        self._see(obs)
        due = [i for i, actions in enumerate(self._actions) if not actions]
        if due:
            assert self._history is not None
            noise = self._rng.standard_normal((len(due), *self._shape.noise), np.float32)
            for i, actions in zip(due, self._plan(self._history[due], noise)):
                self._actions[i] = list(actions)
        return np.stack([actions.pop(0) for actions in self._actions])

    def _see(self, obs: Array) -> None:
        """Move histories on; an episode begins as if its first observation had always been."""
        repeated = np.repeat(obs[:, None], self._shape.history, axis=1)
        if self._history is None:
            self._history = repeated
        self._history = np.concatenate([self._history[:, 1:], obs[:, None]], axis=1)
        for i in np.flatnonzero(self._begins):
            self._history[i] = repeated[i]
            self._actions[i] = []
        self._begins[:] = False

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The protocol of N environments stepped at once.

Implementations are in this folder and, over messages, in ``remote/``; the training loop cannot
tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import DTypeLike

from drail_ros.tasks.task import Array, Task

State = dict[str, Array]
"""Exact state as named arrays, first axis N; what a checkpoint stores."""


class SimulationStopped(KeyboardInterrupt):
    """Asked to stop while no simulator answers: what was simulated last is not known."""


@dataclass(frozen=True)
class Step:
    """Outcome of one control step of N environments.

    An environment that ended is reset in the same step: ``obs`` is then the first observation of
    its next episode and ``final_obs`` the last one of the episode that ended. Elsewhere the two
    are equal.
    """

    obs: Array
    """``[N, O]`` float32."""
    final_obs: Array
    """``[N, O]`` float32."""
    terminated: Array
    """``[N]`` bool: the task is over (no value follows)."""
    truncated: Array
    """``[N]`` bool: the time limit was reached (value follows)."""
    success: Array
    """``[N]`` bool."""
    reward: Array
    """``[N]`` float32: the task's true reward, for measuring only; success as 0 or 1 where the
    task has none."""


class BatchSim(Protocol):
    """N environments of one task. Observations are ``[N, O]``, actions ``[N, A]``, float32."""

    task: Task
    num_envs: int

    def reset(self, seed: int) -> Array:
        """Start episode 0 of every environment and return observations."""

    def step(self, actions: Array) -> Step:
        """Advance one control step with normalised actions."""

    def get_state(self) -> State:
        """Return a copy of the exact state."""

    def set_state(self, state: State) -> Array:
        """Continue from a state and return its observations."""

    def close(self) -> None:
        """Release threads or connections."""


class _Key(ISeedSequence):
    """A Philox key as it is; given by ``key=``, the system is asked for entropy besides."""

    def __init__(self, *words: int) -> None:
        self._words = words

    def generate_state(self, n_words: int, dtype: DTypeLike = np.uint32) -> Array:
        """Return the words of the key."""
        return np.array(self._words, dtype)


def episode_rng(seed: int, environment: int, episode: int) -> np.random.Generator:
    """Randomness of one episode: depends on neither N, nor threads, nor earlier episodes."""
    key = _Key(seed, (environment << 32) + episode)
    return np.random.Generator(np.random.Philox(key))  # type: ignore[arg-type]

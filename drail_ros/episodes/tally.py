# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The one count of what episodes earned, how long they were and whether they succeeded.

Used wherever steps come in: evaluation, training's log, collection, one robot (N = 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drail_ros.sim.batch_sim import State, Step


@dataclass(frozen=True)
class FinishedEpisode:
    """One episode that ended."""

    environment: int
    """Which of the N environments it ran in."""
    total_reward: float
    """Its return: the sum of the task's own rewards."""
    length: int
    """Control steps."""
    success: bool
    """Whether its last step was a success."""


class EpisodeTally:
    """Sums up the episodes under way in N environments."""

    def __init__(self, num_envs: int) -> None:
        self._rewards = np.zeros(num_envs)
        self._lengths = np.zeros(num_envs, np.int64)

    def add(self, step: Step) -> list[FinishedEpisode]:
        """Take in one step of all N environments; return the episodes that it ended.

        They come in the order of their environments, of which each begins anew.
        """
        self._rewards += step.reward
        self._lengths += 1
        ended = np.flatnonzero(step.terminated | step.truncated)
        finished = [FinishedEpisode(int(i), float(self._rewards[i]), int(self._lengths[i]),
                                    bool(step.success[i])) for i in ended]
        self._rewards[ended] = 0.0
        self._lengths[ended] = 0
        return finished

    def reset(self) -> None:
        """Forget the episodes under way: every environment was reset."""
        self._rewards[:] = 0.0
        self._lengths[:] = 0

    def get_state(self) -> State:
        """Return a copy of the exact state, arrays ``[N]``."""
        return {'rewards': self._rewards.copy(), 'lengths': self._lengths.copy()}

    def set_state(self, state: State) -> None:
        """Continue from a state of as many environments."""
        self._rewards[:], self._lengths[:] = state['rewards'], state['lengths']

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""How the latest episodes of training went; part of a checkpoint, so that logs resume too."""

from __future__ import annotations

from collections import deque

import numpy as np

from drail_ros.episodes.tally import EpisodeTally
from drail_ros.sim.batch_sim import State, Step

_LATEST = 100


class EpisodeMeter:
    """Success of the latest episodes of N environments, or their return."""

    def __init__(self, num_envs: int, has_success: bool) -> None:
        self._has_success = has_success
        self._tally = EpisodeTally(num_envs)
        self._latest: deque[tuple[float, float]] = deque(maxlen=_LATEST)

    def add(self, step: Step) -> None:
        """Take in one step of all N environments."""
        self._latest += [(episode.total_reward, float(episode.success))
                         for episode in self._tally.add(step)]

    def metrics(self) -> dict[str, float]:
        """Return the mean to log; nothing before an episode ended."""
        if not self._latest:
            return {}
        returns, success = np.mean(self._latest, axis=0).tolist()
        return {'train/success_rate': success} if self._has_success else {'train/return': returns}

    def get_state(self) -> State:
        """Return a copy of the state: the tally's, and return and success of the latest."""
        return {**self._tally.get_state(),
                'latest': np.array(self._latest, np.float64).reshape(-1, 2)}

    def set_state(self, state: State) -> None:
        """Continue from a state of as many environments."""
        self._tally.set_state(state)
        self._latest.clear()
        self._latest.extend(map(tuple, state['latest'].tolist()))

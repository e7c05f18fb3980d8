# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""How often a policy succeeds, with a confidence interval, and what return it reaches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import math

import numpy as np

from drail_ros.episodes.tally import EpisodeTally, FinishedEpisode
from drail_ros.sim.batch_sim import BatchSim
from drail_ros.tasks.task import Array

EVALUATION_SEED = 1_000_003
"""Added to a run's seed, so that no episode of training is evaluated on."""
_Z95 = 1.959964


@dataclass(frozen=True)
class Evaluation:
    """Outcome of a number of episodes."""

    episodes: int
    successes: int
    mean_length: float
    has_success: bool
    """Whether the task knows success; where not, its return says how good a policy is."""
    returns: tuple[float, ...]
    """Sum of the task's own rewards in each episode."""

    @classmethod
    def of(cls, finished: Sequence[FinishedEpisode], has_success: bool) -> Evaluation:
        """Sum up the episodes that a tally gave, at least one."""
        steps = sum(episode.length for episode in finished)
        return cls(len(finished), sum(episode.success for episode in finished),
                   steps / len(finished), has_success,
                   tuple(episode.total_reward for episode in finished))

    @property
    def success_rate(self) -> float:
        """Share of episodes that succeeded."""
        return self.successes / self.episodes

    @property
    def mean_return(self) -> float:
        """Mean over episodes."""
        return float(np.mean(self.returns))

    @property
    def std_return(self) -> float:
        """Standard deviation over episodes."""
        return float(np.std(self.returns))

    @property
    def score(self) -> float:
        """What the best policy is chosen by: success rate, or mean return."""
        return self.success_rate if self.has_success else self.mean_return

    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the success rate (Wilson, 1927)."""
        return wilson_interval(self.successes, self.episodes)

    def __str__(self) -> str:
        """Return rate with interval, or return; count and length; in one line."""
        if not self.has_success:
            return (f'return {self.mean_return:.1f} ± {self.std_return:.1f} (std over episodes), '
                    f'{self.episodes} episodes of {self.mean_length:.1f} steps on average')
        low, high = self.interval()
        return (f'success {self.success_rate:.1%} (95% interval {low:.1%} to {high:.1%}), '
                f'{self.episodes} episodes of {self.mean_length:.1f} steps on average')


def wilson_interval(successes: int, episodes: int) -> tuple[float, float]:
    """95 % score interval (low, high) of the share ``successes`` of at least one ``episodes``."""
    rate, z2 = successes / episodes, _Z95 ** 2
    centre = rate + z2 / (2 * episodes)
    spread = _Z95 * math.sqrt(rate * (1 - rate) / episodes + z2 / (4 * episodes ** 2))
    scale = 1 + z2 / episodes
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)


def evaluate(sim: BatchSim, act: Callable[[Array], Array], episodes: int,
             seed: int) -> Evaluation:
    """Run at least ``episodes`` episodes from ``seed``; ``act`` maps ``[N, O]`` to ``[N, A]``.

    Where ``act`` remembers, its ``begin`` is told which environments ``[N]`` begin an episode.

    Every environment contributes its first episodes, equally many, so that short episodes do not
    count more often than long ones. The state of ``sim`` is lost.

    Raises:
        UserError: the simulator refuses an action, or cannot go on.

    """
    missing = np.full(sim.num_envs, -(-episodes // sim.num_envs))
    tally, counted = EpisodeTally(sim.num_envs), []
    begin = getattr(act, 'begin', lambda environments: None)
    begin(np.ones(sim.num_envs, bool))
    obs = sim.reset(seed)
    while missing.any():
        step = sim.step(act(obs))
        for episode in tally.add(step):
            if missing[episode.environment]:
                missing[episode.environment] -= 1
                counted.append(episode)
        begin(step.terminated | step.truncated)
        obs = step.obs
    return Evaluation.of(counted, sim.task.has_success)

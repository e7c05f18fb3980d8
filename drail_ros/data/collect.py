# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Collect demonstrations: an expert acts in simulators, episodes go to a dataset.

Which episodes are kept does not depend on how long they take: each environment contributes its
first successful episodes in order, and all environments equally many. Taking whichever finish
first would favour the easy, short ones. Noise levels take turns, so that the first n episodes of
a dataset (``Demonstrations.first``) cover them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
import os

import numpy as np

from drail_ros.data.demonstrations import Episode, Layout
from drail_ros.data.storage import DatasetWriter
from drail_ros.episodes.tally import EpisodeTally
from drail_ros.errors import UserError
from drail_ros.sim.batch_sim import BatchSim
from drail_ros.tasks.task import Array, Task

ENVIRONMENTS = 16
"""Environments of each noise level. Fixed, so that the first n episodes of a seed are the same
whatever the machine and however many episodes follow."""
_HOPELESS = 20
"""An expert that fails this often for each success, and as often before the first, is stopped."""

Expert = Callable[[Array, np.random.Generator], Array]
"""Observations ``[N, O]`` → normalised actions ``[N, A]``, float32."""


@dataclass(frozen=True)
class Level:
    """What became of the episodes of one noise level."""

    noise: float
    kept: int
    failed: int
    """Episodes without success that came before a kept one of the same environment."""
    returns: tuple[float, ...]
    """Sum of the task's true rewards of each episode kept; empty where the task has none."""

    @property
    def success_rate(self) -> float:
        """Successful share of the episodes tried."""
        return self.kept / max(self.kept + self.failed, 1)


@dataclass(frozen=True)
class Summary:
    """What a collection gave."""

    levels: tuple[Level, ...]
    transitions: int
    has_success: bool
    """Whether the task has success, without which an episode is not stored."""

    @property
    def episodes(self) -> int:
        """Episodes stored."""
        return sum(level.kept for level in self.levels)

    @property
    def failed(self) -> int:
        """Episodes without success, not stored."""
        return sum(level.failed for level in self.levels)

    def __str__(self) -> str:
        lines = [f'{self.episodes} episodes, {self.transitions} transitions stored'
                 + f'; {self.failed} episodes without success left out' * self.has_success]
        for level in self.levels:
            facts = [f'  noise {level.noise:g}x: {level.kept} stored']
            if self.has_success:
                facts.append(f'{level.failed} failed ({level.success_rate:.1%} success)')
            if level.returns:
                facts.append(f'return {np.mean(level.returns):.1f} ± {np.std(level.returns):.1f} '
                             '(std over episodes)')
            lines.append(', '.join(facts))
        return '\n'.join(lines)


def collect(task: Task, expert: Expert, path: str | os.PathLike[str], episodes: int,
            make_sim: Callable[[float, int], BatchSim], *, source: str = 'scripted expert',
            noise: Sequence[float] = (), seed: int = 0,
            progress: Callable[[int, int], None] | None = None) -> Summary:
    """Store ``episodes`` episodes of the expert in a new dataset.

    ``make_sim(noise, num_envs)`` makes a simulator of the task; ``source`` is noted in the
    episodes as who acted; ``noise`` are the levels, by default those of the task.
    ``progress(stored, episodes)`` is called after each episode stored.

    Raises:
        UserError: the dataset exists already, a level is out of range, the expert hardly ever
            succeeds, or the disk is full.

    """
    if episodes < 1:
        raise UserError('nothing to collect', found=f'{episodes} episodes', expected='>= 1')
    levels = sorted({*(noise or task.demonstrated_noise)})
    for level in levels:
        task.check_noise(level)
    with DatasetWriter(path, task) as writer:
        if writer.num_episodes:
            raise UserError(f'{path} holds demonstrations already',
                            found=f'{writer.num_episodes} episodes', expected='a new dataset',
                            do='choose another name, or delete it')
        queue = _InOrder(writer, episodes, progress)
        sims: list[BatchSim] = []
        try:
            sims += (make_sim(noise, ENVIRONMENTS) for noise in levels)
            lanes = [_Lane(sim, expert, source, noise, seed, index, len(levels), episodes)
                     for index, (sim, noise) in enumerate(zip(sims, levels))]
            while not queue.done:
                for lane in lanes:
                    if lane.kept < lane.wanted:
                        for number, episode in lane.advance():
                            queue.put(number, episode)
        finally:
            for sim in sims:
                sim.close()
        return Summary(tuple(lane.level() for lane in lanes), queue.transitions,
                       task.has_success)


class _InOrder:
    """Writes episodes in the order of their numbers, as far as they are complete."""

    def __init__(self, writer: DatasetWriter, total: int,
                 progress: Callable[[int, int], None] | None) -> None:
        self._writer, self._total, self._progress = writer, total, progress
        self._waiting: dict[int, Episode] = {}
        self.transitions = 0

    @property
    def done(self) -> bool:
        return self._writer.num_episodes == self._total

    def put(self, number: int, episode: Episode) -> None:
        self._waiting[number] = episode
        while self._writer.num_episodes in self._waiting:
            ready = self._waiting.pop(self._writer.num_episodes)
            self._writer.append(ready)
            self.transitions += len(ready)
            if self._progress:
                self._progress(self._writer.num_episodes, self._total)


class _Lane:
    """One noise level: its simulator, and the steps of the episode under way in each environment.

    With N environments and L levels, the k-th episode that environment i of level l contributes
    has number (k N + i) L + l.
    """

    def __init__(self, sim: BatchSim, expert: Expert, source: str, noise: float, seed: int,
                 index: int, num_levels: int, episodes: int) -> None:
        self.kept, self.failed = 0, 0
        self._expert, self._source, self._noise = expert, source, noise
        self.wanted = len(range(index, episodes, num_levels))
        self._task, self._sim, self._layout = sim.task, sim, Layout.of(sim.task)
        self._numbers = [iter(range(index + i * num_levels, episodes, ENVIRONMENTS * num_levels))
                         for i in range(ENVIRONMENTS)]
        self._number: list[int | None] = [next(numbers, None) for numbers in self._numbers]
        # A seed of its own: levels, and training with the same seed, must differ in more than
        # how far the same random numbers are stretched.
        sequence = np.random.SeedSequence([seed, index])
        self._obs = sim.reset(int(sequence.generate_state(1)[0]))
        self._rng = np.random.default_rng(sequence)
        self._rows: list[list[tuple[Array, ...]]] = [[] for _ in range(ENVIRONMENTS)]
        self._tally = EpisodeTally(ENVIRONMENTS)
        self._returns: list[float] = []

    def level(self) -> Level:
        """Return what became of the episodes so far."""
        return Level(self._noise, self.kept, self.failed,
                     tuple(self._returns) if self._task.reward else ())

    def advance(self) -> Iterator[tuple[int, Episode]]:
        """Take one control step and yield the numbered episodes that it completed.

        Raises:
            UserError: hardly any episode succeeds.

        """
        action = self._expert(self._obs, self._rng)
        step = self._sim.step(action)
        finished = {episode.environment: episode for episode in self._tally.add(step)}
        for i, row in enumerate(zip(self._obs, action, step.final_obs, step.terminated,
                                    step.truncated, step.success)):
            number = self._number[i]
            if number is None:
                continue
            self._rows[i].append(row)
            if i in finished:
                episode = self._to_learn_from(self._rows[i], finished[i].success)
                self._rows[i] = []
                if episode is None:
                    self.failed += 1
                    self._check_hope()
                else:
                    self.kept += 1
                    self._returns.append(finished[i].total_reward)
                    self._number[i] = next(self._numbers[i], None)
                    yield number, episode
        self._obs = step.obs

    def _to_learn_from(self, rows: Sequence[tuple[Array, ...]],
                       succeeded: bool) -> Episode | None:
        """Return the episode of these steps, or None where it is not one to learn from."""
        obs, action, next_obs, terminated, truncated, success = (
            np.stack(column) for column in zip(*rows))
        keep = np.arange(len(rows))
        if self._task.demonstrated:
            keep = np.flatnonzero(self._task.demonstrated(obs))
        if not keep.size or (self._task.has_success and not succeeded):
            return None
        return Episode(self._layout, obs[keep], action[keep], next_obs[keep], terminated[keep],
                       truncated[keep], success[keep], keep.astype(np.int64), self._noise,
                       self._source)

    def _check_hope(self) -> None:
        if self.failed > _HOPELESS * (self.kept + 1):
            raise UserError(
                f'the expert of task {self._task.name!r} hardly ever succeeds',
                found=f'{self.kept} of {self.kept + self.failed} episodes at noise level '
                f'{self._noise:g}', expected=self._task.success_help,
                do='collect at a lower noise level, or mend the expert')

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What collecting gives: the scripted experts' episodes, evenly from all environments."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_episodes import PUSH, SINE

from drail_ros.data.collect import collect, Summary
from drail_ros.data.demonstrations import Demonstrations
from drail_ros.data.storage import load
from drail_ros.errors import UserError
from drail_ros.sim.batch_sim import Step
from drail_ros.sim.make import make_sim
from drail_ros.tasks.task import Array, Task


def collected(path: Path, task: Task, episodes: int, threads: int = 1,
              **options: Any) -> tuple[Summary, Demonstrations]:
    summary = collect(task, task.expert, path, episodes, lambda noise, num_envs: make_sim(
        task, num_envs, noise, threads=threads), **options)
    return summary, load(path, task)


@pytest.fixture(scope='module')
def pushes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, Demonstrations]:
    return collected(tmp_path_factory.mktemp('push') / 'demos', PUSH, 24, noise=(1.25, 1.0))


def test_expert_pushes_end_in_success(pushes: tuple[Summary, Demonstrations]) -> None:
    summary, demos = pushes
    ends = demos.starts + demos.lengths - 1
    assert demos.num_episodes == summary.episodes == 24 and summary.transitions == len(demos)
    assert demos.success[ends].all() and demos.terminated[ends].all()
    assert demos.success.sum() == 24
    assert demos.noise == (1.0, 1.25) * 12
    assert [level.kept for level in summary.levels] == [12, 12] and summary.failed <= 2
    # Levels start differently, not as stretched copies of each other.
    blocks = demos.obs[demos.starts, 3]
    assert abs(np.corrcoef(blocks[0::2], blocks[1::2])[0, 1]) < 0.9


def test_the_task_says_how_widely_the_expert_demonstrates(tmp_path: Path) -> None:
    _, demos = collected(tmp_path / 'demos', PUSH, 5)
    assert set(demos.noise) == {1.0} and PUSH.default_noise == 1.5 and PUSH.demonstrations == 333


def test_sine_demonstrations_are_the_paper_s_pairs(tmp_path: Path) -> None:
    _, demos = collected(tmp_path / 'demos', SINE, 40)
    assert SINE.demonstrated and SINE.demonstrated(demos.obs).all()
    assert 1850 < len(demos) < 2150 and demos.num_episodes == 40
    error = demos.action - np.sin(0.2 * np.pi * demos.obs)
    inside = np.abs(demos.action) < 0.9
    assert abs(error[inside].std() - 0.05) < 0.005
    assert (np.diff(demos.step)[np.diff(demos.episode) == 0] > 1).any()


def test_same_seed_same_demonstrations_whatever_the_threads_and_the_number(
        tmp_path: Path, pushes: tuple[Summary, Demonstrations]) -> None:
    _, fewer = collected(tmp_path / 'a', PUSH, 10, threads=3, noise=(1.0, 1.25))
    assert fewer.content_hash() == pushes[1].first(10).content_hash()
    one, other = (collected(tmp_path / f'sine{seed}', SINE, 2, seed=seed)[1] for seed in (1, 2))
    assert one.content_hash() != other.content_hash()


class ScriptedSim:
    """Episodes of scripted lengths and outcomes; step k is paid k.

    Observation: (environment, episode) in one.
    """

    def __init__(self, num_envs: int, length: Any, succeeds: Any) -> None:
        self.task = SCRIPTED
        self._length, self._succeeds = length, succeeds
        self._episode, self._age = np.zeros(num_envs, int), np.zeros(num_envs, int)

    def reset(self, seed: int) -> Array:
        return self._observe()

    def step(self, actions: Array) -> Step:
        final_obs = self._observe()
        self._age += 1
        ended = np.array([age >= self._length(i, k)
                          for i, (k, age) in enumerate(zip(self._episode, self._age))])
        success = ended & np.array([bool(self._succeeds(i, k))
                                    for i, k in enumerate(self._episode)])
        reward = self._age.astype(np.float32)
        self._episode += ended
        self._age[ended] = 0
        return Step(self._observe(), final_obs, terminated=success, truncated=ended & ~success,
                    success=success, reward=reward)

    def close(self) -> None:
        pass

    def _observe(self) -> Array:
        return (np.arange(len(self._episode)) * 100 + self._episode)[:, None].astype(np.float32)


SCRIPTED = dataclasses.replace(SINE, name='scripted', demonstrated=None, success_help='ends well',
                               reward=lambda before, actions, after: actions[:, 0])


def test_failures_are_counted_and_long_episodes_not_crowded_out(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    summary = collect(SCRIPTED, SCRIPTED.expert, tmp_path, 32, lambda noise, n: ScriptedSim(
        n, length=lambda i, k: 50 if i % 2 else 2, succeeds=lambda i, k: i != 3 or k % 2),
        progress=lambda stored, total: told.append((stored, total)))
    demos = load(tmp_path)
    expected = [100 * i + k for k in (0, 1) for i in range(16)]
    expected[3], expected[16 + 3] = 301, 303
    assert demos.obs[demos.starts, 0].tolist() == expected
    assert (summary.levels[0].kept, summary.failed) == (32, 2)
    assert told == [(i + 1, 32) for i in range(32)]
    assert sorted(summary.levels[0].returns) == [3.0] * 16 + [1275.0] * 16
    assert '2 failed (94.1% success), return 639.0 ± 636.0' in str(summary)


def test_expert_that_never_succeeds_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='hardly ever succeeds'):
        collect(SCRIPTED, SCRIPTED.expert, tmp_path, 3, lambda noise, n: ScriptedSim(
            n, length=lambda i, k: 2, succeeds=lambda i, k: False))


@pytest.mark.parametrize(('task', 'options', 'complaint'), [
    pytest.param(PUSH, {'noise': (1.0, 9.0)}, 'out of range', id='noise'),
    pytest.param(SINE, {'episodes': 0}, 'nothing to collect', id='none'),
])
def test_impossible_collection_is_refused(tmp_path: Path, task: Task, options: dict[str, Any],
                                          complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        collected(tmp_path / 'demos', task, **{'episodes': 1, **options})
    assert not (tmp_path / 'demos').exists()


def test_collecting_twice_into_one_dataset_is_refused(tmp_path: Path) -> None:
    collected(tmp_path / 'demos', SINE, 1)
    with pytest.raises(UserError, match='holds demonstrations already'):
        collected(tmp_path / 'demos', SINE, 1)

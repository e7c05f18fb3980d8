# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""An evaluation counts each environment's first episodes, by hand-made numbers."""

from __future__ import annotations

import numpy as np
import pytest

from drail_ros import plugins
from drail_ros.episodes.evaluate import evaluate, Evaluation
from drail_ros.sim.make import make_sim
from drail_ros.tasks.task import Array, Field, Reading, Task


class Steps:
    """Readings: steps taken, and how many there are to be: 2 or 5 by the environment's chance."""

    def reset(self, ids: Array, rngs: list[np.random.Generator]) -> Array:
        return np.array([[0.0, rng.choice([2.0, 5.0])] for rng in rngs])

    def step(self, readings: Array, actions: Array) -> Array:
        return readings + [1.0, 0.0]


TASK = Task(
    name='steps', summary='', observation=(Field('steps', 1, ''), Field('last', 1, '')),
    command_fields=(Field('effort', 1, '', low=-1.0, high=1.0),), rate_hz=1.0, horizon=9,
    success_help='', readings=(Reading('steps', 2, '', '', '', ''),),
    observe=lambda readings: readings.astype(np.float32),
    succeeded=lambda readings: np.zeros(len(readings), bool),
    terminated=lambda readings: readings[:, 0] >= readings[:, 1],
    reward=lambda before, actions, after: 10.0 + actions[:, 0] + before[:, 0],
    dynamics=Steps())


def half_effort(obs: Array) -> Array:
    return np.full((len(obs), 1), 0.5, np.float32)


def test_return_is_the_sum_of_an_episode_s_rewards() -> None:
    """An episode of L steps is paid Σ (10 + 0.5 + k), k = 0 … L - 1."""
    result = evaluate(make_sim(TASK, 4, 1.0), half_effort, 10, 0)
    assert result.episodes == len(result.returns) == 12
    paid = {2 * 10.5 + 1: 2, 5 * 10.5 + 10: 5}
    assert set(result.returns) == set(paid), 'both lengths occur'
    assert result.mean_length == np.mean([paid[value] for value in result.returns])
    assert result.score == result.mean_return == pytest.approx(np.mean(result.returns))
    assert result.std_return == pytest.approx(np.std(result.returns))


@pytest.mark.parametrize(('has_success', 'score', 'text'), [
    pytest.param(True, 0.25, 'success 25.0% (95% interval 4.6% to 69.9%)', id='success'),
    pytest.param(False, 2.5, 'return 2.5 ± 1.5 (std over episodes)', id='return'),
])
def test_score_and_text_are_what_the_task_is_measured_by(has_success: bool, score: float,
                                                         text: str) -> None:
    result = Evaluation(4, 1, 7.5, has_success, returns=(1.0, 1.0, 4.0, 4.0))
    assert result.score == score
    assert str(result) == f'{text}, 4 episodes of 7.5 steps on average'


def test_success_is_the_reward_where_a_task_has_none() -> None:
    task = plugins.load(plugins.TASKS, 'fetch_push')
    rng = np.random.default_rng(0)
    result = evaluate(make_sim(task, 8, 1.0), lambda obs: task.expert(obs, rng), 8, 7)
    assert result.has_success and result.successes > 0
    assert result.mean_return == result.score == result.success_rate

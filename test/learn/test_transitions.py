# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Rows of transitions by name, and rollouts as an agent's steps in a known world make them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from drail_ros.data.demonstrations import Demonstrations, Episode, Layout
from drail_ros.learn.agents.agent import Rollout
from drail_ros.learn.train.online import Trainer
from drail_ros.learn.train.settings import make_run_settings, OnlineSettings
from drail_ros.learn.transitions import (
    input_size,
    INPUTS,
    inputs_of,
    joined,
    paired_minibatches,
    some_of,
    Transitions,
)
from drail_ros.sim.make import make_sim
from drail_ros.tasks.task import Array, Field, Reading, Task


def numbered(count: int, first: int = 0) -> Transitions:
    """Every column says its row and, by its hundreds, which column it is."""
    row = torch.arange(first, first + count, dtype=torch.float32)
    return Transitions(obs=row[:, None], action=100 + row[:, None], next_obs=200 + row[:, None],
                       terminated=row % 2 == 1, reward=300 + row, log_prob=400 + row)


def assert_rows(found: Transitions, expected: list[int]) -> None:
    row = torch.tensor(expected, dtype=torch.float32)
    assert torch.equal(found.obs[:, 0], row) and torch.equal(found.action[:, 0], 100 + row)
    assert torch.equal(found.next_obs[:, 0], 200 + row) and torch.equal(found.reward, 300 + row)
    assert torch.equal(found.terminated, row % 2 == 1)
    assert torch.equal(found.log_prob, 400 + row)


def test_rows_keep_their_columns() -> None:
    rows = numbered(5)
    assert_rows(rows[torch.tensor([3, 1])], [3, 1])
    assert_rows(rows[1:3], [1, 2])
    assert_rows(joined(rows, numbered(2, 7)), [0, 1, 2, 3, 4, 7, 8])
    for part, expected in zip(rows.split(2), ([0, 1], [2, 3], [4]), strict=True):
        assert_rows(part, expected)


def test_what_is_not_known_of_rows_is_no_end_and_zero() -> None:
    obs = torch.ones(3, 2)
    rows = Transitions.of(obs, obs[:, :1], obs + 1)
    assert rows.terminated.dtype == torch.bool and not rows.terminated.any()
    assert not rows.reward.any() and not rows.log_prob.any()
    known = Transitions.of(obs, obs[:, :1], obs, terminated=obs[:, 0] > 0, reward=obs[:, 1])
    assert known.terminated.all() and torch.equal(known.reward, torch.ones(3))


@pytest.mark.parametrize(('inputs', 'expected'), zip(INPUTS, ([1.0, 101.0], [1.0, 201.0], [1.0])))
def test_what_reward_models_see(inputs: str, expected: list[float]) -> None:
    seen = inputs_of(numbered(2), inputs)
    assert seen[1].tolist() == expected and input_size(inputs, 1, 1) == len(expected)


def test_some_rows_are_drawn_once_each() -> None:
    rows, random = numbered(100), torch.Generator().manual_seed(0)
    before = random.get_state()
    for all_of_them in (0, 100, 101):
        assert some_of(rows, all_of_them, random) is rows
    assert torch.equal(random.get_state(), before)
    drawn = [some_of(rows, 30, random).obs[:, 0].int().tolist() for _ in range(2)]
    assert all(len({*each}) == 30 and max(each) > 40 for each in drawn) and drawn[0] != drawn[1]


def test_fewer_rows_than_a_minibatch_are_one_minibatch() -> None:
    pairs = list(paired_minibatches(numbered(3), numbered(2), 64, 2, torch.Generator()))
    assert [(len(expert), len(agent)) for expert, agent in pairs] == [(2, 2), (2, 2)]


class Counting:
    """Readings: steps taken, and how many there are to be: 2 or 5 by the environment's chance."""

    def reset(self, ids: Array, rngs: list[np.random.Generator]) -> Array:
        return np.array([[0.0, rng.choice([2.0, 5.0])] for rng in rngs])

    def step(self, readings: Array, actions: Array) -> Array:
        return readings + [1.0, 0.0]


COUNTING = Task(
    name='counting', summary='', observation=(Field('steps', 1, ''), Field('last', 1, '')),
    command_fields=(Field('effort', 1, '', low=-1.0, high=1.0),), rate_hz=1.0, horizon=4,
    success_help='', readings=(Reading('steps', 2, '', '', '', ''),),
    observe=lambda readings: readings.astype(np.float32),
    succeeded=lambda readings: np.zeros(len(readings), bool),
    terminated=lambda readings: readings[:, 0] >= readings[:, 1],
    reward=lambda before, actions, after: 10.0 + actions[:, 0] + before[:, 0],
    dynamics=Counting())
"""Two steps to an end, or four to a time limit."""


def trainer_of(folder: Path, demonstrations: Demonstrations | None = None,
               **chosen: object) -> Trainer:
    run = make_run_settings({'task': 'hopper', 'algorithm': 'true_reward', 'agent': 'ppo',
                             'num_envs': 8, 'rollout_steps': 9, 'device': 'cpu',
                             'output_dir': str(folder / 'run'), **chosen})
    assert isinstance(run, OnlineSettings)
    return Trainer(make_sim(COUNTING, 8, 1.0), demonstrations, run, lambda step, metrics: None)


WITHOUT_VALUE = pytest.mark.parametrize(('terminations', 'time_limits', 'ends', 'time_outs'), [
    ('end', 'bootstrap', True, False), ('end', 'end', True, True),
    ('ignore', 'bootstrap', False, False), ('ignore', 'end', False, True)])


@WITHOUT_VALUE
@pytest.mark.parametrize('agent', ['ppo', 'sac'])
def test_a_rollout_says_what_was_done_and_what_came_of_it(
        agent: str, terminations: str, time_limits: str, ends: bool, time_outs: bool,
        tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path, agent=agent, terminations=terminations,
                         time_limits=time_limits)
    trainer.normaliser.update(torch.randn(100, 2, generator=torch.Generator().manual_seed(0)))
    done = trainer._collect(9, trainer.agent.act)
    count, last = done.obs.unbind(-1)
    assert done.obs.shape == (9, 8, 2) and {2.0, 5.0} == set(last.flatten().tolist())
    assert torch.equal(done.next_obs[..., 0], count + 1), 'the successor, not the next episode'
    assert torch.equal(done.next_obs[..., 1], last)
    over = count + 1 >= last
    out_of_time = ~over & (count + 1 >= 4)
    assert over.any() and out_of_time.any()
    assert torch.equal(done.terminated, (over & ends) | (out_of_time & time_outs))
    assert torch.equal(done.ended, over | out_of_time)
    assert done.ended.any() and not done.obs[1:][done.ended[:-1]][:, 0].any(), 'a new episode'
    executed = done.action[..., 0].clamp(-1, 1)
    assert torch.allclose(done.reward, 10 + executed + count)
    log_prob = trainer.agent.actor.log_prob(trainer.normaliser(done.obs.flatten(0, 1)),
                                            done.action.flatten(0, 1))
    assert torch.allclose(done.log_prob.flatten(), log_prob, atol=1e-5)


@WITHOUT_VALUE
def test_ends_of_demonstrations_count_as_the_agents_do(
        terminations: str, time_limits: str, ends: bool, time_outs: bool,
        tmp_path: Path) -> None:
    obs = np.arange(6, dtype=np.float32).reshape(3, 2)
    last = np.array([False, True])
    first, second = (Episode(
        Layout.of(COUNTING), obs[:2], np.zeros((2, 1), np.float32), obs[1:],
        terminated=last & ended, truncated=last & ~ended, success=last & False,
        step=np.arange(2)) for ended in (np.array([True]), np.array([False])))
    trainer = trainer_of(tmp_path, Demonstrations.join([first, second]), algorithm='gail',
                         terminations=terminations, time_limits=time_limits)
    assert trainer.teacher.expert().terminated.tolist() == [False, ends, False, time_outs]


def test_steps_are_stacked_by_name() -> None:
    columns = {field.name: torch.arange(2) + 10 * place
               for place, field in enumerate(dataclasses.fields(Rollout))}
    steps = [Rollout(**{name: column + 1000 * t for name, column in columns.items()})
             for t in range(3)]
    stacked = Rollout.stacked(steps)
    for name, column in columns.items():
        assert torch.equal(getattr(stacked, name), torch.stack([column, column + 1000,
                                                                column + 2000]))

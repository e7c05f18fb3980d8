# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Every simulator of every task keeps the promises of the BatchSim protocol."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from drail_ros import plugins
from drail_ros.errors import UserError
from drail_ros.sim.batch_sim import episode_rng, State, Step
from drail_ros.sim.episodes import EpisodicSim
from drail_ros.sim.make import make_sim
from drail_ros.tasks.task import Field, Reading, Task

TASKS = [plugins.load(plugins.TASKS, name) for name in plugins.names(plugins.TASKS)]
every_task = pytest.mark.parametrize('task', TASKS, ids=lambda t: t.name)


STEPS = 150


def short(task: Task) -> Task:
    """Return the task with episodes of at most 60 steps."""
    return dataclasses.replace(task, horizon=min(task.horizon, 60))


def random_actions(task: Task, steps: int, num_envs: int) -> np.ndarray:
    shape = steps, num_envs, task.action_size
    return np.random.default_rng(5).uniform(-1, 1, shape).astype(np.float32)


def roll(sim: EpisodicSim, actions: np.ndarray) -> list[Step]:
    return [sim.step(a) for a in actions]


def same(first: list[Step], second: list[Step]) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for a, b in zip(first, second)
               for name in (field.name for field in dataclasses.fields(Step)))


def rows(steps: list[Step], part: slice) -> list[Step]:
    return [Step(**{field.name: getattr(step, field.name)[part]
                    for field in dataclasses.fields(Step)}) for step in steps]


def equal_states(part: State, whole: State, rows: slice = slice(None)) -> bool:
    return part.keys() == whole.keys() and all(
        np.array_equal(array, whole[name][rows]) for name, array in part.items())


@every_task
def test_shapes_and_types(task: Task) -> None:
    sim = make_sim(task, 3, task.default_noise)
    obs = sim.reset(0)
    step = sim.step(np.zeros((3, task.action_size), np.float32))
    for array in (obs, step.obs, step.final_obs):
        assert array.shape == (3, task.observation_size) and array.dtype == np.float32
        assert np.isfinite(array).all()
    for flags in (step.terminated, step.truncated, step.success):
        assert flags.shape == (3,) and flags.dtype == bool
    assert step.reward.shape == (3,) and step.reward.dtype == np.float32
    assert np.isfinite(step.reward).all()


@every_task
@pytest.mark.parametrize('threads', [1, 2, 5])
def test_results_depend_neither_on_threads_nor_on_the_split(task: Task, threads: int) -> None:
    task = short(task)
    actions = random_actions(task, STEPS, 5)
    whole = make_sim(task, 5, task.default_noise, threads=1)
    first = whole.reset(3)
    steps = roll(whole, actions)
    for part in (slice(0, 5), slice(0, 2), slice(2, 5), slice(4, 5)):
        sim = make_sim(task, part.stop - part.start, task.default_noise, threads=threads,
                       first_env=part.start)
        assert np.array_equal(sim.reset(3), first[part])
        assert same(rows(steps, part), roll(sim, actions[:, part]))
        assert equal_states(sim.get_state(), whole.get_state(), part)


@every_task
def test_state_is_exact(task: Task) -> None:
    task = short(task)
    actions = random_actions(task, STEPS, 3)
    sim, other = (make_sim(task, 3, task.default_noise) for _ in range(2))
    sim.reset(1)
    obs = roll(sim, actions[:7])[-1].obs
    state = sim.get_state()
    kept = {name: array.copy() for name, array in state.items()}
    other.reset(9)
    assert np.array_equal(other.set_state(state), obs)
    steps = roll(sim, actions[7:])
    assert equal_states(state, kept), 'a state is a copy'
    assert same(steps, roll(other, actions[7:]))
    assert equal_states(sim.get_state(), other.get_state())
    assert all(array.shape[0] == 3 for array in state.values())
    # Part of a state continues as that part of the batch.
    part = make_sim(task, 2, task.default_noise, first_env=1)
    part.set_state({name: array[1:] for name, array in state.items()})
    assert same(rows(steps, slice(1, 3)), roll(part, actions[7:, 1:]))


@every_task
def test_what_was_returned_stays_as_it_is(task: Task) -> None:
    task = short(task)
    sim = make_sim(task, 2, task.default_noise)
    sim.reset(0)
    actions = random_actions(task, STEPS, 2)
    returned = [(step.obs, step.obs.copy(), sim.readings, sim.readings.copy())
                for step in map(sim.step, actions)]
    for obs, obs_then, readings, readings_then in returned:
        assert np.array_equal(obs, obs_then) and np.array_equal(readings, readings_then)


@every_task
def test_time_limit_resets_in_the_same_step(task: Task) -> None:
    task = dataclasses.replace(short(task), terminated=None)
    sim = make_sim(task, 2, task.default_noise)
    sim.reset(0)
    steps = roll(sim, np.zeros((task.horizon, 2, task.action_size), np.float32))
    assert not any(s.truncated.any() for s in steps[:-1])
    assert steps[-1].truncated.all() and not steps[-1].terminated.any()
    assert not np.array_equal(steps[-1].obs, steps[-1].final_obs)
    assert np.array_equal(steps[0].obs, steps[0].final_obs)


@every_task
def test_what_was_reached_is_known_after_the_reset(task: Task) -> None:
    sim = make_sim(task, 5, task.default_noise)
    sim.reset(0)
    rng = np.random.default_rng(0)
    ends = 0
    for _ in range(min(task.horizon, 70)):
        step = sim.step(rng.uniform(-1, 1, (5, task.action_size)).astype(np.float32))
        assert np.array_equal(task.observe(sim.reached), step.final_obs)
        assert np.array_equal(task.observe(sim.readings), step.obs)
        ends += (step.terminated | step.truncated).sum()
    assert ends or task.horizon > 70


@every_task
def test_an_episode_ends_once_and_for_a_reason(task: Task) -> None:
    task = short(task)
    sim = make_sim(task, 4, task.default_noise)
    sim.reset(0)
    for step in roll(sim, random_actions(task, STEPS, 4)):
        assert not (step.terminated & step.truncated).any()
        assert not (step.success & ~step.terminated).any()
        ended = step.terminated | step.truncated
        assert np.array_equal(step.obs[~ended], step.final_obs[~ended])
        if task.reward is None:
            assert np.array_equal(step.reward, step.success)


@every_task
def test_seeds_and_episodes_differ(task: Task) -> None:
    sim = make_sim(task, 2, task.default_noise)
    first, second = sim.reset(0), sim.reset(1)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


class Walk:
    """A place on a line, moved by the action."""

    def reset(self, ids: np.ndarray, rngs: list[np.random.Generator]) -> np.ndarray:
        return np.array([[rng.integers(0, 2)] for rng in rngs], float)

    def step(self, readings: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return readings + actions


WALK = Task(
    name='walk', summary='', observation=(Field('place', 1, 'm'),),
    command_fields=(Field('stride', 1, 'm', low=-1.0, high=1.0),), rate_hz=1.0, horizon=3,
    success_help='at 2 m', readings=(Reading('place', 1, 'm', '', '', ''),),
    observe=lambda readings: readings.astype(np.float32),
    succeeded=lambda readings: readings[:, 0] >= 2.0,
    terminated=lambda readings: readings[:, 0] <= -1.0,
    reward=lambda before, actions, after: 10 * (after - before)[:, 0] - actions[:, 0] ** 2,
    dynamics=Walk())


@pytest.mark.parametrize(('stride', 'ends'), [
    pytest.param(-1.0, 'terminated', id='failed'),
    pytest.param(0.25, 'truncated', id='time'),
    pytest.param(3.0, 'success', id='succeeded'),
    pytest.param(-1 / 3, 'terminated', id='failed at the limit'),
])
def test_reward_and_ends_by_hand(stride: float, ends: str) -> None:
    sim = make_sim(WALK, 1, 1.0)
    sim.reset(0)
    sim.set_state({**sim.get_state(), 'readings': np.zeros((1, 1))})
    step = sim.step(np.full((1, 1), stride, np.float32))
    taken = np.clip(stride, -1.0, 1.0)
    while not (step.terminated | step.truncated)[0]:
        assert step.reward[0] == pytest.approx(10 * taken - taken ** 2)
        step = sim.step(np.full((1, 1), stride, np.float32))
    # The last reward is of the move, not of the jump to the next start.
    assert step.reward[0] == pytest.approx(10 * taken - taken ** 2)
    assert (step.terminated[0], step.truncated[0], step.success[0]) == (
        ends != 'truncated', ends == 'truncated', ends == 'success')


@pytest.mark.parametrize(('actions', 'message'), [
    pytest.param(np.full((2, 3), np.nan, np.float32), 'not finite', id='nan'),
    pytest.param(np.zeros((2, 4), np.float32), 'wrong shape', id='shape'),
])
def test_bad_actions_are_refused(actions: np.ndarray, message: str) -> None:
    task = plugins.load(plugins.TASKS, 'fetch_push')
    sim = make_sim(task, 2, 1.0)
    sim.reset(0)
    with pytest.raises(UserError, match=message):
        sim.step(actions)


def test_an_episode_is_drawn_from_a_philox_generator_of_its_own() -> None:
    drawn = episode_rng(7, 3, 2).random(8)
    assert np.array_equal(drawn, np.random.Generator(
        np.random.Philox(key=[7, 3 * 2 ** 32 + 2])).random(8))
    assert not np.array_equal(drawn, episode_rng(7, 2, 3).random(8))


def test_a_simulator_without_environments_is_refused() -> None:
    with pytest.raises(UserError, match='needs environments'):
        make_sim(WALK, 0, 1.0)


def test_readings_that_are_not_finite_are_refused() -> None:
    class Lost(Walk):

        def step(self, readings: np.ndarray, actions: np.ndarray) -> np.ndarray:
            return np.where(actions > 0, np.nan, readings)

    sim = make_sim(dataclasses.replace(WALK, dynamics=Lost()), 3, 1.0, first_env=7)
    before = sim.reset(0)
    with pytest.raises(UserError, match=r'sensor readings are not finite\n.*\[8\]'):
        sim.step(np.array([[0], [1], [0]], np.float32))
    assert np.array_equal(sim.readings, before), 'the last sound ones are kept'

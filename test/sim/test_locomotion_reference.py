# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Planar robots move, are paid and end as Gymnasium's own environments do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gymnasium
from mujoco.batch import Batch
import numpy as np
import pytest

from drail_ros import plugins
from drail_ros.sim.make import make_sim
from drail_ros.sim.mujoco_sim import MujocoSim
from drail_ros.tasks.task import Task

NAMES = {'hopper': 'Hopper-v5', 'walker2d': 'Walker2d-v5', 'half_cheetah': 'HalfCheetah-v5'}
STEPS = 1000
"""One episode of a robot that cannot fall."""
ROUNDING = 1e-7
"""Of a float32; both sides compute in float64."""
Pair = tuple[Task, MujocoSim, gymnasium.Env]


@pytest.fixture(params=NAMES)
def pair(request: pytest.FixtureRequest, tmp_path: Path,
         monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """Yield a task, its simulator of one environment, and Gymnasium's environment."""
    monkeypatch.chdir(tmp_path)  # MuJoCo writes notices on Gymnasium's models where it stands
    task = plugins.load(plugins.TASKS, request.param)
    sim = make_sim(task, 1, 1.0)
    theirs = gymnasium.make(NAMES[request.param], disable_env_checker=True)
    yield task, sim, theirs
    sim.close()
    theirs.close()


def test_settings_agree(pair: Pair) -> None:
    task, sim, theirs = pair
    model = task.load_model()
    assert 1 / task.rate_hz == pytest.approx(theirs.unwrapped.dt, rel=1e-12)
    assert model.opt.timestep * task.substeps == pytest.approx(theirs.unwrapped.dt, rel=1e-12)
    assert task.horizon == theirs.spec.max_episode_steps
    assert task.observation_size == theirs.observation_space.shape[0]
    assert np.array_equal(task.command_limits(),
                          (theirs.action_space.low, theirs.action_space.high))
    torques = [f'share of {gear:g} N m' for gear in model.actuator_gear[:, 0]]
    assert [field.help for field in task.command_fields] == torques
    actuated = [model.joint(joint).name for joint in model.actuator_trnid[:, 0]]
    names = [field.name.removesuffix('_torque') for field in task.command_fields]
    assert [name.removesuffix('_joint') for name in actuated] == names
    joints = [model.joint(i).name for i in range(model.njnt)]
    positions = [reading.part for reading in task.readings if 'velocity' not in reading.part]
    velocities = [reading.part for reading in task.readings if 'velocity' in reading.part]
    assert ','.join(positions).split(',') == joints
    assert velocities == [f'velocity of {part}' for part in positions]


def test_models_agree(pair: Pair) -> None:
    ours, theirs = pair[0].load_model(), pair[2].unwrapped.model
    for name in ('body_mass', 'body_inertia', 'body_ipos', 'dof_damping', 'dof_armature',
                 'dof_invweight0', 'body_invweight0', 'jnt_range', 'jnt_stiffness',
                 'geom_friction', 'geom_size', 'qpos0'):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name


def test_starts_agree(pair: Pair) -> None:
    """The same random numbers give the same start."""
    task, _, theirs = pair
    dynamics = task.physics(Batch(task.load_model(), 1), 1.0)
    for seed in range(5):
        expected, _ = theirs.reset(seed=seed)
        rng = np.random.Generator(np.random.PCG64(seed))
        readings = dynamics.reset(np.zeros(1, int), [rng])
        assert np.abs(task.observe(readings)[0] - expected).max() < ROUNDING


@pytest.mark.parametrize('strength', [0.3, 1.0])
def test_trajectories_agree(pair: Pair, strength: float) -> None:
    """From the same positions and velocities, under the same actions, to the end."""
    task, sim, theirs = pair
    rng = np.random.default_rng(0)
    half = task.reading_size // 2
    steps = episodes = failed = 0
    largest = {'observation': 0.0, 'reward': 0.0}
    while steps < STEPS:
        sim.reset(episodes)
        theirs.reset(seed=episodes)
        theirs.unwrapped.set_state(sim.readings[0, :half], sim.readings[0, half:])
        ended = False
        while not ended and steps < STEPS:
            action = rng.uniform(-strength, strength, task.action_size).astype(np.float32)
            step = sim.step(action[None])
            obs, reward, terminated, truncated, _ = theirs.step(action)
            scale = np.maximum(np.abs(obs), 1.0)
            largest['observation'] = max(largest['observation'],
                                         (np.abs(step.final_obs[0] - obs) / scale).max())
            largest['reward'] = max(largest['reward'],
                                    abs(step.reward[0] - reward) / max(abs(reward), 1.0))
            assert (step.terminated[0], step.truncated[0]) == (terminated, truncated)
            ended = terminated or truncated
            steps += 1
        episodes += 1
        failed += terminated
    assert max(largest.values()) < ROUNDING
    assert (failed > 0) == (task.terminated is not None)
    assert (truncated and episodes == 1) == (task.terminated is None)

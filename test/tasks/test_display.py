# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""How tasks are shown: whatever is put into the model is what was read."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from drail_ros import plugins
from drail_ros.sim.make import make_sim
from drail_ros.tasks import fetch_push
from drail_ros.tasks.task import Array, Task

TASKS = [task for name in plugins.names(plugins.TASKS)
         if (task := plugins.load(plugins.TASKS, name)).display]
NOTHING_TO_SEE_M = 1e-3


def seen(task: Task, steps: int = 12, noise: float = 0.0) -> tuple[Array, Array]:
    """Return readings ``[S, R]`` and observations ``[S, O]`` of one robot that moves at random."""
    sim, rng = make_sim(task, 1, noise or task.default_noise, threads=1), np.random.default_rng(0)
    obs, readings = [sim.reset(0)[0]], [sim.readings[0].copy()]
    for _ in range(steps):
        obs.append(sim.step(rng.uniform(-1, 1, (1, task.action_size))).final_obs[0])
        readings.append(sim.readings[0].copy())
    return np.array(readings), np.array(obs)


@pytest.mark.parametrize('task', TASKS, ids=lambda task: task.name)
def test_readings_of_observations_are_observed_as_these(task: Task) -> None:
    _, obs = seen(task)
    assert task.display
    readings = task.display.readings(obs)
    assert readings.shape == (len(obs), task.reading_size) and readings.dtype == np.float64
    np.testing.assert_allclose(task.observe(readings), obs, atol=1e-6)


@pytest.mark.parametrize('task', TASKS, ids=lambda task: task.name)
def test_a_pose_depends_on_the_readings_alone(task: Task) -> None:
    assert task.display and task.load_model
    readings, _ = seen(task)
    model = task.load_model()
    used, fresh = mujoco.MjData(model), mujoco.MjData(model)
    for row in readings:
        task.display.pose(model, used, row)
    task.display.pose(model, fresh, readings[-1])
    np.testing.assert_array_equal(used.qpos, fresh.qpos)
    assert (used.qpos != mujoco.MjData(model).qpos).any()


@pytest.mark.parametrize('task', TASKS, ids=lambda task: task.name)
def test_marks_are_positions_and_all_that_is_named_exists(task: Task) -> None:
    assert task.display and task.load_model
    model = task.load_model()
    for mark in task.display.marks:
        columns = task.reading_columns(mark.reading)
        assert columns.stop - columns.start == 3
    for site in task.display.hidden_sites:
        model.site(site)
    if task.display.camera.follows:
        model.body(task.display.camera.follows)


@pytest.mark.parametrize('noise', fetch_push.TASK.noise_levels)
def test_the_arm_reaches_where_the_gripper_was_read(noise: float) -> None:
    model = fetch_push.load_model()
    data = mujoco.MjData(model)
    readings, _ = seen(fetch_push.TASK, noise=noise)
    for row in readings:
        fetch_push.pose(model, data, row)
        mujoco.mj_kinematics(model, data)
        assert np.linalg.norm(data.site('robot0:grip').xpos - row[:3]) < NOTHING_TO_SEE_M
        assert np.linalg.norm(data.body('object0').xpos - row[3:6]) < 1e-9
        np.testing.assert_allclose(data.body('object0').xquat[[1, 2, 3, 0]], row[6:10], atol=1e-9)


def test_a_runner_goes_as_far_as_its_velocity_says() -> None:
    task = plugins.load(plugins.TASKS, 'half_cheetah')
    readings, obs = seen(task, steps=40)
    x = task.display.readings(obs)[:, 0]
    travelled = readings[:, 0] - readings[0, 0]
    assert x[0] == 0.0
    assert np.abs(x - travelled).max() < 0.25 * np.ptp(travelled) + 0.1

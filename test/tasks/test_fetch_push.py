# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""FetchPush: starts, what its sensors say, success and the scripted expert."""

from __future__ import annotations

import numpy as np
import pytest

from drail_ros.episodes.evaluate import evaluate
from drail_ros.errors import UserError
from drail_ros.sim.make import make_sim
from drail_ros.tasks.fetch_push import FINGER_JOINTS, TASK


def test_noise_outside_the_levels_is_refused() -> None:
    with pytest.raises(UserError, match='noise level'):
        make_sim(TASK, 1, 3.0)


def test_noise_scales_the_start_boxes() -> None:
    """Starts fill the boxes and do not leave them (the gripper drifts by under 1 mm)."""
    for noise in (1.0, 2.0):
        obs = make_sim(TASK, 200, noise).reset(0).astype(float)
        gripper, block, goal = obs[:, 0:2], obs[:, 3:5], obs[:, 13:15]
        for place, side in ((block - gripper, 1), (goal - gripper, -1)):
            assert np.abs(place[:, 0]).max() <= 0.05 * noise + 1e-3
            assert np.abs(place[:, 0]).max() > 0.045 * noise
            beyond = side * place[:, 1] - 0.10
            assert beyond.min() >= -1e-3 and beyond.max() <= 0.04 * noise + 1e-3
            assert beyond.max() > 0.036 * noise


def test_the_scripted_expert_pushes() -> None:
    for noise in TASK.noise_levels:
        rng = np.random.default_rng(0)
        result = evaluate(make_sim(TASK, 32, noise), lambda obs, r=rng: TASK.expert(obs, r), 64, 7)
        assert result.success_rate >= 0.98


def test_an_episode_begins_with_the_arm_at_rest_over_the_table() -> None:
    sim = make_sim(TASK, 4, 1.5)
    obs = sim.reset(0)
    assert sim.readings[:, 0:3] == pytest.approx(np.tile([1.363, 0.749, 0.416], (4, 1)), abs=1e-3)
    assert obs[:, 5] == pytest.approx(0.425, abs=1e-3), 'blocks lie on the table'
    assert np.array_equal(obs[:, 5], obs[:, 15]), 'and so do goals'
    assert sim.readings[:, 6:10] == pytest.approx(np.tile([0.0, 0.0, 0.0, 1.0], (4, 1)), abs=1e-9)
    assert np.abs(obs[:, 9:11]).max() < 2e-3, 'the gripper is shut'
    idle = np.zeros((4, TASK.action_size), np.float32)
    still = np.array([sim.step(idle).obs for _ in range(10)])
    assert np.abs(still[:, :, 0:3] - obs[:, 0:3]).max() < 5e-3
    assert np.abs(still[:, :, 3:5] - obs[:, 3:5]).max() < 1e-4
    assert not still[:, :, 9:11].any(), 'it is held shut'


@pytest.mark.parametrize('action', [(1, 0, 0), (0, -1, 0), (0, 0, 1)])
def test_the_gripper_follows_the_action(action: tuple[int, int, int]) -> None:
    sim = make_sim(TASK, 1, 1.0)
    before = sim.reset(0)[0, 0:3]
    for _ in range(5):
        obs = sim.step(np.array([action], np.float32)).obs
    moved, wanted = obs[0, 0:3] - before, np.array(action)
    assert moved @ wanted > 0.05
    assert np.abs(moved - (moved @ wanted) * wanted).max() < 0.02


def test_readings_are_of_the_present_state() -> None:
    """Of the state after the last physics step, at a start and after a saved state is loaded."""
    sim = make_sim(TASK, 3, 1.5)
    rng = np.random.default_rng(0)
    obs = sim.reset(0)
    for step in range(70):
        if step % 10 == 9:
            sim.set_state(sim.get_state())
        for environment, row in enumerate(sim.readings):
            data = sim.get_data(environment)
            quaternion = data.body('object0').xquat
            expected = [*data.site('robot0:grip').xpos, *data.site('object0').xpos,
                        *quaternion[1:], quaternion[0],
                        *(data.joint(name).qpos[0] for name in FINGER_JOINTS)]
            assert np.array_equal(row[:12], expected)
        obs = sim.step(TASK.expert(obs, rng)).obs


def test_a_picture_can_be_filled_in_again() -> None:
    sim = make_sim(TASK, 2, 1.5)
    sim.reset(0)
    data = sim.get_data(0)
    again = sim.get_data(1, data)
    assert again is data
    assert np.array_equal(data.site('object0').xpos, sim.readings[1, 3:6])
    assert data.ncon > 0, 'contacts are there too: the block lies on the table'


@pytest.mark.parametrize(('distance_m', 'succeeds'), [(0.0, True), (0.0499, True),
                                                      (0.0501, False), (0.3, False)])
def test_success_is_to_be_within_5_cm(distance_m: float, succeeds: bool) -> None:
    readings = np.zeros((3, TASK.reading_size))
    readings[:, 3:6] = 1.3, 0.7, 0.42
    readings[:, 12:15] = readings[:, 3:6] + distance_m * np.array(
        [(1, 0, 0), (0.6, -0.8, 0), (0, 0.6, 0.8)])
    assert (TASK.succeeded(readings) == succeeds).all()

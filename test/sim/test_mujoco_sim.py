# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A simulation that fails is named, and no NaN goes on unnoticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drail_ros import plugins
from drail_ros.errors import UserError
from drail_ros.sim.make import make_sim
from drail_ros.sim.mujoco_sim import MujocoSim

ENVIRONMENTS, BAD = 4, 2


@pytest.fixture(params=['fetch_push', 'hopper'])
def sim(request: pytest.FixtureRequest, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> MujocoSim:
    """Environments 10 to 13 of a task, some steps into their episodes."""
    monkeypatch.chdir(tmp_path)  # MuJoCo writes what it warns of to a file where it stands
    sim = make_sim(plugins.load(plugins.TASKS, request.param), ENVIRONMENTS, 1.0, first_env=10)
    sim.reset(3)
    for _ in range(3):
        sim.step(idle(sim))
    return sim


def idle(sim: MujocoSim) -> np.ndarray:
    return np.zeros((ENVIRONMENTS, sim.task.action_size), np.float32)


@pytest.mark.parametrize(('field', 'value', 'reason'), [
    pytest.param('qpos', np.nan, 'QPOS at DOF 1', id='position'),
    pytest.param('qvel', np.inf, 'QVEL at DOF 1', id='velocity'),
    pytest.param('qvel', 1e12, 'QVEL at DOF 1', id='huge'),
    pytest.param('qfrc_applied', 1e13, 'QACC', id='acceleration'),
])
def test_bad_numbers_are_refused(sim: MujocoSim, field: str, value: float, reason: str) -> None:
    getattr(sim.batch, field)[BAD, 1] = value
    with pytest.raises(UserError) as error:
        sim.step(idle(sim))
    message = str(error.value)
    assert 'physics failed' in message and reason in message
    assert '[12]' in message and '(seed 3, episode 0, step 4 of the first)' in message


def test_bad_numbers_in_a_loaded_state_are_refused(sim: MujocoSim) -> None:
    state = sim.get_state()
    state['physics'][1:, 3] = np.nan
    with pytest.raises(UserError, match=r'environments \[11, 12, 13\]'):
        sim.set_state(state)


@pytest.mark.parametrize('sim', ['fetch_push'], indirect=True)
def test_an_error_of_mujoco_names_the_environment(sim: MujocoSim) -> None:
    sim.batch.expand('eq_type')[BAD] = 99  # no such type of equality constraint
    with pytest.raises(UserError, match=r'physics failed\n.*\[12\]'):
        sim.step(idle(sim))
    with pytest.raises(UserError, match=r'physics failed\n.*\[12\]'):
        sim.reset(0)


@pytest.mark.parametrize('again', ['reset', 'set_state'])
def test_after_a_failure_all_is_as_new(sim: MujocoSim, again: str) -> None:
    """What went wrong leaves no trace in what begins anew."""
    state = sim.get_state()
    sim.batch.qvel[BAD, 0] = np.nan
    with pytest.raises(UserError):
        sim.step(idle(sim))
    other = make_sim(sim.task, ENVIRONMENTS, 1.0, first_env=10)
    for one in (sim, other):
        if again == 'reset':
            one.reset(3)
        else:
            one.set_state(state)
    for _ in range(5):
        assert np.array_equal(sim.step(idle(sim)).obs, other.step(idle(other)).obs)
    assert np.array_equal(sim.get_state()['physics'], other.get_state()['physics'])


def test_a_failure_of_many_names_some(sim: MujocoSim) -> None:
    many = make_sim(sim.task, 50, 1.0)
    many.reset(0)
    many.batch.qvel[:, 0] = np.nan
    with pytest.raises(UserError, match=r'\[0, 1, 2, 3, 4, 5, 6, 7\] and 42 more'):
        many.step(np.zeros((50, sim.task.action_size), np.float32))

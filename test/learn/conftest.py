# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Demonstrations of tasks, small and quickly made."""

from __future__ import annotations

import numpy as np
import pytest

from drail_ros.data.demonstrations import Demonstrations, Episode, Layout
from drail_ros.sim.make import make_sim
from drail_ros.tasks.fetch_push import TASK as FETCH_PUSH
from drail_ros.tasks.point_reach import TASK as POINT_REACH
from drail_ros.tasks.task import Task


def scripted(task: Task, episodes: int) -> Demonstrations:
    """First episode of each of so many environments, by the scripted expert."""
    rng = np.random.default_rng(0)
    sim = make_sim(task, episodes, task.demonstrated_noise[0])
    obs = sim.reset(0)
    rows: list[list[tuple]] = [[] for _ in range(episodes)]
    open_ = np.ones(episodes, bool)
    while open_.any():
        action = task.expert(obs, rng)
        step = sim.step(action)
        for i in np.flatnonzero(open_):
            rows[i].append((obs[i], action[i], step.final_obs[i], step.terminated[i],
                            step.truncated[i], step.success[i], len(rows[i])))
        open_ &= ~(step.terminated | step.truncated)
        obs = step.obs
    columns = [[np.stack(column) for column in zip(*episode)] for episode in rows]
    return Demonstrations.join([Episode(Layout.of(task), *episode) for episode in columns])


@pytest.fixture(scope='session')
def fetch_push_demonstrations() -> Demonstrations:
    """Twenty episodes of fetch_push."""
    return scripted(FETCH_PUSH, 20)


@pytest.fixture(scope='session')
def point_reach_demonstrations() -> Demonstrations:
    """Fifty episodes of point_reach."""
    return scripted(POINT_REACH, 50)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Choose the simulator of a task."""

from __future__ import annotations

from drail_ros.errors import UserError
from drail_ros.sim.episodes import EpisodicSim
from drail_ros.sim.mujoco_sim import MujocoSim
from drail_ros.tasks.task import Task


def make_sim(task: Task, num_envs: int, noise: float, *, threads: int = 0,
             first_env: int = 0) -> EpisodicSim:
    """Return a simulator in this process of ``num_envs`` environments of the task.

    Raises:
        UserError: there are no environments, or the noise level lies outside the task's.

    """
    if num_envs < 1:
        raise UserError('a simulator needs environments', found=num_envs, expected='>= 1')
    task.check_noise(noise)
    if task.dynamics is not None:
        return EpisodicSim(task, task.dynamics, num_envs, first_env)
    return MujocoSim(task, num_envs, noise, threads, first_env)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A point mass in a maze: physics so cheap that all around them counts. Only for measuring.

The point of Gymnasium-Robotics' PointMaze, pushed by a force along x and y, one physics step of
10 ms in a control step, in a maze of 8 x 8 cells of 1 m. Episodes begin in one empty cell and end
near the middle of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import mujoco
from mujoco.batch import Batch
import numpy as np

from drail_ros.tasks.model_files import model_file
from drail_ros.tasks.task import Array, Field, Reading, Task, VELOCITY

MAZE = np.array([[cell == '#' for cell in row] for row in (
    '########',
    '#  #   #',
    '#  # # #',
    '##     #',
    '#  #  ##',
    '# ## # #',
    '#      #',
    '########')])
WALL_HEIGHT_M = 0.4
LARGEST_MPS = 5.0
SUCCESS_DISTANCE_M = 0.45
START_NOISE_M = 0.25

_POSITION, _GOAL = slice(0, 2), slice(4, 6)
_CELLS = np.argwhere(~MAZE) - (np.array(MAZE.shape) - 1) / 2
"""Middles of the empty cells."""


@lru_cache(maxsize=1)
def load_model() -> mujoco.MjModel:
    """Return the point's model with walls around it."""
    spec = mujoco.MjSpec.from_file(
        str(model_file('gymnasium_robotics', 'envs', 'assets', 'point', 'point.xml')))
    for x, y in np.argwhere(MAZE) - (np.array(MAZE.shape) - 1) / 2:
        spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, pos=[x, y, WALL_HEIGHT_M / 2],
                                size=[0.5, 0.5, WALL_HEIGHT_M / 2], contype=1, conaffinity=1)
    return spec.compile()


class PointMaze:

    def __init__(self, batch: Batch, noise: float) -> None:
        self._batch, self._noise = batch, noise
        self._position, self._velocity, self._force = batch.qpos, batch.qvel, batch.ctrl

    def reset(self, ids: Array, rngs: Sequence[np.random.Generator]) -> Array:
        self._batch.reset(ids, stage=mujoco.mjtStage.mjSTAGE_NONE)
        cells = _CELLS[[rng.choice(len(_CELLS), 2, replace=False) for rng in rngs]]
        offsets = [rng.uniform(-START_NOISE_M, START_NOISE_M, (2, 2)) for rng in rngs]
        start, goal = np.moveaxis(cells + self._noise * np.array(offsets), 1, 0)
        self._position[ids] = start
        return np.concatenate([start, np.zeros_like(start), goal], axis=1)

    def step(self, readings: Array, actions: Array) -> Array:
        self._velocity[:] = np.clip(self._velocity, -LARGEST_MPS, LARGEST_MPS)
        self._force[:] = actions
        self._batch.step()
        return np.concatenate([self._position, self._velocity, readings[:, _GOAL]], axis=1)


def distance_m(readings: Array) -> Array:
    offset = readings[:, _POSITION] - readings[:, _GOAL]
    return np.sqrt((offset * offset).sum(axis=1))


_MESSAGE = 'sensor_msgs/msg/JointState'

TASK = Task(
    name='point_maze',
    summary='A point mass finds its way through a maze.',
    observation=(Field('position', 2, 'm'), Field('velocity', 2, 'm/s'), Field('goal', 2, 'm')),
    command_fields=(Field('force', 2, '', low=-1.0, high=1.0, help='share of 100 N'),),
    rate_hz=100.0,
    horizon=600,
    success_help=f'within {SUCCESS_DISTANCE_M} m of the goal',
    readings=(
        Reading('position', 2, 'm', 'joint_states', _MESSAGE, 'ball_x,ball_y'),
        Reading('velocity', 2, 'm/s', 'joint_states', _MESSAGE, VELOCITY + 'ball_x,ball_y'),
        Reading('goal', 2, 'm', 'goal_pose', 'geometry_msgs/msg/PoseStamped', 'position'),
    ),
    observe=lambda readings: readings.astype(np.float32),
    succeeded=lambda readings: distance_m(readings) < SUCCESS_DISTANCE_M,
    load_model=load_model,
    physics=PointMaze,
)

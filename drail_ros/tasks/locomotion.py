# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What Gymnasium's planar robots have in common: run forward in the plane of x and z.

Positions q and velocities v begin with the torso's x, z and pitch, the joints follow. With c the
controls (torques as shares of the largest) and Δ the time of a control step, the reward is

    r = (x' - x) / Δ - w ‖c‖² + [healthy(q', v')]

where robots that cannot fall have no last term. An episode ends when the robot is not healthy.
Models, constants and starts are those of Gymnasium's v5 environments with default arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from drail_ros.tasks.display import Camera, Display
from drail_ros.tasks.model_files import model_file
from drail_ros.tasks.task import Array, Field, Reading, Task, VELOCITY

if TYPE_CHECKING:
    from mujoco.batch import Batch

ROOT_JOINTS = ('rootx', 'rootz', 'rooty')
HEIGHT, PITCH = 1, 2
"""Columns of the readings."""
HORIZON = 1000

Draw = Callable[[np.random.Generator, int], Array]
"""So many random numbers of unit size."""


def uniform(rng: np.random.Generator, size: int) -> Array:
    """Draw from [-1, 1)."""
    return rng.uniform(-1.0, 1.0, size)


def normal(rng: np.random.Generator, size: int) -> Array:
    """Draw from N(0, 1)."""
    return rng.standard_normal(size)


class PlanarRobot:
    """Dynamics of N robots; starts are ``spread`` around the model's pose."""

    def __init__(self, batch: Batch, substeps: int, spread: float, draw_velocity: Draw) -> None:
        self._batch, self._substeps = batch, substeps
        self._spread, self._draw_velocity = spread, draw_velocity
        self._positions, self._velocities = batch.qpos, batch.qvel
        self._controls = batch.ctrl
        self._start = batch.state[0].copy()  # a new batch is in the model's pose

    def reset(self, ids: Array, rngs: Sequence[np.random.Generator]) -> Array:
        """Pose and velocity of the model with noise."""
        self._batch.state[ids] = self._start
        nq, nv = self._positions.shape[1], self._velocities.shape[1]
        drawn = [(uniform(rng, nq), self._draw_velocity(rng, nv)) for rng in rngs]
        positions, velocities = map(np.array, zip(*drawn))
        self._positions[ids] += self._spread * positions
        self._velocities[ids] += self._spread * velocities
        return np.concatenate([self._positions[ids], self._velocities[ids]], axis=1)

    def step(self, readings: Array, actions: Array) -> Array:
        """Apply the torques."""
        self._controls[:] = actions
        self._batch.step(nstep=self._substeps)
        return np.concatenate([self._positions, self._velocities], axis=1)


@lru_cache
def load_model(file: str) -> mujoco.MjModel:
    """Return the shared model, read from Gymnasium's files.

    Raises:
        UserError: the package or its model file is missing.

    """
    spec = mujoco.MjSpec.from_file(str(model_file('gymnasium', 'envs', 'mujoco', 'assets', file)))
    # Left to the compiler, the total mass has MuJoCo write a deprecation notice to a file in the
    # working directory. What it should do instead gives the same model.
    mass, spec.compiler.settotalmass = spec.compiler.settotalmass, -1.0
    model = spec.compile()
    if mass > 0:
        mujoco.mj_setTotalmass(model, mass)
        mujoco.mj_setConst(model, mujoco.MjData(model))
    return model


def observe(readings: Array, *, joints: int, velocity_limit: float) -> Array:
    """Sensor readings ``[N, R]`` → observations ``[N, R - 1]``: all but x, velocities clipped."""
    positions = len(ROOT_JOINTS) + joints
    velocity = np.clip(readings[:, positions:], -velocity_limit, velocity_limit)
    return np.concatenate([readings[:, 1:positions], velocity], axis=1, dtype=np.float32)


def pose(model: mujoco.MjModel, data: mujoco.MjData, readings: Array) -> None:
    """Show readings ``[R]``, which begin with the positions of all joints."""
    data.qpos[:] = readings[:model.nq]


def readings_of(obs: Array, *, step_s: float) -> Array:
    """Observations ``[S, R - 1]`` of one episode → readings ``[S, R]``.

    x is not observed: it begins at 0 and goes on as the velocity says.
    """
    rows = obs.astype(np.float64)
    positions = (rows.shape[1] + 1) // 2
    x_velocity = rows[:, positions - 1]
    x = np.cumsum(x_velocity) - x_velocity
    return np.concatenate([step_s * x[:, None], rows], axis=1)


def forward_reward(before: Array, actions: Array, after: Array, *, step_s: float,
                   control_cost: float, healthy: Callable[[Array], Array] | None) -> Array:
    """Forward velocity less the cost of control, and 1 for being healthy, ``[N]``."""
    velocity_mps = (after[:, 0] - before[:, 0]) / step_s
    reward = velocity_mps - control_cost * np.square(actions).sum(axis=1)
    return reward + healthy(after) if healthy else reward


def locomotion_task(name: str, summary: str, *, file: str, torques_nm: Mapping[str, float],
                    rate_hz: float, substeps: int, control_cost: float, spread: float,
                    draw_velocity: Draw = uniform, velocity_limit: float = np.inf,
                    height_help: str = '',
                    healthy: Callable[[Array], Array] | None = None) -> Task:
    """Return the task of one robot.

    ``torques_nm`` gives the largest torque of each joint, in the order of the model; ``healthy``
    maps readings ``[N, R]`` to ``[N]`` bool.
    """
    joints = list(torques_nm)
    listed = 'of ' + ', '.join(joints)
    velocity = partial(Field, low=-velocity_limit, high=velocity_limit)
    root, turning = ','.join(ROOT_JOINTS[:2]), ','.join([ROOT_JOINTS[2], *joints])
    message = 'sensor_msgs/msg/JointState'
    return Task(
        name=name,
        summary=summary,
        observation=(
            Field('torso_height', 1, 'm', help=height_help),
            Field('torso_pitch', 1, 'rad'),
            Field('joint_positions', len(joints), 'rad', help=listed),
            velocity('torso_velocity', 2, 'm/s', help='along x and z'),
            velocity('torso_pitch_velocity', 1, 'rad/s'),
            velocity('joint_velocities', len(joints), 'rad/s', help=listed),
        ),
        command_fields=tuple(
            Field(f'{joint.removesuffix("_joint")}_torque', 1, '', low=-1.0, high=1.0,
                  help=f'share of {torque:g} N m') for joint, torque in torques_nm.items()),
        rate_hz=rate_hz,
        horizon=HORIZON,
        success_help='',
        readings=(
            Reading('root_position', 2, 'm', 'root_states', message, root),
            Reading('joint_positions', 1 + len(joints), 'rad', 'joint_states', message, turning),
            Reading('root_velocity', 2, 'm/s', 'root_states', message, VELOCITY + root),
            Reading('joint_velocities', 1 + len(joints), 'rad/s', 'joint_states', message,
                    VELOCITY + turning),
        ),
        observe=partial(observe, joints=len(joints), velocity_limit=velocity_limit),
        succeeded=lambda readings: np.zeros(len(readings), bool),
        terminated=(lambda readings: ~healthy(readings)) if healthy else None,
        reward=partial(forward_reward, step_s=1.0 / rate_hz, control_cost=control_cost,
                       healthy=healthy),
        demonstrations=16,
        expert_policy=f'{name}.onnx',
        load_model=partial(load_model, file),
        physics=lambda batch, noise: PlanarRobot(batch, substeps, noise * spread, draw_velocity),
        substeps=substeps,
        display=Display(pose, partial(readings_of, step_s=1.0 / rate_hz),
                        Camera(azimuth_deg=90, elevation_deg=-12, distance_m=4.0,
                               follows='torso')),
    )

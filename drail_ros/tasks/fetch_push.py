# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""FetchPush: a Fetch arm with closed gripper pushes a block to a goal on the table.

The setting of Lai et al., DRAIL (NeurIPS 2024): 16-D observation without velocities, 3-D action,
60 control steps, success ends the episode. The block starts on one side of the gripper and the
goal lies on the other, so the arm must first go round the block. The expert shows it at noise
1.0x; an agent acts, and is judged, where starts and goals are spread up to twice as far. Physics
follow Gymnasium-Robotics' FetchPush: its model files, 20 substeps of 2 ms, a mocap body that drags
the gripper.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import mujoco
from mujoco import mjtStage, mjtState
import numpy as np

from drail_ros.tasks.display import Camera, Display, Mark, reach
from drail_ros.tasks.model_files import model_file
from drail_ros.tasks.task import Array, Command, Field, Reading, Task

if TYPE_CHECKING:
    from mujoco.batch import Batch

SUCCESS_DISTANCE_M = 0.05
SUBSTEPS = 20
RATE_HZ = 25.0
ACTION_SCALE_M = 0.05
"""Distance the mocap body moves ahead of the gripper for a full action."""
BOX_DISTANCE_M = 0.10
"""Distance in y from the gripper to the near edge of the block's and of the goal's start box."""
BOX_HALF_WIDTH_M = 0.05
BOX_DEPTH_M = 0.04
TABLE_GRIPPER_HEIGHT_M = 0.425
"""Height at which the closed fingers pass over the table and still push the block."""
FRAME = 'world'
FARTHEST_M = 5.0
"""Nothing on the table is farther from the origin of the world."""
FINGER_JOINTS = ('robot0:l_gripper_finger_joint', 'robot0:r_gripper_finger_joint')

_BOX_LOW_M = np.array([-BOX_HALF_WIDTH_M, 0.0] * 2)
_BOX_SIZE_M = np.array([2 * BOX_HALF_WIDTH_M, BOX_DEPTH_M] * 2)
"""Of x and y in the boxes of the block and of the goal, as distances from the gripper."""

_pose = partial(Reading, message='geometry_msgs/msg/PoseStamped', frame_id=FRAME)
_position = partial(_pose, size=3, unit='m', part='position', low=-FARTHEST_M, high=FARTHEST_M)

_ARM_JOINTS = tuple(f'robot0:{name}_joint' for name in (
    'shoulder_pan', 'shoulder_lift', 'upperarm_roll', 'elbow_flex', 'forearm_roll', 'wrist_flex',
    'wrist_roll'))
_BASE_POSITION = (('robot0:slide0', 0.405), ('robot0:slide1', 0.48), ('robot0:slide2', 0.0))
_BLOCK_START = (1.25, 0.53, 0.4, 1.0, 0.0, 0.0, 0.0)
_GRIPPER_APPROACH_M = (-0.498, 0.005, -0.431)
_GRIPPER_DOWN = np.array([1.0, 0.0, 1.0, 0.0])
"""Pointing down, as an unnormalised quaternion (w, x, y, z); MuJoCo normalises it."""

_GRIPPER, _BLOCK, _ROTATION = slice(0, 3), slice(3, 6), slice(6, 10)
_FINGERS, _GOAL = slice(10, 12), slice(12, 15)


@lru_cache(maxsize=1)
def load_model() -> mujoco.MjModel:
    """Return the shared model, read from Gymnasium-Robotics' files.

    Raises:
        UserError: the package or its model file is missing.

    """
    path = model_file('gymnasium_robotics', 'envs', 'assets', 'fetch', 'push.xml')
    model = mujoco.MjModel.from_xml_path(str(path))
    # The weld between mocap body and gripper has no offset: position 0, identity orientation.
    model.eq_data[0, :7] = (0, 0, 0, 0, 0, 0, 1)
    return model


@lru_cache(maxsize=1)
def _start() -> tuple[Array, Array]:
    """Return a row of states, the arm over the table, and the gripper's position there."""
    model = load_model()
    data = mujoco.MjData(model)
    for joint, position in _BASE_POSITION:
        data.joint(joint).qpos[:] = position
    data.joint('object0:joint').qpos[:] = _BLOCK_START
    mujoco.mj_forward(model, data)
    data.mocap_pos[0] = data.site('robot0:grip').xpos + _GRIPPER_APPROACH_M
    data.mocap_quat[0] = _GRIPPER_DOWN
    mujoco.mj_step(model, data, nstep=10 * SUBSTEPS)
    gripper = data.site('robot0:grip').xpos.copy()
    positions, velocities, time_s = data.qpos.copy(), data.qvel.copy(), data.time
    mujoco.mj_resetData(model, data)
    data.qpos[:], data.qvel[:], data.time = positions, velocities, time_s
    state = np.empty(mujoco.mj_stateSize(model, mjtState.mjSTATE_INTEGRATION))
    mujoco.mj_getState(model, data, state, mjtState.mjSTATE_INTEGRATION)
    return state, gripper


class FetchPush:
    """Dynamics of N arms, blocks and goals; the goals are in the readings only."""

    def __init__(self, batch: Batch, noise: float) -> None:
        self._batch, self._noise = batch, noise
        # Live views [N, …], looked up once: look-ups by name cost more than the arithmetic.
        self._gripper = batch.site('robot0:grip').xpos
        self._link_position = batch.body('robot0:gripper_link').xpos
        self._link_rotation = batch.body('robot0:gripper_link').xquat
        self._block = batch.site('object0').xpos
        self._block_rotation = batch.body('object0').xquat
        self._block_pose = batch.joint('object0:joint').qpos
        self._fingers = [batch.joint(name).qpos for name in FINGER_JOINTS]
        mocap = batch.model.body('robot0:mocap').mocapid[0]
        self._mocap_position = batch.mocap_pos[:, mocap]
        self._mocap_rotation = batch.mocap_quat[:, mocap]

    def reset(self, ids: Array, rngs: Sequence[np.random.Generator]) -> Array:
        """Grippers over the table, blocks and goals drawn from their boxes."""
        state, gripper = _start()
        self._batch.state[ids] = state
        drawn = np.array([rng.random(len(_BOX_LOW_M)) for rng in rngs])
        x_block, y_block, x_goal, y_goal = (
            self._noise * (_BOX_LOW_M + _BOX_SIZE_M * drawn)).T
        self._block_pose[ids, 0] = gripper[0] + x_block
        self._block_pose[ids, 1] = gripper[1] + BOX_DISTANCE_M + y_block
        self._batch.forward(ids, stage=mjtStage.mjSTAGE_POS)
        return self._read(ids, np.stack(
            [gripper[0] + x_goal, gripper[1] - BOX_DISTANCE_M - y_goal, self._block[ids, 2]],
            axis=1))

    def step(self, readings: Array, actions: Array) -> Array:
        """Drag the grippers, pointing down, with their fingers shut."""
        self._mocap_position[:] = self._link_position + ACTION_SCALE_M * actions
        self._mocap_rotation[:] = self._link_rotation + _GRIPPER_DOWN
        self._batch.step(nstep=SUBSTEPS, stage=mjtStage.mjSTAGE_POS)
        for finger in self._fingers:  # nothing that is read moves with them
            finger[:] = 0.0
        return self._read(slice(None), readings[:, _GOAL])

    def _read(self, ids: Array | slice, goal: Array) -> Array:
        rotation = self._block_rotation[ids]
        return np.concatenate(
            [self._gripper[ids], self._block[ids], rotation[:, 1:], rotation[:, :1],
             *(finger[ids] for finger in self._fingers), goal], axis=1)


def observe(readings: Array) -> Array:
    """Sensor readings ``[N, 15]`` → observations ``[N, 16]`` float32."""
    gripper, block = readings[:, _GRIPPER], readings[:, _BLOCK]
    return np.concatenate([gripper, block, block - gripper, readings[:, _FINGERS],
                           roll_pitch_rad(readings[:, _ROTATION]), readings[:, _GOAL]],
                          axis=1, dtype=np.float32)


def object_to_goal_distance_m(readings: Array) -> Array:
    """Distance ``[N]`` between the block and its goal."""
    offset = readings[:, _BLOCK] - readings[:, _GOAL]
    return np.sqrt((offset * offset).sum(axis=1))


def succeeded(readings: Array) -> Array:
    """Whether the block lies within 0.05 m of its goal, ``[N]``."""
    return object_to_goal_distance_m(readings) < SUCCESS_DISTANCE_M


def roll_pitch_rad(quaternion: Array) -> Array:
    """First two x-y-z Euler angles ``[N, 2]`` of quaternions ``[N, 4]`` in x, y, z, w order."""
    x, y, z, w = quaternion.T
    roll = np.arctan2(2 * (x * w - y * z), 1 - 2 * (x * x + y * y))
    pitch = np.arcsin((2 * (x * z + y * w)).clip(-1.0, 1.0))
    return np.array([roll, pitch]).T


def pose(model: mujoco.MjModel, data: mujoco.MjData, readings: Array) -> None:
    """Show readings ``[15]``: the block and the fingers as they are, an arm that reaches there.

    The arm's own joints are no readings: its pose is that of the start, bent until the gripper is
    where it was read, pointing down.
    """
    mujoco.mj_setState(model, data, _start()[0], mjtState.mjSTATE_INTEGRATION)
    x, y, z, w = readings[_ROTATION]
    data.joint('object0:joint').qpos[:] = (*readings[_BLOCK], w, x, y, z)
    for name, position in zip(FINGER_JOINTS, readings[_FINGERS]):
        data.joint(name).qpos[:] = position
    reach(model, data, 'robot0:grip', _ARM_JOINTS, readings[_GRIPPER])


def readings_of(obs: Array) -> Array:
    """Observations ``[S, 16]`` → readings ``[S, 15]``; the block's yaw, not observed, is 0."""
    gripper, block, fingers, tilt, goal = obs[:, 0:3], obs[:, 3:6], obs[:, 9:11], obs[:, 11:13], \
        obs[:, 13:16]
    (sin_roll, sin_pitch), (cos_roll, cos_pitch) = np.sin(tilt.T / 2), np.cos(tilt.T / 2)
    rotation = np.stack([sin_roll * cos_pitch, cos_roll * sin_pitch, sin_roll * sin_pitch,
                         cos_roll * cos_pitch], axis=1)
    return np.concatenate([gripper, block, rotation, fingers, goal], axis=1, dtype=np.float64)


_CLEAR_SIDEWAYS_M = (0.055, 0.075)
"""Distance across at which the gripper begins to be, and is, clear of the block's side."""
_CLEAR_BEHIND_M = (0.045, 0.070)
"""Distance along at which the gripper begins to be, and is, behind the block."""
_DETOUR_M = 0.085
"""How far to the side the way round the block leads."""
_BACK_M = 0.075
"""How far behind the block the way round it ends."""
_DETOUR_GAIN_PER_M = 15
"""Share of the full speed per metre that is still to go; likewise the gains below."""
_CENTRING_GAIN_PER_M = 10
_HEIGHT_GAIN_PER_M = 10
_PUSH_SPEED = 0.7
"""Share of the full speed."""
_PUSH_GAIN_PER_M, _LEAST_PUSH = 8, 0.6
"""The last centimetres are pushed more slowly, but no more slowly than this share."""
_OFF_CENTRE_M, _OFF_CENTRE_MARGIN, _LEAST_OFF_CENTRE = 0.04, 1.2, 0.15
"""A block met off its middle is pushed more slowly: the margin less the offset in units of the
first, but no more slowly than the last says."""
_FUNNEL_AT_BLOCK_M, _FUNNEL_NARROWING_M = 0.045, 0.039
"""Half the funnel's width at the block's face, and how much narrower it is far behind."""
_FUNNEL_EDGE_M = (0.0, 0.010)
_AT_FACE_M = (0.020, 0.030)
"""Distance along at which the gripper no longer overlaps the block, and may push."""
_NO_DISTANCE_M = 1e-6


def scripted_expert(obs: Array, rng: np.random.Generator) -> Array:
    """Observations ``[N, 16]`` → expert actions ``[N, 3]``; a smooth function of the observation.

    In coordinates along and across the line from goal to block: go sideways until clear of the
    block, back along it, in behind it, and push. A funnel, narrow far behind the block and wide
    at its face, says when pushing begins, so that the block is met near its middle and does not
    slip off. Blends by clipped ramps leave no jumps a learner could not follow. Draws nothing
    from ``rng``.
    """
    gripper, block, goal = obs[:, 0:2], obs[:, 3:5], obs[:, 13:15]
    distance = np.linalg.norm(block - goal, axis=1)
    back = (block - goal) / np.maximum(distance, _NO_DISTANCE_M)[:, None]
    left = np.stack([-back[:, 1], back[:, 0]], axis=1)
    along = ((gripper - block) * back).sum(axis=1)
    across = ((gripper - block) * left).sum(axis=1)

    beside = _ramp(np.abs(across), *_CLEAR_SIDEWAYS_M)
    behind = _ramp(along, *_CLEAR_BEHIND_M)
    side = np.where(across >= 0, 1.0, -1.0) * _DETOUR_M
    go_back = np.maximum(beside, behind) * np.clip((_BACK_M - along) * _DETOUR_GAIN_PER_M, -1, 1)
    go_sideways = np.clip((side * (1 - behind) - across) * _DETOUR_GAIN_PER_M, -1, 1)

    centred = np.clip(_OFF_CENTRE_MARGIN - np.abs(across) / _OFF_CENTRE_M, _LEAST_OFF_CENTRE, 1.0)
    push = _PUSH_SPEED * np.clip(distance * _PUSH_GAIN_PER_M, _LEAST_PUSH, 1.0) * centred
    centre = np.clip(-across * _CENTRING_GAIN_PER_M, -1, 1)

    funnel = _FUNNEL_AT_BLOCK_M - _FUNNEL_NARROWING_M * behind
    pushing = (_ramp(funnel - np.abs(across), *_FUNNEL_EDGE_M)
               * _ramp(along, *_AT_FACE_M))
    move_back = (1 - pushing) * go_back - pushing * push
    move_left = (1 - pushing) * go_sideways + pushing * centre
    up = np.clip((TABLE_GRIPPER_HEIGHT_M - obs[:, 2]) * _HEIGHT_GAIN_PER_M, -1, 1)
    plane = move_back[:, None] * back + move_left[:, None] * left
    return np.clip(np.concatenate([plane, up[:, None]], axis=1), -1, 1).astype(np.float32)


def _ramp(value: Array, low: float, high: float) -> Array:
    """0 below ``low``, 1 above ``high``, linear between."""
    return np.clip((value - low) / (high - low), 0.0, 1.0)


TASK = Task(
    name='fetch_push',
    summary='A Fetch arm pushes a block to a goal on the table.',
    observation=(
        Field('gripper_position', 3, 'm', help='in the world frame'),
        Field('object_position', 3, 'm', help='in the world frame'),
        Field('object_relative_position', 3, 'm', help='object minus gripper'),
        Field('finger_positions', 2, 'm', help='left, right; the gripper is held shut'),
        Field('object_roll_pitch', 2, 'rad', help='x-y-z Euler angles about x and y'),
        Field('goal_position', 3, 'm', help='in the world frame'),
    ),
    command_fields=(
        Field('gripper_velocity', 3, 'm/s', low=-ACTION_SCALE_M * RATE_HZ,
              high=ACTION_SCALE_M * RATE_HZ, help='linear velocity of the gripper'),
    ),
    rate_hz=RATE_HZ,
    horizon=60,
    success_help=f'block within {SUCCESS_DISTANCE_M} m of the goal; ends the episode',
    readings=(
        _position('gripper_position', topic='gripper_pose'),
        _position('object_position', topic='object_pose'),
        _pose('object_orientation', 4, '', 'object_pose', part='orientation'),
        Reading('finger_positions', 2, 'm', 'joint_states', 'sensor_msgs/msg/JointState',
                ','.join(FINGER_JOINTS), low=-1.0, high=1.0),
        _position('goal_position', topic='goal_pose'),
    ),
    observe=observe,
    succeeded=succeeded,
    command=Command('twist_command', 'geometry_msgs/msg/TwistStamped', FRAME),
    noise_levels=(1.0, 1.25, 1.5, 1.75, 2.0),
    default_noise=1.5,
    demonstrations=333,
    demonstrated_noise=(1.0,),
    expert=scripted_expert,
    load_model=load_model,
    physics=FetchPush,
    substeps=SUBSTEPS,
    display=Display(
        pose, readings_of, Camera(azimuth_deg=132, elevation_deg=-24, distance_m=1.4,
                                  lookat_m=(1.28, 0.75, 0.5)),
        marks=(Mark('goal_position', radius_m=SUCCESS_DISTANCE_M),
               Mark('gripper_position', radius_m=0.003, is_path=True)),
        hidden_sites=('target0',)),
)

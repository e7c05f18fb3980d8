"""FetchPush: a Fetch arm with closed gripper pushes a block to a goal on the table.

The setting of Lai et al., DRAIL (NeurIPS 2024): 16-D observation without velocities, 3-D action,
60 control steps, success ends the episode. The block starts on one side of the gripper and the
goal lies on the other, so the arm must first go round the block. Physics follow
Gymnasium-Robotics' FetchPush: its model files, 20 substeps of 2 ms, a mocap body that drags the
gripper.
"""

from __future__ import annotations

from functools import lru_cache, partial

import mujoco
import numpy as np

from drail_ros.tasks.model_files import model_file
from drail_ros.tasks.task import Array, Command, Field, Reading, Task

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

_pose = partial(Reading, message='geometry_msgs/msg/PoseStamped', frame_id=FRAME)
_position = partial(_pose, size=3, unit='m', part='position', low=-FARTHEST_M, high=FARTHEST_M)

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
def _start() -> tuple[Array, Array, Array, float]:
    """Positions, velocities, gripper position and time after the arm moved over the table."""
    model = load_model()
    data = mujoco.MjData(model)
    for joint, position in _BASE_POSITION:
        data.joint(joint).qpos[:] = position
    data.joint('object0:joint').qpos[:] = _BLOCK_START
    mujoco.mj_forward(model, data)
    data.mocap_pos[0] = data.site('robot0:grip').xpos + _GRIPPER_APPROACH_M
    data.mocap_quat[0] = _GRIPPER_DOWN
    mujoco.mj_step(model, data, nstep=10 * SUBSTEPS)
    return (data.qpos.copy(), data.qvel.copy(), data.site('robot0:grip').xpos.copy(),
            float(data.time))


class FetchPush:
    """One FetchPush environment over its own ``MjData``."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, noise: float) -> None:
        self._model, self._data, self._noise = model, data, noise
        # Views into the data, looked up once: per-step name look-ups cost as much as physics.
        self._grip = data.site('robot0:grip').xpos
        self._link_position = data.body('robot0:gripper_link').xpos
        self._link_rotation = data.body('robot0:gripper_link').xquat
        self._block = data.site('object0').xpos
        self._block_rotation = data.body('object0').xquat
        self._block_start = data.joint('object0:joint').qpos[:2]
        self._mocap_position, self._mocap_rotation = data.mocap_pos[0], data.mocap_quat[0]
        self._joints = data.qpos
        self._fingers = np.array([model.joint(name).qposadr[0] for name in FINGER_JOINTS])
        self._goal = np.zeros(3)

    def reset(self, rng: np.random.Generator) -> None:
        """Gripper over the table, block and goal drawn from their boxes."""
        positions, velocities, gripper, time = _start()
        mujoco.mj_resetData(self._model, self._data)
        self._data.time = time
        self._data.qpos[:] = positions
        self._data.qvel[:] = velocities
        x_block, y_block, x_goal, y_goal = rng.uniform(
            (-BOX_HALF_WIDTH_M, 0.0, -BOX_HALF_WIDTH_M, 0.0),
            (BOX_HALF_WIDTH_M, BOX_DEPTH_M, BOX_HALF_WIDTH_M, BOX_DEPTH_M)) * self._noise
        self._block_start[:] = (gripper[0] + x_block, gripper[1] + BOX_DISTANCE_M + y_block)
        mujoco.mj_forward(self._model, self._data)
        self._goal[:] = (gripper[0] + x_goal, gripper[1] - BOX_DISTANCE_M - y_goal,
                        self._block[2])

    def act(self, action: Array) -> None:
        """Set the mocap body ahead of the gripper; the gripper stays pointing down."""
        self._mocap_position[:] = self._link_position + ACTION_SCALE_M * action
        self._mocap_rotation[:] = self._link_rotation + _GRIPPER_DOWN

    def settle(self) -> None:
        """Hold the fingers shut and compute positions (kinematics only: forces are not read)."""
        self._joints[self._fingers] = 0.0
        mujoco.mj_kinematics(self._model, self._data)

    def read(self, row: Array) -> None:
        """Write gripper, block, block rotation (x, y, z, w), fingers and goal."""
        row[_GRIPPER] = self._grip
        row[_BLOCK] = self._block
        row[6:9] = self._block_rotation[1:]
        row[9] = self._block_rotation[0]
        row[_FINGERS] = self._joints[self._fingers]
        row[_GOAL] = self._goal

    def restore(self, row: Array) -> None:
        """Take over from saved readings what the physics state does not hold: the goal."""
        self._goal[:] = row[_GOAL]


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
    pitch = np.arcsin(np.clip(2 * (x * z + y * w), -1.0, 1.0))
    return np.stack([roll, pitch], axis=1)


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
    back = (block - goal) / np.maximum(distance, 1e-6)[:, None]
    left = np.stack([-back[:, 1], back[:, 0]], axis=1)
    along = ((gripper - block) * back).sum(axis=1)
    across = ((gripper - block) * left).sum(axis=1)

    beside = _ramp(np.abs(across), 0.055, 0.075)
    behind = _ramp(along, 0.045, 0.070)
    side = np.where(across >= 0, 1.0, -1.0) * 0.085
    go_back = np.maximum(beside, behind) * np.clip((0.075 - along) * 15, -1, 1)
    go_sideways = np.clip((side * (1 - behind) - across) * 15, -1, 1)

    push = 0.7 * np.clip(distance * 8, 0.6, 1.0) * np.clip(1.2 - np.abs(across) / 0.04, 0.15, 1.0)
    centre = np.clip(-across * 10, -1, 1)

    funnel = 0.045 - 0.039 * behind
    pushing = _ramp(funnel - np.abs(across), 0.0, 0.010) * _ramp(along, 0.020, 0.030)
    move_back = (1 - pushing) * go_back - pushing * push
    move_left = (1 - pushing) * go_sideways + pushing * centre
    up = np.clip((TABLE_GRIPPER_HEIGHT_M - obs[:, 2]) * 10, -1, 1)
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
    demonstrations=664,
    expert=scripted_expert,
    load_model=load_model,
    make_environment=FetchPush,
    substeps=SUBSTEPS,
    training={
        '*': {'total_steps': 500_000},
        'ppo': {'rollout_steps': 64, 'learner.minibatches': 8, 'learner.learning_rate': 5e-4,
                'learner.entropy_weight': 0.0, 'learner.initial_std': 0.5,
                'learner.final_std': 0.05},
        'off_policy': {'total_steps': 50_000, 'evaluate_every': 10_000, 'learner.width': 128,
                       'learner.batch_size': 128, 'learner.updates_per_step': 0.5,
                       'reward.batch_size': 128},
        'drail': {'reward.width': 256},
        'drail ppo': {'reward.epochs': 4},
        'drail off_policy': {'reward.reward_draws': 1},
        'drail_un ppo': {'reward.width': 256, 'reward.epochs': 4},
        # Success ends an episode: rewards that only pay learn less where that is ignored.
        'diffail': {'terminations': 'absorbing'},
        'diffail published': {'terminations': 'ignore'},
        'diffail ppo': {'reward.learning_rate': 1e-3, 'reward.epochs': 4},
        'diffail off_policy': {'reward.learning_rate': 3e-4},
        'wail ppo': {'reward.learning_rate': 8e-5, 'reward.epochs': 4},
        'airl ppo': {'learner.final_std': 0.0, 'reward.epochs': 4},
        'smiling': {'terminations': 'absorbing', 'reward.batch_size': 1024},
        'iq_learn': {'learner.actor_learning_rate': 3e-4},
        'value_dice': {'learner.actor_learning_rate': 1e-4},
        'diffusion_policy': {'learner.learning_rate': 3e-4},
        'gail ppo': {'reward.learning_rate': 1e-4, 'reward.epochs': 4},
        'gail_gp ppo': {'reward.learning_rate': 1e-4, 'reward.epochs': 4},
        'bc': {'learner.learning_rate': 1e-3, 'learner.learning_rate_decay': True,
               'learner.epochs': 100},
        'dbc': {'learner.learning_rate': 1e-3, 'learner.learning_rate_decay': True},
        'ppo published': {
            'total_steps': 5_000_000, 'rollout_steps': 128, 'learner.minibatches': 32,
            'learner.learning_rate': 1e-4, 'learner.entropy_weight': 1e-3,
            'learner.initial_std': 1.0, 'learner.final_std': 0.0},
        'drail ppo published': {
            'reward.width': 1024, 'reward.training_shared_noise': False,
            'reward.reward_shared_noise': False, 'reward.reward_draws': 1},
        'gail ppo published': {'learner.learning_rate': 2e-4, 'reward.learning_rate': 8e-6},
        'wail ppo published': {'reward.learning_rate': 8e-5},
        'diffail ppo published': {'reward.learning_rate': 1e-4},
    },
)

"""What a task is: printable data, apart from its execution.

A task file in this folder assigns ``TASK = Task(...)`` and supplies the classes named here.
Nothing in this folder knows of training, of ROS code or of batches being stepped in threads; a
task names its topics and message types as text, and ``nodes/`` translates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from drail_ros.errors import UserError

Array = npt.NDArray[Any]
VELOCITY = 'velocity of '
LARGEST_READING = 1e6
"""No sensor of a robot says more, in SI units; not even positions on a map of a country."""


@dataclass(frozen=True)
class Field:
    """A named part of the observation or of the command, with its unit and limits."""

    name: str
    size: int
    unit: str
    low: float = -np.inf
    high: float = np.inf
    help: str = ''


@dataclass(frozen=True)
class Reading:
    """A part of what the sensors say, and the topic on which a robot says it.

    ``part`` is ``position`` or ``orientation`` (quaternion x, y, z, w) of a PoseStamped, or a
    comma-separated list of joint names of a JointState, found by name: their positions, or after
    ``velocity of`` their velocities.
    """

    name: str
    size: int
    unit: str
    topic: str
    message: str
    part: str
    frame_id: str = ''
    """Frame in which a pose is expressed."""
    low: float = -LARGEST_READING
    high: float = LARGEST_READING
    """What lies outside was not measured by a working sensor."""


@dataclass(frozen=True)
class Command:
    """The command topic. ``frame_id`` is the frame the command is expressed in."""

    topic: str
    message: str
    frame_id: str


class Environment(Protocol):
    """One MuJoCo environment: what happens to one ``MjData`` between two physics steps."""

    def reset(self, rng: np.random.Generator) -> None:
        """Start an episode; leaves all positions computed."""

    def act(self, action: Array) -> None:
        """Apply a normalised action ``[A]`` in [-1, 1] before the physics steps."""

    def settle(self) -> None:
        """Finish a control step after the physics steps: positions computed."""

    def read(self, row: Array) -> None:
        """Write the sensor readings ``[R]`` float64."""

    def restore(self, row: Array) -> None:
        """Take over from saved readings what the physics state does not hold."""


class ArrayDynamics(Protocol):
    """A task that needs no physics engine: rows of readings moved by array arithmetic."""

    def reset(self, rng: np.random.Generator) -> Array:
        """Return the readings ``[R]`` of one environment at the start of an episode."""

    def step(self, readings: Array, actions: Array) -> Array:
        """Return the readings ``[N, R]`` after normalised actions ``[N, A]``."""


@dataclass(frozen=True)
class Task:
    """Everything that is known of a task."""

    name: str
    summary: str
    observation: tuple[Field, ...]
    command_fields: tuple[Field, ...]
    rate_hz: float
    horizon: int
    success_help: str
    """What success is; empty where the task has none."""
    readings: tuple[Reading, ...]
    observe: Callable[[Array], Array]
    """Sensor readings ``[N, R]`` float64 → observations ``[N, O]`` float32."""
    succeeded: Callable[[Array], Array]
    """Sensor readings ``[N, R]`` → ``[N]`` bool."""
    terminated: Callable[[Array], Array] | None = None
    """Sensor readings ``[N, R]`` → ``[N]`` bool: what ends an episode besides success."""
    reward: Callable[[Array, Array, Array], Array] | None = None
    """The reward the task is measured by, which imitation never sees: readings before
    ``[N, R]``, normalised actions ``[N, A]``, readings after ``[N, R]`` → ``[N]``."""
    command: Command | None = None
    noise_levels: tuple[float, ...] = (1.0,)
    default_noise: float = 1.0
    demonstrations: int = 100
    expert: Callable[[Array, np.random.Generator], Array] | None = None
    """Scripted expert: observations ``[N, O]`` → normalised actions ``[N, A]``."""
    expert_policy: str = ''
    """ONNX file in ``experts/`` that demonstrates a task without a scripted expert."""
    demonstrated: Callable[[Array], Array] | None = None
    """Which observations ``[N, O]`` the expert demonstrates, ``[N]`` bool; None is all."""
    load_model: Callable[[], Any] | None = None
    """Return the MuJoCo model that all environments share (tasks with physics)."""
    make_environment: Callable[[Any, Any, float], Environment] | None = None
    """(model, data, noise) → Environment (tasks with physics)."""
    dynamics: ArrayDynamics | None = None
    """Dynamics of a task without a physics engine."""
    substeps: int = 1
    training: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Settings that differ from the defaults on this task.

    A key is words that must all fit a run: an algorithm, an agent, a preset, ``off_policy``,
    ``learned_reward``, or ``*`` for all. What fits more closely comes later.
    """

    @property
    def has_success(self) -> bool:
        """Whether episodes can succeed; where they cannot, the return measures them."""
        return bool(self.success_help)

    @property
    def observation_size(self) -> int:
        """Length O of an observation."""
        return sum(f.size for f in self.observation)

    @property
    def action_size(self) -> int:
        """Length A of an action."""
        return sum(f.size for f in self.command_fields)

    @property
    def reading_size(self) -> int:
        """Length R of all sensor readings."""
        return sum(r.size for r in self.readings)

    def command_limits(self) -> tuple[Array, Array]:
        """Lowest and highest command, ``[A]`` each, in the command fields' units."""
        low = np.concatenate([np.full(f.size, f.low) for f in self.command_fields])
        high = np.concatenate([np.full(f.size, f.high) for f in self.command_fields])
        return low, high

    def command_from_action(self, action: Array) -> Array:
        """Normalised action in [-1, 1] → command in the command fields' units."""
        low, high = self.command_limits()
        return low + (np.clip(action, -1.0, 1.0) + 1.0) * 0.5 * (high - low)

    def action_from_command(self, command: Array) -> Array:
        """Inverse of ``command_from_action``."""
        low, high = self.command_limits()
        return (2.0 * (command - low) / (high - low) - 1.0).astype(np.float32)

    def check_noise(self, noise: float) -> None:
        """Raise UserError where ``noise`` lies outside the task's noise levels."""
        if not min(self.noise_levels) <= noise <= max(self.noise_levels):
            raise UserError(f'noise level is out of range for task {self.name!r}', found=noise,
                            expected=f'{min(self.noise_levels):g} to {max(self.noise_levels):g}')

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What a task is: printable data, apart from its execution.

A task file in this folder assigns ``TASK = Task(...)`` and supplies the classes named here.
Nothing in this folder knows of training, of ROS code, of episodes or of threads; a task names its
topics and message types as text, and ``nodes/`` translates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from drail_ros.errors import UserError
from drail_ros.tasks.display import Display

if TYPE_CHECKING:
    from mujoco.batch import Batch

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


class Dynamics(Protocol):
    """N environments of a task: how episodes begin and how they go on.

    What lasts from one step to the next is in the readings and, in a task with physics, in the
    states of its ``Batch``; nowhere else. So the two are all that has to be saved.
    """

    def reset(self, ids: Array, rngs: Sequence[np.random.Generator]) -> Array:
        """Start episodes in the environments ``ids``, ``[n]`` and ascending.

        Each draws from a generator of its own, so that its start depends on nothing else.

        Returns:
            Their readings ``[n, R]`` float64.

        """

    def step(self, readings: Array, actions: Array) -> Array:
        """Move all environments one control step.

        Args:
            readings: the latest readings ``[N, R]``, which stay as they are.
            actions: normalised actions ``[N, A]`` in [-1, 1].

        Returns:
            The readings ``[N, R]`` float64 afterwards, in an array of their own.

        """


@dataclass(frozen=True)
class CommandScale:
    """The line between normalised actions and commands; of arrays and of tensors alike."""

    low: Any
    """``[A]``: command of the action -1."""
    span: Any
    """``[A]``: how far above ``low`` the command of the action 1 lies."""

    def command(self, action: Any) -> Any:
        """Normalised actions ``[..., A]``, clipped to [-1, 1] → commands ``[..., A]``."""
        return self.low + (action.clip(-1.0, 1.0) + 1.0) * 0.5 * self.span

    def action(self, command: Any) -> Any:
        """Inverse of ``command`` between the limits."""
        return 2.0 * (command - self.low) / self.span - 1.0


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
    """Episodes that the expert records where no number is asked for."""
    demonstrated_noise: tuple[float, ...] = (1.0,)
    """Noise levels at which it does, in turn; apart from the level that is learned at."""
    expert: Callable[[Array, np.random.Generator], Array] | None = None
    """Scripted expert: observations ``[N, O]`` → normalised actions ``[N, A]``."""
    expert_policy: str = ''
    """ONNX file in ``experts/`` that demonstrates a task without a scripted expert."""
    demonstrated: Callable[[Array], Array] | None = None
    """Which observations ``[N, O]`` the expert demonstrates, ``[N]`` bool; None is all."""
    load_model: Callable[[], Any] | None = None
    """Return the MuJoCo model that all environments share (tasks with physics)."""
    physics: Callable[[Batch, float], Dynamics] | None = None
    """(simulations of the model, noise level) → Dynamics (tasks with physics)."""
    substeps: int = 1
    """Physics steps in a control step."""
    dynamics: Dynamics | None = None
    """Dynamics of a task without a physics engine."""
    display: Display | None = None
    """How readings are shown in the model (tasks with physics)."""

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

    def reading_columns(self, name: str) -> slice:
        """Where a reading stands among all of them."""
        start = 0
        for reading in self.readings:
            if reading.name == name:
                return slice(start, start + reading.size)
            start += reading.size
        raise KeyError(name)

    def command_limits(self) -> tuple[Array, Array]:
        """Lowest and highest command, ``[A]`` each, in the command fields' units."""
        low = np.concatenate([np.full(f.size, f.low) for f in self.command_fields])
        high = np.concatenate([np.full(f.size, f.high) for f in self.command_fields])
        return low, high

    def command_scale(self) -> CommandScale:
        """Line between normalised actions and commands, float64."""
        low, high = self.command_limits()
        return CommandScale(low, high - low)

    def action_from_command(self, command: Array) -> Array:
        """Commands ``[..., A]`` in the command fields' units → normalised actions, float32."""
        action: Array = self.command_scale().action(command).astype(np.float32)
        return action

    def nearest_noise_level(self, noise: float) -> float:
        """Return the named noise level nearest to ``noise``, of two as near the lower."""
        return min(self.noise_levels, key=lambda level: (abs(level - noise), level))

    def check_noise(self, noise: float) -> None:
        """Raise UserError where ``noise`` lies outside the task's noise levels."""
        if not min(self.noise_levels) <= noise <= max(self.noise_levels):
            raise UserError(f'noise level is out of range for task {self.name!r}', found=noise,
                            expected=f'{min(self.noise_levels):g} to {max(self.noise_levels):g}')

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Sensor readings and commands ↔ messages, as a task declares them; the only such translation.

The simulator publishes through it, the policy server and who converts recordings read through it,
so what a policy sees on a robot is assembled as in training: readings → ``task.observe``.
Messages are whatever has the fields of their type: rclpy's, or what was read from a bag.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
import math
from typing import Any

import numpy as np

from drail_ros.errors import UserError
from drail_ros.robot.names import RobotNames
from drail_ros.robot.refusals import RefusedError
from drail_ros.tasks.task import Array, Reading, Task, VELOCITY

_PARTS = {'position': 'xyz', 'orientation': 'xyzw'}
_AS_IN_TASK = RobotNames()
_NORM_TOLERANCE = 0.01
"""Of a quaternion; drivers that send single precision stay far below."""
_SHOWN = 60
"""Characters of a foreign name that are shown."""


def require_robot_interface(task: Task) -> None:
    """Raise UserError for a task that no robot performs."""
    if task.command is None:
        raise UserError(f'task {task.name!r} has no robot interface',
                        expected='a task with sensor and command topics',
                        do='choose another task, or evaluate it with `drail eval`')


def topics(task: Task) -> dict[str, list[tuple[Reading, slice]]]:
    """Return what each sensor topic tells: readings and their place in the row ``[R]``."""
    found: dict[str, list[tuple[Reading, slice]]] = {}
    start = 0
    for reading in task.readings:
        place = slice(start, start + reading.size)
        found.setdefault(reading.topic, []).append((reading, place))
        start += reading.size
    return found


def joint_names(task: Task) -> list[str]:
    """Return the joints that a task reads."""
    return list(dict.fromkeys(name for reading in task.readings if reading.part not in _PARTS
                              for name in _joints(reading.part)[1]))


def frame_ids(task: Task) -> list[str]:
    """Return the frames in which a task's poses and commands are expressed."""
    frames = [reading.frame_id for reading in task.readings]
    frames += [task.command.frame_id] if task.command else []
    return list(dict.fromkeys(filter(None, frames)))


def fill_message(readings: Sequence[tuple[Reading, slice]], row: Array, message: Any) -> None:
    """Write a row of readings ``[R]`` into the message of one topic, but for its stamp."""
    message.header.frame_id = readings[0][0].frame_id
    for reading, place in readings:
        numbers = [float(value) for value in row[place]]
        if reading.part in _PARTS:
            target = getattr(message.pose, reading.part)
            for axis, number in zip(_PARTS[reading.part], numbers):
                setattr(target, axis, number)
        else:
            values, joints = _joints(reading.part)
            message.name = list(joints)
            setattr(message, values, numbers)


def from_message(readings: Sequence[tuple[Reading, slice]], message: Any, row: Array,
                 names: RobotNames = _AS_IN_TASK) -> None:
    """Write what a message tells into a row of readings ``[R]``; joints are found by name.

    Raises:
        RefusedError: a joint is missing, a pose is in another frame, a number is not finite or
            beyond the reading's limits, or a quaternion is none of a rotation.

    """
    for reading, place in readings:
        if reading.part in _PARTS:
            _check_frame(message, names.frame(reading.frame_id), reading.topic)
            source = getattr(message.pose, reading.part)
            numbers = [getattr(source, axis) for axis in _PARTS[reading.part]]
        else:
            values, ours = _joints(reading.part)
            wanted = [names.joint(name) for name in ours]
            found = dict(zip(message.name, getattr(message, values)))
            missing = [name for name in wanted if name not in found]
            if missing:
                raise RefusedError('joints missing', ', '.join(missing))
            numbers = [found[name] for name in wanted]
        _check_numbers(reading, numbers)
        row[place] = numbers


def _check_frame(message: Any, expected: str, what: str) -> None:
    frame = message.header.frame_id
    if frame != expected:
        raise RefusedError('wrong frame', f'{what} is in frame {frame[:_SHOWN]!r}, expected '
                           f'{expected!r}')


def _check_numbers(reading: Reading, numbers: Sequence[float]) -> None:
    # Not as an array: numpy takes longer to begin than these few comparisons take altogether.
    if not all(map(math.isfinite, numbers)):
        raise RefusedError('not finite', reading.name)
    if min(numbers) < reading.low or max(numbers) > reading.high:
        raise RefusedError('out of range', f'{reading.name} is {numbers}, expected '
                           f'{reading.low:g} to {reading.high:g} {reading.unit}')
    if reading.part == 'orientation':
        norm = math.hypot(*numbers)
        if abs(norm - 1.0) > _NORM_TOLERANCE:
            raise RefusedError('no rotation', f'quaternion {reading.name} has norm {norm:g}')


@cache
def _joints(part: str) -> tuple[str, tuple[str, ...]]:
    """Field of a JointState and joint names that a reading's part asks for."""
    names = part.removeprefix(VELOCITY)
    return 'position' if names == part else 'velocity', tuple(names.split(','))


def set_command(message: Any, command: Array, stamp_ns: int) -> None:
    """Write a command ``[A]``, in the command fields' units, into its message."""
    stamp, linear = message.header.stamp, message.twist.linear
    stamp.sec, stamp.nanosec = divmod(stamp_ns, 10**9)
    linear.x, linear.y, linear.z = command.tolist()


def command_from_message(task: Task, message: Any, names: RobotNames = _AS_IN_TASK) -> Array:
    """Message → command ``[A]``.

    Raises:
        RefusedError: it is not finite, or in another frame than the task's commands.

    """
    assert task.command
    _check_frame(message, names.frame(task.command.frame_id), 'the command')
    linear = message.twist.linear
    command = np.array([linear.x, linear.y, linear.z])
    if not np.isfinite(command).all():
        raise RefusedError('not finite', f'command {command.tolist()}')
    return command

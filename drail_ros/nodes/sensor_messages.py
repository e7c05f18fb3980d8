"""Sensor readings and commands ↔ messages, as a task declares them; the only such translation.

The simulator publishes through it and the policy server reads through it, so what a policy sees
on a robot is assembled as in training: readings → ``task.observe``.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time

from drail_ros.errors import UserError
from drail_ros.tasks.task import VELOCITY, Array, Reading, Task

_PARTS = {'position': 'xyz', 'orientation': 'xyzw'}


class UnusableMessageError(ValueError):
    """A sensor message that lacks what the task reads, or holds no finite numbers."""


def message_type(name: str) -> type:
    """``geometry_msgs/msg/PoseStamped`` → the class.

    Raises:
        UserError: the message package is not installed.

    """
    package, _, kind = name.split('/')
    try:
        return getattr(importlib.import_module(f'{package}.msg'), kind)
    except ImportError as error:
        raise UserError(f'message package {package} is not installed', expected=name,
                        do=f"apt install ros-$ROS_DISTRO-{package.replace('_', '-')}, or "
                           "pip install 'drail_ros[ros]'") from error


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


def to_message(readings: list[tuple[Reading, slice]], row: Array, stamp: Time,
               frame_id: str) -> Any:
    """Row of readings ``[R]`` → the message of one topic."""
    message = message_type(readings[0][0].message)()
    message.header.stamp, message.header.frame_id = stamp, frame_id
    for reading, place in readings:
        numbers = [float(value) for value in row[place]]
        if reading.part in _PARTS:
            target = getattr(message.pose, reading.part)
            for axis, number in zip(_PARTS[reading.part], numbers):
                setattr(target, axis, number)
        else:
            values, message.name = _joints(reading.part)
            setattr(message, values, numbers)
    return message


def from_message(readings: list[tuple[Reading, slice]], message: Any, row: Array) -> None:
    """Write what a message tells into a row of readings ``[R]``; joints are found by name.

    Raises:
        UnusableMessageError: a joint is missing, or a number is not finite.

    """
    for reading, place in readings:
        if reading.part in _PARTS:
            source = getattr(message.pose, reading.part)
            numbers = [getattr(source, axis) for axis in _PARTS[reading.part]]
        else:
            values, names = _joints(reading.part)
            found = dict(zip(message.name, getattr(message, values)))
            missing = [name for name in names if name not in found]
            if missing:
                raise UnusableMessageError(f'joints missing: {", ".join(missing)}')
            numbers = [found[name] for name in names]
        if not np.isfinite(numbers).all():
            raise UnusableMessageError(f'not finite: {reading.name}')
        row[place] = numbers


def _joints(part: str) -> tuple[str, list[str]]:
    """Field of a JointState and joint names that a reading's part asks for."""
    names = part.removeprefix(VELOCITY)
    return 'position' if names == part else 'velocity', names.split(',')


def command_message(task: Task, command: Array, stamp: Time) -> Any:
    """Command ``[A]`` in the command fields' units → message."""
    assert task.command
    message = message_type(task.command.message)()
    message.header.stamp, message.header.frame_id = stamp, task.command.frame_id
    linear = message.twist.linear
    linear.x, linear.y, linear.z = (float(value) for value in command)
    return message


def command_from_message(message: Any) -> Array:
    """Message → command ``[A]``."""
    linear = message.twist.linear
    return np.array([linear.x, linear.y, linear.z])

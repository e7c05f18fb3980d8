# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Makes the messages that a task names; what they say is in ``drail_ros.robot.messages``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
import importlib
from typing import Any

from builtin_interfaces.msg import Time

from drail_ros.errors import UserError
from drail_ros.robot.messages import fill_message
from drail_ros.robot.names import RobotNames
from drail_ros.tasks.task import Array, Reading, Task

_AS_IN_TASK = RobotNames()


@cache
def message_type(name: str) -> Any:
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


def to_message(readings: Sequence[tuple[Reading, slice]], row: Array, stamp: Time) -> Any:
    """Row of readings ``[R]`` → the message of one topic."""
    message = message_type(readings[0][0].message)()
    message.header.stamp = stamp
    fill_message(readings, row, message)
    return message


def command_message(task: Task, names: RobotNames = _AS_IN_TASK) -> Any:
    """Return a zero command without a stamp, to be sent again and again."""
    assert task.command
    message = message_type(task.command.message)()
    message.header.frame_id = names.frame(task.command.frame_id)
    return message

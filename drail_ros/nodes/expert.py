# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Drives a robot over its topics as the scripted expert of a task: a rehearsal of recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import sys
import time
from typing import Any

import numpy as np
from rclpy.qos import qos_profile_sensor_data

from drail_ros import plugins, settings
from drail_ros.errors import UserError
from drail_ros.nodes.diagnostics import Health, OK, publish_diagnostics, WARN
from drail_ros.nodes.parameters import declare
from drail_ros.nodes.running import run_node, RunnableNode, Stop
from drail_ros.nodes.sensor_messages import command_message, message_type
from drail_ros.robot.assembler import Assembler
from drail_ros.robot.messages import require_robot_interface, set_command
from drail_ros.robot.refusals import Refusals, RefusedError
from drail_ros.settings import setting, Settings
from drail_ros.tasks.task import Task


@dataclass(frozen=True)
class ExpertSettings(Settings):
    """Settings of the expert."""

    task: str = setting('fetch_push', 'task whose scripted expert acts')
    seed: int = setting(0, 'seed of what it draws', low=0)
    max_observation_age_s: float = setting(0.2, 'older sensor messages are refused', unit='s',
                                           low=0.001)


class ExpertNode(RunnableNode):
    """Wires an expert to a robot's topics."""

    def __init__(self, stop: Stop) -> None:
        super().__init__('expert', stop)
        self._refusals = Refusals()
        self._commands = 0

    def begin(self) -> None:
        """Join the graph and act on what is sensed."""
        chosen = ExpertSettings(**declare(self, settings.specs(ExpertSettings).values()))
        self._task: Task = plugins.load(plugins.TASKS, chosen.task)
        require_robot_interface(self._task)
        if self._task.expert is None:
            raise UserError(f'task {self._task.name!r} has no scripted expert',
                            do='choose another task, or drive with policy_server')
        assert self._task.command
        self._rng = np.random.default_rng(chosen.seed)
        self._sensors = Assembler(self._task, chosen.max_observation_age_s)
        self._message, self._publisher = command_message(self._task), self.create_publisher(
            message_type(self._task.command.message), self._task.command.topic, 1)
        for topic, readings in self._sensors.topics.items():
            self.create_subscription(message_type(readings[0][0].message), topic,
                                     self._listener(topic), qos_profile_sensor_data)
        publish_diagnostics(self, self._health)

    def close(self) -> None:
        """Leave the robot with a zero command."""
        if self._commands:
            self._send(np.zeros(self._task.action_size), self._now_ns())

    def _listener(self, topic: str) -> Callable[[Any], None]:
        def sensed(message: Any) -> None:
            try:
                due = self._sensors.hear(topic, message, self._now_ns, time.monotonic())
            except RefusedError as error:
                self._refusals.add(error)
                return
            if due:
                assert self._task.expert
                action = self._task.expert(self._sensors.observation(), self._rng)[0]
                self._send(self._task.command_scale().command(action.astype(np.float64)),
                           due.stamp_ns)
                self._commands += 1
        return sensed

    def _send(self, command: Any, stamp_ns: int) -> None:
        set_command(self._message, command, stamp_ns)
        self._publisher.publish(self._message)

    def _now_ns(self) -> int:
        return self.get_clock().now().nanoseconds

    def _health(self) -> Health:
        values: dict[str, object] = {'commands': self._commands, **self._refusals.values()}
        if self._commands:
            return Health(OK, 'acting', values)
        return Health(WARN, self._refusals.latest or 'nothing sensed yet', values)


def main() -> int:
    """Run the node."""
    return run_node(ExpertNode)


if __name__ == '__main__':
    sys.exit(main())

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Simulates a slice of a trainer's batch over topics; which, the trainer says."""

from __future__ import annotations

import time

from rclpy.node import Node
from std_msgs.msg import UInt8MultiArray
from visualization_msgs.msg import MarkerArray

from drail_ros.nodes.batch_topics import ACTIONS, QOS, STEPS, to_message
from drail_ros.nodes.diagnostics import Health, OK, publish_diagnostics, WARN
from drail_ros.nodes.markers import marker_array
from drail_ros.nodes.running import steady_timer
from drail_ros.sim.remote.messages import STATUS_PERIOD_S
from drail_ros.sim.remote.server import BatchServer

_MARKER_PERIOD_S = 0.1


class BatchSimulator:
    """Lets a node answer batch requests, and tell how that goes."""

    def __init__(self, node: Node, threads: int) -> None:
        self._node, self._server = node, BatchServer(threads)
        self._told_owner = ''
        self._steps, self._reported, self._reported_s = 0, 0, time.monotonic()
        self._malformed = 0
        self._publisher = node.create_publisher(UInt8MultiArray, STEPS, QOS)
        self._markers = node.create_publisher(MarkerArray, 'markers', 1)
        node.create_subscription(UInt8MultiArray, ACTIONS, self._requested, QOS)
        steady_timer(node, STATUS_PERIOD_S, self._tell_status)
        steady_timer(node, _MARKER_PERIOD_S, self._show_first_environment)
        publish_diagnostics(node, self._health)

    @property
    def is_owned(self) -> bool:
        """Whether a trainer that lives holds it."""
        return bool(self._server.owner)

    def close(self) -> None:
        """Release the simulation."""
        self._server.close()

    def _requested(self, message: UInt8MultiArray) -> None:
        malformed = self._server.malformed
        answer = self._server.handle(message.data.tobytes(), time.monotonic())
        if answer is not None:
            self._server.heard(time.monotonic())
            self._publisher.publish(to_message(answer))
            self._steps += self._server.sim.num_envs if self._server.sim else 0
        if self._server.malformed > malformed:
            self._node.get_logger().warning(
                f'message on {ACTIONS} is none of this release; {self._server.malformed} ignored',
                throttle_duration_sec=10.0)

    def _tell_status(self) -> None:
        self._publisher.publish(to_message(self._server.status(time.monotonic())))
        if self._server.owner != self._told_owner:
            self._told_owner = self._server.owner
            self._node.get_logger().info(self._occupation())

    def _show_first_environment(self) -> None:
        sim = self._server.sim
        if sim is not None and self._markers.get_subscription_count():
            self._markers.publish(marker_array(sim.task, sim.readings[0],
                                               self._node.get_clock().now().to_msg()))

    def _occupation(self) -> str:
        owner = self._server.owner
        return f'simulating for the trainer on {owner}' if owner else 'idle, waiting for a trainer'

    def _health(self) -> Health:
        sim, malformed, now_s = self._server.sim, self._server.malformed, time.monotonic()
        # Every answer counts as a step; the others, with which a trainer begins, are few.
        rate_hz = (self._steps - self._reported) / (now_s - self._reported_s)
        level = WARN if malformed > self._malformed else OK
        self._reported, self._reported_s, self._malformed = self._steps, now_s, malformed
        return Health(level, self._occupation(), {
            'environments': sim.num_envs if sim else 0, 'steps': self._steps,
            'steps [1/s]': rate_hz, 'malformed messages': malformed})

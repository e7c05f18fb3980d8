# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The two topics of batch simulation: bytes in UInt8MultiArray, reliable."""

from __future__ import annotations

import array
import contextlib
import queue

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import UInt8MultiArray

ACTIONS, STEPS = 'batch/actions', 'batch/steps'
"""Trainer → simulators, simulators → trainer; relative names."""
QOS = QoSProfile(depth=16, reliability=ReliabilityPolicy.RELIABLE)


def to_message(content: bytes) -> UInt8MultiArray:
    """Bytes → message; an ``array.array`` is taken over whole, anything else copied bytewise."""
    message = UInt8MultiArray()
    message.data = array.array('B', content)
    return message


class TopicChannel:
    """The trainer's end: a Channel over a node's topics. The node must spin in another thread."""

    def __init__(self, node: Node) -> None:
        self._received: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._publisher = node.create_publisher(UInt8MultiArray, ACTIONS, QOS)
        node.create_subscription(UInt8MultiArray, STEPS, self._arrived, QOS)

    def send(self, content: bytes) -> None:
        """Publish to every simulator."""
        self._publisher.publish(to_message(content))

    def receive(self, timeout_s: float) -> bytes | None:
        """Return the next message, or None after ``timeout_s``."""
        with contextlib.suppress(queue.Empty):
            return self._received.get(timeout=timeout_s)
        return None

    def _arrived(self, message: UInt8MultiArray) -> None:
        self._received.put(message.data.tobytes())

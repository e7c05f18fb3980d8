# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What a node says of itself on ``/diagnostics``, where aggregators and rqt look for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from drail_ros.nodes.running import steady_timer

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
TOPIC = '/diagnostics'
"""Absolute by convention: one aggregator hears all namespaces, which are in the status' name."""
_PERIOD_S = 1.0


@dataclass(frozen=True)
class Health:
    """How a node is: a level, a few words and named numbers or texts."""

    level: bytes
    message: str
    values: Mapping[str, object] = field(default_factory=dict)


def publish_diagnostics(node: Node, health: Callable[[], Health], hardware_id: str = '') -> None:
    """Publish a node's health once a second of a steady clock."""
    publisher = node.create_publisher(DiagnosticArray, TOPIC, 10)
    steady_timer(node, _PERIOD_S, lambda: publisher.publish(
        diagnostic_array(node, health(), hardware_id)))


def diagnostic_array(node: Node, health: Health, hardware_id: str = '') -> DiagnosticArray:
    """Health → message, under the node's full name."""
    status = DiagnosticStatus(level=health.level, name=node.get_fully_qualified_name(),
                              message=health.message, hardware_id=hardware_id)
    status.values = [KeyValue(key=key, value=f'{value:g}' if isinstance(value, float)
                              else str(value)) for key, value in health.values.items()]
    array = DiagnosticArray(status=[status])
    array.header.stamp = node.get_clock().now().to_msg()
    return array

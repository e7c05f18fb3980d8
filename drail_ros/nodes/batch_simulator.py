"""Simulates a slice of a trainer's batch over topics; which, the trainer says."""

from __future__ import annotations

import time

from rclpy.node import Node
from std_msgs.msg import UInt8MultiArray
from visualization_msgs.msg import MarkerArray

from drail_ros.nodes.batch_topics import ACTIONS, QOS, STEPS, to_message
from drail_ros.nodes.markers import marker_array
from drail_ros.sim.remote.messages import STATUS_PERIOD_S
from drail_ros.sim.remote.server import BatchServer

_MARKER_PERIOD_S = 0.1


def serve_batches(node: Node, threads: int) -> BatchServer:
    """Let a node answer batch requests; return what answers them."""
    server = BatchServer(threads)
    publisher = node.create_publisher(UInt8MultiArray, STEPS, QOS)
    markers = node.create_publisher(MarkerArray, 'markers', 1)
    served = ['']

    def requested(message: UInt8MultiArray) -> None:
        malformed = server.malformed
        answer = server.handle(message.data.tobytes(), time.monotonic())
        if answer is not None:
            publisher.publish(to_message(answer))
        if server.malformed > malformed:
            node.get_logger().warning(
                f'message on {ACTIONS} is none of this release; {server.malformed} ignored',
                throttle_duration_sec=10.0)

    def tell_status() -> None:
        publisher.publish(to_message(server.status(time.monotonic())))
        if server.owner != served[0]:
            served[0] = server.owner
            node.get_logger().info(f'simulating for the trainer on {server.owner}'
                                   if server.owner else 'idle, waiting for a trainer')

    def show_first_environment() -> None:
        if markers.get_subscription_count() and server.sim is not None:
            markers.publish(marker_array(server.sim.task, server.sim.readings[0],
                                         node.get_clock().now().to_msg()))

    node.create_subscription(UInt8MultiArray, ACTIONS, requested, QOS)
    node.create_timer(STATUS_PERIOD_S, tell_status)
    node.create_timer(_MARKER_PERIOD_S, show_first_environment)
    return server

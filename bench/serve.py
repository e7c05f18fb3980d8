# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Sensors → command through policy_server over a bare rclpy echo of the same messages.

The echo subscribes to the same topics and answers the last of them with an empty command; both
are processes of their own and take turns. Round trips as the robot's side sees them.

    .venv/bin/python bench/serve.py [--quick] [--policy FILE]
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import time

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data

from drail_ros import plugins
from drail_ros.nodes import sensor_messages
from drail_ros.robot import messages
from drail_ros.sim.make import make_sim

TASK = plugins.load(plugins.TASKS, 'fetch_push')
PERIOD_S = 1 / TASK.rate_hz
SIDES = {'policy_server': '/served', 'echo': '/echoed'}


class Echo(Node):
    """Answers the message that completes a set; computes nothing."""

    def __init__(self) -> None:
        super().__init__('echo', namespace=SIDES['echo'])
        self._command = self.create_publisher(
            sensor_messages.message_type(TASK.command.message), TASK.command.topic, 1)
        self._message = sensor_messages.command_message(TASK)
        self._seen: set[str] = set()
        self._topics = messages.topics(TASK)
        for topic, readings in self._topics.items():
            self.create_subscription(
                sensor_messages.message_type(readings[0][0].message), topic,
                lambda message, topic=topic: self._sensed(topic, message),
                qos_profile_sensor_data)

    def _sensed(self, topic: str, message: object) -> None:
        self._seen.add(topic)
        if len(self._seen) == len(self._topics):
            self._seen.clear()
            self._message.header.stamp = message.header.stamp
            self._command.publish(self._message)


class Robot(Node):
    """Publishes one set of sensors and waits for the command that answers it."""

    def __init__(self, side: str) -> None:
        super().__init__('robot', namespace=SIDES[side])
        self._sim = make_sim(TASK, 1, 1.5)
        self._sim.reset(0)
        self._topics = messages.topics(TASK)
        self._sensor_publishers = {
            topic: self.create_publisher(sensor_messages.message_type(r[0][0].message), topic, 10)
            for topic, r in self._topics.items()}
        self._answered = False
        self.create_subscription(sensor_messages.message_type(TASK.command.message),
                                 TASK.command.topic, self._commanded, 1)

    def round_trip_s(self, timeout_s: float = 1.0) -> float:
        stamp, self._answered = self.get_clock().now().to_msg(), False
        self._stamp = stamp
        told = {topic: sensor_messages.to_message(r, self._sim.readings[0], stamp)
                for topic, r in self._topics.items()}
        began = time.perf_counter()
        for topic, message in told.items():
            self._sensor_publishers[topic].publish(message)
        while not self._answered and time.perf_counter() - began < timeout_s:
            rclpy.spin_once(self, timeout_sec=timeout_s)
        return time.perf_counter() - began

    def _commanded(self, message: object) -> None:
        self._answered = message.header.stamp == self._stamp


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--quick', action='store_true', help='under 50 s')
    parser.add_argument('--policy', type=Path, help='ONNX file; default: one of random weights')
    parser.add_argument('--echo', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', str(101 + os.getpid() % 100))
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    rclpy.init()
    if options.echo:
        rclpy.spin(Echo())
        return
    with tempfile.TemporaryDirectory() as folder:
        policy = options.policy or random_policy(Path(folder) / 'policy.onnx')
        servers = [
            subprocess.Popen([sys.executable, '-m', 'drail_ros.nodes.policy_server', '--ros-args',
                              '-r', f'__ns:={SIDES["policy_server"]}', '-p',
                              f'policy_path:={policy}']),
            subprocess.Popen([sys.executable, __file__, '--echo'])]
        try:
            compare(200 if options.quick else 1500)
        finally:
            for server in servers:
                server.kill()
                server.wait()
            rclpy.try_shutdown()


def compare(rounds: int) -> None:
    robots = {side: Robot(side) for side in SIDES}
    for robot in robots.values():
        while robot.round_trip_s() >= 1.0:  # until the peer is discovered
            pass
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    for i in range(rounds + 20):
        for side, robot in robots.items():
            took_s = robot.round_trip_s()
            if i >= 20:
                seconds[side].append(took_s)
            time.sleep(max(PERIOD_S - took_s, 0))
    for side, values in seconds.items():
        p50, p99 = np.percentile(values, [50, 99]) * 1e3
        print(f'{side:14s} p50 {p50:.3f} ms  p99 {p99:.3f} ms')
    value, against = (float(np.median(seconds[side])) * 1e3 for side in SIDES)
    print(json.dumps({'name': 'serve', 'value': round(value, 3), 'against': round(against, 3),
                      'ratio': round(value / against, 3), 'unit': 'ms'}))


def random_policy(path: Path) -> Path:
    from drail_ros.deploy.export import export_onnx
    from drail_ros.learn.nets.actors import GaussianActor
    from drail_ros.learn.nets.normalise import RunningNormaliser
    from drail_ros.learn.nets.policy import Policy
    sizes = TASK.observation_size, TASK.action_size
    export_onnx(Policy(RunningNormaliser(sizes[0]), GaussianActor(*sizes, 256, 2)), TASK, path,
                {'algorithm': 'none'})
    return path


if __name__ == '__main__':
    main()

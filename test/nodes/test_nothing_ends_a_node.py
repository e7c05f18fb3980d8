# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Whatever arrives on a topic, every node lives on and still does its job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
import json
import math
from pathlib import Path
import time
from typing import Any

from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped, TwistStamped
import numpy as np
from processes import DEADLINE_S, Nodes
import pytest
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.publisher import Publisher
from rclpy.serialization import serialize_message
from robots import PERIOD_S, Robot, spin, spin_until
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import String, UInt8MultiArray
from test_announced_policies import offer
from test_training_over_topics import assert_same_result, in_process, parameters

from drail_ros import plugins
from drail_ros.nodes.batch_topics import ACTIONS, QOS, STEPS, to_message
from drail_ros.nodes.trainer import LATCHED
from drail_ros.sim.make import make_sim
from drail_ros.sim.remote.client import RemoteSim
from drail_ros.sim.remote.wire import Packet
from drail_ros.tasks.fetch_push import FINGER_JOINTS

RCLError = rclpy_implementation.RCLError
__all__ = ['in_process']
SEED = 5
NUMBERS = (0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, 1e9, -1e300, 1e300, 5e-324)
INTEGERS = (0, 1, -1, 2**31 - 1, -2**31, 25)
TEXTS = ('', 'world', '/', 'w\0rld', 'ü' * 50, '\U0001f916', '%s%n{}', 'x' * 200_000,
         *FINGER_JOINTS)
JSON = (None, True, -1, 1e308, '', 'x', [], {}, [[[]]], {'file': '/dev/zero'}, 10**30)
KEYS = ('file', 'sha256', 'step', 'simulator', 'where', 'owner', 'to', 'task', 'noise',
        'num_envs', 'first_env', 'want', 'simulators', 'seed', 'reason')
"""Of announcements and of messages between a trainer and its simulators."""


class Fuzz:
    """Draws what to send."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(SEED)
        self.sent = 0

    def one_of(self, choices: Any) -> Any:
        """Draw one, as it is."""
        return choices[self.rng.integers(len(choices))]

    def numbers(self, count: int) -> list[float]:
        """Draw extreme numbers."""
        return [self.one_of(NUMBERS) for _ in range(count)]

    def stamp(self) -> Time:
        """Draw a stamp, negative ones too."""
        return Time(sec=self.one_of(INTEGERS), nanosec=self.one_of((0, 1, 2**32 - 1)))

    def some_bytes(self) -> bytes:
        """Draw random bytes."""
        return self.rng.bytes(int(self.one_of((0, 1, 7, 8, 64, 3000))))

    def mutated(self, content: bytes) -> bytes:
        """Cut bytes off or change some."""
        changed = bytearray(content[:int(self.rng.integers(len(content) + 1))]
                            if self.rng.random() < 0.3 else content)
        for _ in range(int(self.rng.integers(1, 8)) if changed else 0):
            changed[self.rng.integers(len(changed))] = self.rng.integers(256)
        return bytes(changed)

    def json(self) -> str:
        """Draw JSON of wrong types, and what is none."""
        if self.rng.random() < 0.1:
            return self.one_of(('[' * 9_000, '{"a":' * 100_000, 'nul', '\0', '1e999'))
        return json.dumps({key: self.one_of(JSON) for key in KEYS if self.rng.random() < 0.6})

    def pose(self) -> PoseStamped:
        """Draw a pose."""
        message = PoseStamped()
        message.header.stamp, message.header.frame_id = self.stamp(), self.one_of(TEXTS)
        for part, axes in ((message.pose.position, 'xyz'), (message.pose.orientation, 'xyzw')):
            for axis, number in zip(axes, self.numbers(4)):
                setattr(part, axis, number)
        return message

    def joints(self) -> JointState:
        """Draw joints, now and then very many."""
        count = int(self.one_of((0, 1, 2, 2, 2, 3, 3000)))
        message = JointState(name=[self.one_of(TEXTS[-2:] * 3 + TEXTS[:5]) for _ in range(count)],
                             position=self.numbers(int(self.one_of((0, 1, count, count)))))
        message.header.stamp = self.stamp()
        return message

    def twist(self) -> TwistStamped:
        """Draw a command."""
        message = TwistStamped()
        message.header.stamp, message.header.frame_id = self.stamp(), self.one_of(TEXTS)
        for axis, number in zip('xyz', self.numbers(3)):
            setattr(message.twist.linear, axis, number)
        return message

    def batch(self) -> UInt8MultiArray:
        """Draw a message between a trainer and a simulator."""
        content = self.one_of((self.some_bytes, self._batch, self._batch,
                               lambda: self.mutated(self._batch())))()
        return to_message(content)

    def _batch(self) -> bytes:
        facts = {key: self.one_of(JSON) for key in KEYS if self.rng.random() < 0.7}
        if self.rng.random() < 0.5:
            facts['task'] = 'point_reach'
        arrays = {name: self.one_of((np.zeros(0), np.full((2, 3), np.nan, np.float32),
                                     np.zeros((1, 1, 2), np.int64)))
                  for name in ('log', 'actions', 'obs', 'state.readings', 'state.seed')
                  if self.rng.random() < 0.6}
        kind = self.one_of(('assign', 'step', 'snapshot', 'heartbeat', 'release', 'result',
                            'refuse', 'status', ''))
        return Packet(kind, self.one_of(('', 'session')), int(self.one_of(INTEGERS)), facts,
                      arrays).pack()

    def send(self, publisher: Publisher, draw: Callable[[], Any]) -> None:
        """Send what is drawn, or its bytes with changes, or random bytes.

        Not so a batch's: layouts that contradict their length end any process in which the
        generated code reads them, before a node sees them.
        """
        message = draw()
        kind = 1.0 if publisher.msg_type is UInt8MultiArray else self.rng.random()
        if kind < 0.2:
            message = self.mutated(serialize_message(message))
        elif kind < 0.3:
            message = b'\0\1\0\0' + self.some_bytes()
        with contextlib.suppress(RCLError):  # what is no message at all cannot be sent
            publisher.publish(message)
            self.sent += 1


def flood(robot: Robot, fuzz: Fuzz, publishers: dict[Publisher, Callable[[], Any]],
          count: int) -> None:
    """Send so many messages, in turns, slowly enough that they are heard."""
    names = list(publishers)
    until, number = fuzz.sent + count, 0
    while fuzz.sent < until:
        publisher = names[number % len(names)]
        fuzz.send(publisher, publishers[publisher])
        number += 1
        if number % 8 == 0:
            spin(robot, 0.002)


@pytest.fixture
def fuzz() -> Iterator[Fuzz]:
    """Draws from one seed."""
    yield Fuzz()


def test_policy_server(nodes: Nodes, robot: Robot, fuzz: Fuzz, policy: Path) -> None:
    """Sensors, announcements and simulated time."""
    server = nodes.start('policy_server', use_sim_time=True)
    announcements = robot.create_publisher(String, 'policy', LATCHED)
    announcements.publish(String(data=offer(policy)))
    now_s = [10.0]

    def simulate() -> None:
        now_s[0] += PERIOD_S
        robot.tick(now_s[0])
        robot.sense(stamp=now_s[0])

    def draw_offer() -> String:
        return String(data=fuzz.json())

    def draw_clock() -> Clock:
        return Clock(clock=fuzz.stamp())

    spin_until(robot, lambda: robot.nonzero() > 2, 'commands', simulate)
    flood(robot, fuzz, {**dict.fromkeys(robot.poses.values(), fuzz.pose),
                        robot.joints: fuzz.joints, announcements: draw_offer,
                        robot.time: draw_clock}, 4500)
    assert server.poll() is None, nodes.output(server)[-3000:]
    before = robot.nonzero()
    spin_until(robot, lambda: robot.nonzero() > before + 5, 'commands', simulate)
    assert robot.refused('policy') > 50 and robot.refused('wrong frame') > 50


def test_robot_simulator(nodes: Nodes, robot: Robot, fuzz: Fuzz) -> None:
    """Commands; each of them may hold."""
    simulator = nodes.start('simulator', mode='robot', real_time_factor=1.0, use_sim_time=True)
    publisher = robot.create_publisher(TwistStamped, 'twist_command', 10)
    spin_until(robot, lambda: publisher.get_subscription_count() > 1, 'the simulator')
    flood(robot, fuzz, {publisher: fuzz.twist, robot.time: lambda: Clock(clock=fuzz.stamp())},
          3000)
    assert simulator.poll() is None, nodes.output(simulator)[-3000:]
    heights: list[float] = []
    robot.create_subscription(PoseStamped, 'gripper_pose',
                              lambda pose: heights.append(pose.pose.position.z), 10)
    up = TwistStamped()
    up.header.frame_id, up.twist.linear.z = 'world', 0.5
    spin_until(robot, lambda: (np.diff(heights[-6:]) > 0.01).sum() == 5, 'the arm to be lifted',
               lambda: publisher.publish(up))
    values = robot.values('simulator')
    assert int(values['commands received']) > 100
    assert robot.refused('beyond limits', 'simulator') > 0
    assert robot.refused('not finite', 'simulator') > 0


class Channel:
    """A trainer's end over a test's node."""

    def __init__(self, robot: Robot) -> None:
        self._robot, self._received = robot, []
        self.publisher = robot.create_publisher(UInt8MultiArray, ACTIONS, QOS)
        robot.create_subscription(UInt8MultiArray, STEPS, self._received.append, QOS)

    def send(self, content: bytes) -> None:
        """Publish."""
        self.publisher.publish(to_message(content))

    def receive(self, timeout_s: float) -> bytes | None:
        """Spin until something came."""
        until = time.monotonic() + timeout_s
        while not self._received and time.monotonic() < until:
            spin(self._robot, 0.005)
        return self._received.pop(0).data.tobytes() if self._received else None


def test_batch_simulator(nodes: Nodes, robot: Robot, fuzz: Fuzz) -> None:
    """Requests; afterwards it simulates as in process, and the session before is none of it."""
    simulator = nodes.start('simulator', threads=1)
    channel = Channel(robot)
    spin_until(robot, lambda: channel.publisher.get_subscription_count() > 0, 'the simulator')
    flood(robot, fuzz, {channel.publisher: fuzz.batch}, 3000)
    assert simulator.poll() is None, nodes.output(simulator)[-3000:]
    task = plugins.load(plugins.TASKS, 'point_reach')
    remote, here = RemoteSim(channel, task, 4, 1.0), make_sim(task, 4, 1.0)
    actions = np.full((4, 2), 0.5, np.float32)
    assert np.array_equal(remote.reset(3), here.reset(3))
    for _ in range(5):
        assert np.array_equal(remote.step(actions).obs, here.step(actions).obs)
    spin_until(robot, lambda: robot.values('simulator').get('environments') == '4', 'diagnostics',
               remote.heartbeat)
    assert int(robot.values('simulator')['malformed messages']) > 100


def test_trainer(nodes: Nodes, robot: Robot, fuzz: Fuzz, tmp_path: Path, demo_path: Path,
                 in_process: Path) -> None:
    """Answers that nobody gave, while it trains; the weights are those of training in process."""
    trainer = nodes.start('trainer', **parameters(tmp_path / 'run', demo_path))
    publisher = robot.create_publisher(UInt8MultiArray, STEPS, QOS)
    spin_until(robot, lambda: publisher.get_subscription_count() > 0, 'the trainer')
    flood(robot, fuzz, {publisher: fuzz.batch}, 1500)
    nodes.start('simulator', threads=1)
    while trainer.poll() is None and fuzz.sent < 20_000:
        flood(robot, fuzz, {publisher: fuzz.batch}, 10)
        spin(robot, 0.01)
    assert fuzz.sent > 1500
    assert trainer.wait(timeout=DEADLINE_S) == 0, nodes.output(trainer)[-3000:]
    assert_same_result(tmp_path / 'run', in_process)

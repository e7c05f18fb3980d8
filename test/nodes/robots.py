# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A robot as a test likes it: publishes sensors, hears commands and diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped
from processes import DEADLINE_S
import rclpy
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState

from drail_ros import plugins
from drail_ros.tasks.fetch_push import FINGER_JOINTS

TASK = plugins.load(plugins.TASKS, 'fetch_push')
PERIOD_S = 1.0 / TASK.rate_hz
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
POSES = ('gripper', 'object', 'goal')


def random_policy(path: Path, task: str = 'fetch_push', seed: int = 0) -> Path:
    """Export a policy of random weights, which moves at once."""
    import torch

    from drail_ros.deploy.export import export_onnx
    from drail_ros.learn.nets.actors import GaussianActor
    from drail_ros.learn.nets.normalise import RunningNormaliser
    from drail_ros.learn.nets.policy import Policy
    torch.manual_seed(seed)
    made_for = plugins.load(plugins.TASKS, task)
    sizes = made_for.observation_size, made_for.action_size
    export_onnx(Policy(RunningNormaliser(sizes[0]), GaussianActor(*sizes, 16, 2)), made_for,
                path, {'algorithm': 'none'})
    return path


class Robot(Node):
    """Speaks and hears what a robot does."""

    def __init__(self, **arguments: object) -> None:
        super().__init__('robot', **arguments)
        self.commands: list[tuple[float, TwistStamped]] = []
        self.statuses: dict[str, list[DiagnosticStatus]] = {}
        self.poses = {name: self.create_publisher(PoseStamped, f'{name}_pose', 10)
                      for name in POSES}
        self.joints = self.create_publisher(JointState, 'joint_states', 10)
        self.time = self.create_publisher(Clock, '/clock', 10)
        self.create_subscription(TwistStamped, 'twist_command', self._commanded, 1000)
        self.create_subscription(DiagnosticArray, '/diagnostics', self._diagnosed, 100)

    def _commanded(self, message: TwistStamped) -> None:
        self.commands.append((time.monotonic(), message))

    def _diagnosed(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.statuses.setdefault(status.name.rsplit('/')[-1], []).append(status)

    def sense(self, age_s: float = 0.0, x: float = 1.3, joints: Iterable[str] = FINGER_JOINTS,
              stamp: float | None = None, quaternion: tuple[float, ...] = (0.0, 0.0, 0.0, 1.0),
              frame: str = 'world', poses: Iterable[str] = POSES) -> None:
        """Publish every sensor once, stamped ``stamp`` or ``age_s`` ago."""
        nanoseconds = (self.get_clock().now().nanoseconds - int(age_s * 1e9) if stamp is None
                       else round(stamp * 1e9))
        at = {'sec': nanoseconds // 10**9, 'nanosec': nanoseconds % 10**9}
        for offset, name in enumerate(poses):
            message = PoseStamped()
            message.header.frame_id = frame
            message.header.stamp.sec, message.header.stamp.nanosec = at['sec'], at['nanosec']
            message.pose.position.x = x
            message.pose.position.y = 0.7 + 0.1 * offset
            for axis, value in zip('xyzw', quaternion):
                setattr(message.pose.orientation, axis, value)
            self.poses[name].publish(message)
        state = JointState(name=list(joints), position=[0.0] * len(list(joints)))
        state.header.stamp.sec, state.header.stamp.nanosec = at['sec'], at['nanosec']
        self.joints.publish(state)

    def tick(self, now_s: float) -> None:
        """Publish simulated time."""
        nanoseconds = round(now_s * 1e9)
        clock = Clock()
        clock.clock.sec, clock.clock.nanosec = nanoseconds // 10**9, nanoseconds % 10**9
        self.time.publish(clock)

    def nonzero(self) -> int:
        """Return how many commands moved the robot."""
        return sum(is_nonzero(command) for _, command in self.commands)

    def status(self, node: str = 'policy_server') -> DiagnosticStatus:
        """Return the latest of a node; an empty one before the first."""
        return self.statuses.get(node, [DiagnosticStatus()])[-1]

    def values(self, node: str = 'policy_server') -> dict[str, str]:
        """Return its numbers and texts."""
        return {pair.key: pair.value for pair in self.status(node).values}

    def refused(self, reason: str, node: str = 'policy_server') -> int:
        """Return how often a node refused for a reason."""
        return int(self.values(node).get(f'refused: {reason}', 0))


def is_nonzero(command: TwistStamped) -> bool:
    """Whether a command moves the robot."""
    linear = command.twist.linear
    return any((linear.x, linear.y, linear.z))


def spin(robot: Robot, seconds: float) -> None:
    """Hear what comes."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        rclpy.spin_once(robot, timeout_sec=min(0.01, seconds))


def spin_until(robot: Robot, condition: Callable[[], bool], what: str,
               each: Callable[[], None] = lambda: None, period_s: float = PERIOD_S) -> None:
    """Do ``each`` every ``period_s`` until a condition holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f'waited in vain for {what}'
        each()
        spin(robot, period_s)

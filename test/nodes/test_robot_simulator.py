# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The simulated robot: its time, its services, and what it says of commands and of itself."""

from __future__ import annotations

import json
import math
from pathlib import Path
import subprocess

from geometry_msgs.msg import PoseStamped, TwistStamped
from processes import DEADLINE_S, Nodes
import pytest
from rclpy.client import Client
from robots import Robot, spin_until
from rosgraph_msgs.msg import Clock
from std_srvs.srv import SetBool, Trigger


class Heard:
    """Simulated time and gripper positions, as a node beside the simulator hears them."""

    def __init__(self, robot: Robot, clock: str = '/clock') -> None:
        self.times_s: list[float] = []
        self.grippers: list[tuple[float, float, float]] = []
        robot.create_subscription(Clock, clock, self._ticked, 10)
        robot.create_subscription(PoseStamped, 'gripper_pose', self._moved, 10)

    def _ticked(self, message: Clock) -> None:
        self.times_s.append(message.clock.sec + message.clock.nanosec * 1e-9)

    def _moved(self, message: PoseStamped) -> None:
        position = message.pose.position
        self.grippers.append((position.x, position.y, position.z))


def command(z: float, frame: str = 'world') -> TwistStamped:
    message = TwistStamped()
    message.header.frame_id, message.twist.linear.z = frame, z
    return message


def call(robot: Robot, kind: type, name: str, **request: object) -> object:
    """Call a service of the simulator."""
    client: Client = robot.create_client(kind, f'/simulator/{name}')
    spin_until(robot, client.service_is_ready, name)
    future = client.call_async(kind.Request(**request))
    spin_until(robot, future.done, f'the answer of {name}')
    robot.destroy_client(client)
    return future.result()


@pytest.mark.parametrize('real_time_factor', [0.0, 2.0])
def test_it_makes_time_and_waits_for_none(real_time_factor: float, nodes: Nodes,
                                          robot: Robot) -> None:
    """With use_sim_time set, as a stack may do for all its nodes."""
    heard = Heard(robot)
    nodes.start('simulator', mode='robot', real_time_factor=real_time_factor, use_sim_time=True)
    spin_until(robot, lambda: len(heard.times_s) > 2 and len(heard.grippers) > 2, 'sensors')
    spin_until(robot, lambda: bool(robot.values('simulator')), 'diagnostics')


@pytest.mark.parametrize(('sent', 'reason'), [
    pytest.param(command(1e300), 'beyond limits', id='enormous'),
    pytest.param(command(1.3), 'beyond limits', id='a-little-too-much'),
    pytest.param(command(math.nan), 'not finite', id='nan'),
    pytest.param(command(math.inf), 'not finite', id='infinite'),
    pytest.param(command(0.1, 'base_link'), 'wrong frame', id='frame'),
])
def test_commands_it_cannot_follow_are_clipped_or_refused_and_named(
        sent: TwistStamped, reason: str, nodes: Nodes, robot: Robot) -> None:
    heard = Heard(robot)
    simulator = nodes.start('simulator', mode='robot')
    publisher = robot.create_publisher(TwistStamped, 'twist_command', 10)
    spin_until(robot, lambda: robot.refused(reason, 'simulator') > 0, reason,
               lambda: publisher.publish(sent))
    assert int(robot.values('simulator')['commands received']) > 0
    assert any(reason in status.message for status in robot.statuses['simulator'])
    before = len(heard.grippers)
    spin_until(robot, lambda: len(heard.grippers) > before + 10, 'time to pass',
               lambda: publisher.publish(sent))
    moved_m = heard.grippers[-1][2] - heard.grippers[-6][2]
    if reason == 'beyond limits':
        spin_until(robot, lambda: abs(heard.grippers[-1][2] - heard.grippers[-2][2]) > 0.01,
                   'movement at the limit', lambda: publisher.publish(sent))
    else:
        assert abs(moved_m) < 0.005, 'it does not move'
    assert simulator.poll() is None


def test_commands_at_the_limit_are_none_beyond(nodes: Nodes, robot: Robot) -> None:
    """In single precision."""
    nodes.start('simulator', mode='robot')
    publisher = robot.create_publisher(TwistStamped, 'twist_command', 10)
    spin_until(robot, lambda: int(robot.values('simulator').get('commands received', 0)) > 5,
               'commands', lambda: publisher.publish(command(1.25 + 1e-7)))
    assert robot.refused('beyond limits', 'simulator') == 0


def evaluating(nodes: Nodes, policy: Path, folder: Path, episodes: int) -> subprocess.Popen:
    """Start a lock-step evaluation."""
    nodes.start('policy_server', policy_path=policy, use_sim_time=True)
    return nodes.start('simulator', mode='robot', real_time_factor=0.0, episodes=episodes,
                       result_path=folder / 'result.json')


def test_services_do_not_stop_lock_step(nodes: Nodes, robot: Robot, policy: Path,
                                        tmp_path: Path) -> None:
    """Reset in the midst of it, paused, stepped by hand and resumed, it ends as asked for."""
    heard = Heard(robot)
    simulator = evaluating(nodes, policy, tmp_path, 12)
    refused = call(robot, Trigger, 'step')
    assert not refused.success and 'pause' in refused.message
    for _ in range(3):
        seen = len(heard.times_s)
        spin_until(robot, lambda n=seen: len(heard.times_s) > n + 20, 'steps')
        assert call(robot, Trigger, 'reset').success
    assert call(robot, SetBool, 'pause', data=True).success
    spin_until(robot, lambda: heard.times_s[-3:-1] == [heard.times_s[-1]] * 2, 'a standstill')
    before = heard.times_s[-1]
    assert call(robot, Trigger, 'step').success
    spin_until(robot, lambda: heard.times_s[-1] > before, 'a step')
    assert heard.times_s[-1] - before == pytest.approx(0.04)
    assert call(robot, Trigger, 'reset').success
    assert call(robot, SetBool, 'pause', data=False).success
    spin_until(robot, lambda: simulator.poll() is not None, 'the end')
    assert simulator.wait(timeout=DEADLINE_S) == 0, nodes.output(simulator)
    assert json.loads((tmp_path / 'result.json').read_text())['episodes'] == 12
    assert max(int(pair.value) for status in robot.statuses['simulator']
               for pair in status.values if pair.key == 'episodes') > 0


def test_two_robots_side_by_side_have_clocks_of_their_own(nodes: Nodes, robot: Robot,
                                                          policy: Path) -> None:
    """In namespaces, where all nodes of a stack remap /clock."""
    absolute = Heard(robot)
    clocks = [Heard(robot, f'/{name}/clock') for name in ('left', 'right')]
    for name in ('left', 'right'):
        words = ('-r', f'__ns:=/{name}', '-r', '/clock:=clock')
        nodes.start('policy_server', *words, policy_path=policy, use_sim_time=True)
        nodes.start('simulator', *words, mode='robot', real_time_factor=0.0)
    spin_until(robot, lambda: all(len(clock.times_s) > 10 for clock in clocks), 'both clocks')
    assert all(clock.times_s == sorted(clock.times_s) for clock in clocks)
    assert not absolute.times_s

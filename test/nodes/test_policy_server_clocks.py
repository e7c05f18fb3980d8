# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Clocks that jump, stand still or are wrong: told, and survived."""

from __future__ import annotations

from pathlib import Path

from processes import Nodes
from robots import ERROR, is_nonzero, PERIOD_S, Robot, spin, spin_until


def test_time_that_goes_back_is_named_and_acting_goes_on(nodes: Nodes, robot: Robot,
                                                         policy: Path) -> None:
    """A reset simulation starts at zero; it must not be ignored until it is as old as before."""
    nodes.start('policy_server', policy_path=policy, use_sim_time=True)
    now_s = [1000.0]

    def simulate() -> None:
        now_s[0] += PERIOD_S
        robot.tick(now_s[0])
        robot.sense(stamp=now_s[0])

    spin_until(robot, lambda: robot.nonzero() > 5, 'commands', simulate)
    now_s[0] = 1.0
    before = robot.nonzero()
    spin_until(robot, lambda: robot.nonzero() > before + 5, 'commands after the reset', simulate)
    assert now_s[0] < 60, 'not deaf until the old time is reached'
    spin_until(robot, lambda: robot.refused('time went back') > 0, 'the jump', simulate)
    assert robot.refused('time went back') < 3, 'told once, or once by each clock'
    told = [status.message for status in robot.statuses['policy_server']]
    assert any('time went back' in message for message in told)


def test_a_negative_clock_ends_nothing(nodes: Nodes, robot: Robot, policy: Path) -> None:
    server = nodes.start('policy_server', policy_path=policy, use_sim_time=True)
    now_s = [5.0]

    def simulate() -> None:
        now_s[0] += PERIOD_S
        robot.tick(-now_s[0])
        spin(robot, 0.005)
        robot.tick(now_s[0])
        robot.sense(stamp=now_s[0])

    spin_until(robot, lambda: robot.nonzero() > 20, 'commands', simulate)
    assert 'a callback failed, the node goes on' in nodes.output(server)
    assert server.poll() is None


def test_without_a_clock_it_says_so(nodes: Nodes, robot: Robot, policy: Path) -> None:
    nodes.start('policy_server', policy_path=policy, use_sim_time=True)
    spin_until(robot, lambda: robot.refused('no clock') > 0, 'the reason',
               lambda: robot.sense(stamp=3.0))
    spin_until(robot, lambda: robot.status().level == ERROR, 'an error',
               lambda: robot.sense(stamp=3.0))
    assert '/clock' in robot.status().message


def test_a_stop_is_no_answer(nodes: Nodes, robot: Robot, policy: Path) -> None:
    """A simulator that waits for the answer to its sensors must not take a stop for it."""
    nodes.start('policy_server', policy_path=policy, use_sim_time=True)

    def simulate() -> None:
        robot.tick(5.0)
        spin(robot, 0.01)
        robot.sense(stamp=5.0)

    spin_until(robot, lambda: robot.nonzero() > 2, 'answers', simulate)
    spin_until(robot, lambda: not is_nonzero(robot.commands[-1][1]), 'a stop')
    stamps = {is_nonzero(command): command.header.stamp for _, command in robot.commands}
    assert (stamps[True].sec, stamps[True].nanosec) == (5, 0)
    assert (stamps[False].sec, stamps[False].nanosec) == (5, 1)

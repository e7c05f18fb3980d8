# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What must not move does not: inactive nodes, dead simulators, silent sensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import signal

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from processes import Nodes
import pytest
import rclpy
from rclpy.parameter import Parameter
from robots import ERROR, is_nonzero, OK, Robot, spin, spin_until, WARN

from drail_ros.nodes.policy_server import PolicyServer

AGE_S = 2.0


def transit(robot: Robot, node: str, transition: int) -> bool:
    """Ask a node for a transition, sensing on."""
    client = robot.create_client(ChangeState, f'/{node}/change_state')
    spin_until(robot, client.service_is_ready, 'the lifecycle service', robot.sense)
    request = ChangeState.Request(transition=Transition(id=transition))
    future = client.call_async(request)
    spin_until(robot, future.done, 'the transition', robot.sense)
    robot.destroy_client(client)
    return future.result().success


def wait_for_reports(robot: Robot) -> None:
    """Sense on while the server reports a few times."""
    reports = robot.statuses.setdefault('policy_server', [])
    until = len(reports) + 2
    spin_until(robot, lambda: len(reports) > until, 'reports', robot.sense)


def drive(robot: Robot) -> None:
    """Sense until the robot is driven."""
    before = robot.nonzero()
    spin_until(robot, lambda: robot.nonzero() > before + 2, 'commands', robot.sense)


@pytest.mark.parametrize('transition', [
    pytest.param(Transition.TRANSITION_ACTIVE_SHUTDOWN, id='shutdown'),
    pytest.param(Transition.TRANSITION_DEACTIVATE, id='deactivate')])
def test_an_inactive_node_is_silent_after_a_stop(transition: int, nodes: Nodes, robot: Robot,
                                                 policy: Path) -> None:
    server = nodes.start('policy_server', policy_path=policy)
    drive(robot)
    assert transit(robot, 'policy_server', transition)
    spin_until(robot, lambda: not is_nonzero(robot.commands[-1][1]), 'a stop', robot.sense)
    sent = len(robot.commands)
    wait_for_reports(robot)
    stops = robot.values().get('watchdog stops')
    wait_for_reports(robot)
    assert robot.values().get('watchdog stops') == stops, 'the watchdog sleeps too'
    assert len(robot.commands) == sent, 'sensors move nothing any more'
    assert robot.status().level == WARN and robot.status().message.startswith('not active')
    assert server.poll() is None
    if transition == Transition.TRANSITION_DEACTIVATE:
        assert transit(robot, 'policy_server', Transition.TRANSITION_ACTIVATE)
        drive(robot)


def test_cleaned_up_it_is_configured_anew(nodes: Nodes, robot: Robot, policy: Path) -> None:
    nodes.start('policy_server', policy_path=policy)
    for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP,
                       Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        if transition == Transition.TRANSITION_DEACTIVATE:
            drive(robot)
        assert transit(robot, 'policy_server', transition)
    drive(robot)


def test_a_failed_transition_stops(robot: Robot, policy: Path,
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """What a transition raises is no reason to go on driving."""
    class Failing(PolicyServer):

        def on_deactivate(self, state: object) -> None:  # type: ignore[override]
            raise RuntimeError('no')

    server = Failing(None)  # type: ignore[arg-type]
    server.set_parameters([Parameter('policy_path', value=str(policy))])
    server.begin()
    executor = rclpy.executors.SingleThreadedExecutor()
    executor.add_node(server)

    def sense() -> None:
        robot.sense()
        for _ in range(8):
            executor.spin_once(timeout_sec=0.01)

    try:
        spin_until(robot, lambda: robot.nonzero() > 0, 'commands', sense)
        server.trigger_deactivate()
        spin_until(robot, lambda: not is_nonzero(robot.commands[-1][1]), 'a stop')
        sent = len(robot.commands)
        for _ in range(20):
            sense()
            spin(robot, 0.01)
        assert len(robot.commands) == sent
        server.trigger_configure()
        server.trigger_activate()
        spin_until(robot, lambda: is_nonzero(robot.commands[-1][1]), 'commands', sense)
    finally:
        server.close()
        server.destroy_node()


def test_a_dead_simulator_does_not_leave_the_robot_moving(nodes: Nodes, robot: Robot,
                                                          policy: Path) -> None:
    """Simulated time stands still with it; the watchdog must not."""
    nodes.start('policy_server', policy_path=policy, use_sim_time=True)
    simulator = nodes.start('simulator', mode='robot', real_time_factor=1.0)
    spin_until(robot, lambda: robot.nonzero() > 10, 'commands')
    simulator.send_signal(signal.SIGKILL)
    simulator.wait()
    spin_until(robot, lambda: not is_nonzero(robot.commands[-1][1]), 'a zero command')
    spin_until(robot, lambda: robot.status().level == ERROR, 'an error in the diagnostics')
    assert int(robot.values()['watchdog stops']) > 0
    assert robot.status().message, 'with a reason'


def test_the_watchdog_is_on_time(nodes: Nodes, robot: Robot, policy: Path) -> None:
    """Whenever the sensors fall silent."""
    nodes.start('policy_server', policy_path=policy, max_observation_age_s=AGE_S)
    for extra_s in (0.0, 0.3, 0.9, 1.4):
        drive(robot)
        spin_until(robot, awake_for(robot, extra_s), 'the phase to shift', robot.sense)
        before = len(robot.commands)
        spin_until(robot, lambda n=before: len(robot.commands) > n, 'an answer', robot.sense)
        spin_until(robot, lambda: not is_nonzero(robot.commands[-1][1]), 'a zero command',
                   period_s=0.01)
        times = {is_nonzero(command): at for at, command in robot.commands}
        waited_s = times[False] - times[True]
        assert 0.9 * AGE_S < waited_s < 1.25 * AGE_S


def awake_for(robot: Robot, seconds: float) -> Callable[[], bool]:
    """Return a condition that holds ``seconds`` from now."""
    until = robot.get_clock().now().nanoseconds + seconds * 1e9
    return lambda: robot.get_clock().now().nanoseconds > until


def test_diagnostics_tell_waiting_from_acting_from_failing(nodes: Nodes, robot: Robot,
                                                           policy: Path) -> None:
    nodes.start('policy_server', policy_path=policy)
    spin_until(robot, lambda: robot.status().level == WARN, 'a report')
    assert robot.status().message == (
        'waiting for gripper_pose, object_pose, joint_states, goal_pose')
    spin_until(robot, lambda: robot.status().level == OK, 'all well', robot.sense)
    assert robot.status().message == 'active'
    spin_until(robot, lambda: robot.status().level == ERROR, 'an error',
               lambda: robot.sense(x=float('nan')))
    assert robot.status().message.startswith('not finite: ')
    spin_until(robot, lambda: robot.status().level == OK, 'all well again', robot.sense)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Policies that a trainer announces: taken over, or refused without harm."""

from __future__ import annotations

from collections.abc import Callable
import hashlib
import json
import os
from pathlib import Path

from processes import Nodes
import pytest
from robots import random_policy, Robot, spin_until, WARN
from std_msgs.msg import String

from drail_ros.nodes.trainer import LATCHED


def offer(path: Path, **changes: object) -> str:
    """Announce a file as a trainer does; None leaves a key out."""
    said = {'file': str(path), 'step': 7,
            'sha256': hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else 'x',
            **changes}
    return json.dumps({key: value for key, value in said.items() if value is not None})


def fifo(folder: Path, policy: Path) -> str:
    os.mkfifo(folder / 'fifo')
    return offer(folder / 'fifo')


def huge(folder: Path, policy: Path) -> str:
    with (folder / 'huge').open('wb') as file:
        file.truncate(1 << 40)
    return json.dumps({'file': str(folder / 'huge'), 'step': 1, 'sha256': 'x'})


OFFERS: dict[str, Callable[[Path, Path], str]] = {
    'no-json': lambda folder, policy: 'policy.onnx',
    'deep': lambda folder, policy: '[' * 100_000,
    'deep-and-short': lambda folder, policy: '[' * 9_000,
    'list': lambda folder, policy: '[1, 2]',
    'number': lambda folder, policy: '1e999',
    'no-step': lambda folder, policy: offer(policy, step=None),
    'step-is-text': lambda folder, policy: offer(policy, step='7'),
    'no-file': lambda folder, policy: offer(policy, file=None),
    'file-is-number': lambda folder, policy: offer(policy, file=3),
    'file-with-zero': lambda folder, policy: offer(policy, file='a\0b'),
    'missing': lambda folder, policy: offer(folder / 'none'),
    'folder': lambda folder, policy: offer(folder),
    'fifo': fifo,
    'device': lambda folder, policy: offer(Path('/dev/zero'), sha256='x'),
    'huge': huge,
    'other-file': lambda folder, policy: offer(policy, sha256='x'),
    'other-task': lambda folder, policy: offer(random_policy(folder / 'hopper.onnx', 'hopper')),
}


@pytest.mark.parametrize('driving', [False, True], ids=['waiting', 'driving'])
def test_refused_offers_do_no_harm(driving: bool, nodes: Nodes, robot: Robot, tmp_path: Path,
                                   policy: Path) -> None:
    """Each is counted, none ends or blocks the node, and the next good one is served."""
    publisher = robot.create_publisher(String, 'policy', LATCHED)
    server = nodes.start('policy_server')
    spin_until(robot, lambda: publisher.get_subscription_count() > 0, 'the server')
    if driving:
        publisher.publish(String(data=offer(policy)))
        spin_until(robot, lambda: robot.nonzero() > 2, 'commands', robot.sense)
    for number, (name, make) in enumerate(OFFERS.items(), 1):
        before = robot.nonzero()
        publisher.publish(String(data=make(tmp_path, policy)))
        spin_until(robot, lambda n=number: robot.refused('policy') >= n, f'refusal of {name}',
                   robot.sense)
        if driving:
            spin_until(robot, lambda n=before: robot.nonzero() > n + 2, 'commands', robot.sense)
        assert server.poll() is None, name
    assert robot.refused('policy') == len(OFFERS)
    if not driving:
        assert not robot.commands
        assert robot.status().level == WARN and 'policy' in robot.status().message
    good = random_policy(tmp_path / 'good.onnx', seed=1)
    publisher.publish(String(data=offer(good)))
    sha256 = hashlib.sha256(good.read_bytes()).hexdigest()
    spin_until(robot, lambda: robot.values().get('sha256') == sha256 and robot.nonzero() > 2,
               'the good one', robot.sense)
    assert 'Traceback' not in nodes.output(server)


def test_a_latched_offer_that_does_not_fit_does_not_end_the_next_server(
        nodes: Nodes, robot: Robot, tmp_path: Path, policy: Path) -> None:
    publisher = robot.create_publisher(String, 'policy', LATCHED)
    publisher.publish(String(data=offer(random_policy(tmp_path / 'hopper.onnx', 'hopper'))))
    servers = []
    for name in ('first', 'second'):
        servers.append(nodes.start('policy_server', '-r', f'__node:={name}'))
        spin_until(robot, lambda n=name: robot.refused('policy', n) == 1, 'the refusal')
    assert [server.poll() for server in servers] == [None, None]
    publisher.publish(String(data=offer(policy)))
    spin_until(robot, lambda: robot.nonzero() > 2, 'commands', robot.sense)


def test_who_stops_a_server_is_not_overruled_by_an_announcement(
        nodes: Nodes, robot: Robot, tmp_path: Path, policy: Path) -> None:
    from lifecycle_msgs.msg import Transition
    from test_policy_server_stops import transit, wait_for_reports
    publisher = robot.create_publisher(String, 'policy', LATCHED)
    publisher.publish(String(data=offer(policy)))
    server = nodes.start('policy_server')
    spin_until(robot, lambda: robot.nonzero() > 2, 'commands', robot.sense)
    publisher.publish(String(data=offer(random_policy(tmp_path / 'hopper.onnx', 'hopper'))))
    spin_until(robot, lambda: robot.refused('policy') > 0, 'a refusal', robot.sense)
    for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP,
                       Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP):
        assert transit(robot, 'policy_server', transition), 'with the policy that was accepted'
    sent = len(robot.commands)
    publisher.publish(String(data=offer(policy, step=8)))
    spin_until(robot, lambda: 'step 8' in nodes.output(server), 'the announcement', robot.sense)
    wait_for_reports(robot)
    assert len(robot.commands) == sent
    assert transit(robot, 'policy_server', Transition.TRANSITION_CONFIGURE)
    assert transit(robot, 'policy_server', Transition.TRANSITION_ACTIVATE)
    before = robot.nonzero()
    spin_until(robot, lambda: robot.nonzero() > before, 'commands', robot.sense)

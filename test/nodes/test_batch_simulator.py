# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What a batch simulator says of itself."""

from __future__ import annotations

import numpy as np
from processes import Nodes
from robots import OK, Robot, spin_until, WARN
from test_nothing_ends_a_node import Channel

from drail_ros import plugins
from drail_ros.sim.remote.client import RemoteSim


def test_diagnostics_tell_for_whom_and_how_fast(nodes: Nodes, robot: Robot) -> None:
    simulator = nodes.start('simulator', threads=1, use_sim_time=True)
    spin_until(robot, lambda: robot.status('simulator').message == 'idle, waiting for a trainer',
               'an idle simulator')
    assert robot.values('simulator')['environments'] == '0'
    channel = Channel(robot)
    spin_until(robot, lambda: channel.publisher.get_subscription_count() > 0, 'the simulator')
    sim = RemoteSim(channel, plugins.load(plugins.TASKS, 'point_reach'), 3, 1.0)
    sim.reset(0)
    spin_until(robot, lambda: float(robot.values('simulator')['steps [1/s]']) > 30, 'steps',
               lambda: sim.step(np.zeros((3, 2), np.float32)), period_s=0.01)
    status = robot.status('simulator')
    assert status.message.startswith('simulating for the trainer on ') and status.level == OK
    assert robot.values('simulator')['environments'] == '3'
    assert int(robot.values('simulator')['steps']) % 3 == 0
    spin_until(robot, lambda: robot.status('simulator').level == WARN, 'a warning',
               lambda: channel.send(b'nonsense'))
    assert int(robot.values('simulator')['malformed messages']) > 0
    assert nodes.output(simulator).count('simulating for the trainer on ') == 1

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Training over messages: exactly once, whatever the messages and the simulators suffer."""

from __future__ import annotations

from network import actions, assert_same, local_steps, Network, NUM_ENVS, remote, TASK
import numpy as np
import pytest

from drail_ros.errors import UserError
from drail_ros.sim.make import make_sim
from drail_ros.sim.remote.client import RemoteSim
from drail_ros.sim.remote.server import BatchServer


@pytest.mark.parametrize(('servers', 'trouble'), [
    pytest.param(1, {}, id='calm'),
    pytest.param(3, {}, id='three-simulators'),
    pytest.param(1, {'loss': 0.2}, id='lost'),
    pytest.param(1, {'repeat': 0.5}, id='repeated'),
    pytest.param(1, {'late': 0.3}, id='late'),
    pytest.param(2, {'loss': 0.1, 'repeat': 0.3, 'late': 0.2}, id='all-at-once'),
])
def test_equals_a_local_simulator(servers: int, trouble: dict[str, float]) -> None:
    sim = remote(Network(servers, **trouble), servers)
    sim.reset(4)
    assert_same([sim.step(actions(i)) for i in range(150)], local_steps(150))


def test_state_moves_between_local_and_remote() -> None:
    sim, local = remote(Network(2), 2), make_sim(TASK, NUM_ENVS, 1.0)
    local.reset(4)
    for i in range(30):
        local.step(actions(i))
    sim.set_state(local.get_state())
    state = sim.get_state()
    assert all(np.array_equal(state[name], array) for name, array in local.get_state().items())
    assert_same([sim.step(actions(i)) for i in range(30, 60)], local_steps(60)[30:])


@pytest.mark.parametrize('servers', [1, 2])
def test_a_killed_simulator_is_replaced_without_a_trace(servers: int) -> None:
    network, told = Network(servers), []
    sim = remote(network, servers, told)
    sim.reset(4)
    steps = []
    for i in range(120):
        if i in (7, 60):
            network.servers[0] = BatchServer(threads=1)  # a new process that knows nothing
        steps.append(sim.step(actions(i)))
        if i == 40:
            sim.get_state()
    assert_same(steps, local_steps(120))
    assert sim.replaced == 2 and 'takes over' in told[0]


def test_a_simulator_that_dies_while_the_state_is_fetched_is_replaced() -> None:
    network = Network()
    sim = remote(network)
    sim.reset(4)
    before = [sim.step(actions(i)) for i in range(10)]
    network.servers[0] = BatchServer(threads=1)
    sim.get_state()
    assert_same(before + [sim.step(actions(i)) for i in range(10, 20)], local_steps(20))


def test_a_second_trainer_is_told_who_is_there() -> None:
    network = Network()
    first, second = remote(network), remote(network)
    first.reset(4)
    beat = [0.0]

    def keep_alive() -> float:
        if network.now - beat[0] > 1.0:
            beat[0] = network.now
            first.heartbeat()
        return network.now

    second._clock = keep_alive
    with pytest.raises(UserError, match='work for another trainer'):
        second.reset(4)


def test_a_new_trainer_takes_over_from_a_dead_one() -> None:
    network = Network()
    remote(network).reset(9)
    sim = remote(network)
    sim.reset(4)
    assert network.now > 4.0, 'the dead trainer had a lease'
    assert_same([sim.step(actions(i)) for i in range(5)], local_steps(5))


def test_a_refused_task_names_the_reason() -> None:
    network = Network()
    sim = RemoteSim(network, TASK, NUM_ENVS, 7.0, warn=lambda text: None,
                    clock=lambda: network.now)
    with pytest.raises(UserError, match='noise level is out of range'):
        sim.reset(0)

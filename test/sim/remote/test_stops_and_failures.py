"""Who is asked to stop stops, who fails says so, and who is busy is not taken for dead."""

from __future__ import annotations

import dataclasses

from network import actions, Network, NUM_ENVS, remote, TASK
import pytest

from drail_ros import plugins
from drail_ros.errors import UserError
from drail_ros.sim.batch_sim import SimulationStopped
from drail_ros.sim.remote.client import RemoteSim, STOPPED_AFTER_S
from drail_ros.sim.remote.messages import LEASE_S
from drail_ros.sim.remote.server import BatchServer


@pytest.mark.parametrize('simulators', [1, 2, 3])
def test_asked_to_stop_it_does_not_wait_for_a_dead_simulator(simulators: int) -> None:
    """However many others are alive, and tell so."""
    network, stop = Network(simulators), False
    sim = RemoteSim(network, TASK, NUM_ENVS, 1.0, simulators=simulators, should_stop=lambda: stop,
                    clock=lambda: network.now, warn=lambda text: None)
    sim.reset(4)
    sim.step(actions(0))
    del network.servers[0]
    stop, began = True, network.now
    with pytest.raises(SimulationStopped):
        sim.step(actions(1))
    assert network.now - began < 2 * STOPPED_AFTER_S


def test_asked_to_stop_it_still_takes_the_answers_of_the_living() -> None:
    network = Network(2)
    sim = RemoteSim(network, TASK, NUM_ENVS, 1.0, simulators=2, should_stop=lambda: True,
                    clock=lambda: network.now, warn=lambda text: None)
    sim.reset(4)
    for i in range(5):
        sim.step(actions(i))
    assert sim.get_state()


@pytest.mark.parametrize('fails', ['reset', 'step'])
def test_a_task_that_fails_in_a_simulator_is_told_to_the_trainer(
        fails: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Faulty:
        def reset(self, ids, rngs):  # type: ignore[no-untyped-def]
            if fails == 'reset':
                raise IndexError('a slip in the task')
            return TASK.dynamics.reset(ids, rngs)

        def step(self, readings, actions):  # type: ignore[no-untyped-def]
            raise IndexError('a slip in the task')

    faulty = dataclasses.replace(TASK, dynamics=Faulty())
    monkeypatch.setattr(plugins, 'load', lambda kind, name: faulty)
    sim = remote(Network())
    with pytest.raises(UserError, match='a slip in the task'):
        sim.reset(4)
        sim.step(actions(0))


def test_what_takes_long_is_work_and_not_silence() -> None:
    server, contents = BatchServer(threads=1), []
    network = Network()
    network.servers = [server]
    network.on_request = contents.append
    sim = remote(network)
    sim.reset(4)
    server.heard(network.now + 2 * LEASE_S)  # it answered so much later
    server.status(network.now + 2.5 * LEASE_S)
    assert server.owner
    server.status(network.now + 3.5 * LEASE_S)
    assert not server.owner


def test_a_released_simulator_is_idle_at_once() -> None:
    network = Network()
    sim = remote(network)
    sim.reset(4)
    assert network.servers[0].owner
    sim.close()
    network.receive(0.1)
    assert not network.servers[0].owner


def test_learning_for_long_costs_no_simulator_its_part() -> None:
    network = Network(2)
    sim = remote(network)
    sim.reset(4)
    for i in range(3):
        sim.step(actions(i))
        for _ in range(60):  # statuses pile up unread while heartbeats go out
            network.now += 0.1
            sim.heartbeat()
            network.hold()
    assert sim.replaced == 0

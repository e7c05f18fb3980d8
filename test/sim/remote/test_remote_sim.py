"""Training over messages: exactly once, whatever the messages and the simulators suffer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from drail_ros import plugins
from drail_ros.errors import UserError
from drail_ros.sim.batch_sim import Step
from drail_ros.sim.make import make_sim
from drail_ros.sim.remote.client import RemoteSim
from drail_ros.sim.remote.messages import MalformedMessageError, Message, decode
from drail_ros.sim.remote.server import STATUS_PERIOD_S, BatchServer

TASK = plugins.load(plugins.TASKS, 'sine')
NUM_ENVS = 6


class Network:
    """Carries messages between one trainer and its simulators in simulated time, badly."""

    def __init__(self, servers: int = 1, loss: float = 0.0, repeat: float = 0.0,
                 late: float = 0.0) -> None:
        self.servers = [BatchServer(threads=1) for _ in range(servers)]
        self.now, self._loss, self._repeat, self._late = 0.0, loss, repeat, late
        self._rng = np.random.default_rng(0)
        self._to_servers: list[tuple[float, bytes]] = []
        self._to_trainer: list[tuple[float, bytes]] = []
        self._next_status = 0.0
        self.before_send: Callable[[], None] = lambda: None

    def send(self, content: bytes) -> None:
        self.before_send()
        self._post(self._to_servers, content)

    def receive(self, timeout_s: float) -> bytes | None:
        until = self.now + timeout_s
        while True:
            if self.now >= self._next_status:
                self._next_status = self.now + STATUS_PERIOD_S
                for server in self.servers:
                    self._post(self._to_trainer, server.status(self.now))
            for content in self._due(self._to_servers):
                for server in self.servers:
                    if answer := server.handle(content, self.now):
                        self._post(self._to_trainer, answer)
            arrived = self._due(self._to_trainer)
            if arrived:
                self._to_trainer += [(self.now, content) for content in arrived[1:]]
                return arrived[0]
            if self.now >= until:
                return None
            self.now += 0.01

    def _post(self, queue: list[tuple[float, bytes]], content: bytes) -> None:
        if self._rng.random() >= self._loss:
            copies = 1 + (self._rng.random() < self._repeat)
            queue += [(self.now + self._delay(), content) for _ in range(copies)]

    def _delay(self) -> float:
        return float(self._rng.uniform(0.1, 1.5)) if self._rng.random() < self._late else 0.0

    def _due(self, queue: list[tuple[float, bytes]]) -> list[bytes]:
        due = [content for when, content in queue if when <= self.now]
        queue[:] = [entry for entry in queue if entry[0] > self.now]
        return due


def remote(network: Network, simulators: int = 1, told: list[str] | None = None) -> RemoteSim:
    return RemoteSim(network, TASK, NUM_ENVS, 1.0, simulators=simulators,
                     warn=(told if told is not None else []).append, clock=lambda: network.now)


def actions(step: int) -> np.ndarray:
    rng = np.random.default_rng(step)
    return rng.uniform(-1, 1, (NUM_ENVS, TASK.action_size)).astype(np.float32)


def local_steps(count: int) -> list[Step]:
    sim = make_sim(TASK, NUM_ENVS, 1.0)
    sim.reset(4)
    return [sim.step(actions(i)) for i in range(count)]


def assert_same(found: list[Step], expected: list[Step]) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected):
        for name in ('obs', 'final_obs', 'terminated', 'truncated', 'success', 'reward'):
            assert np.array_equal(getattr(ours, name), getattr(theirs, name))


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
    network.before_send = lambda: None
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


@pytest.mark.parametrize('content', [
    pytest.param(b'', id='empty'), pytest.param(b'\x00' * 64, id='zeros'),
    pytest.param(bytes(range(256)), id='noise'),
    pytest.param(Message('step', 'x', 1).encode()[:-1] + b'!', id='cut'),
    pytest.param(Message('step').encode().replace(b'batch 2', b'batch 9'), id='other-version'),
])
def test_malformed_messages_are_counted_and_ignored(content: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        decode(content)
    server = BatchServer()
    assert server.handle(content, 0.0) is None and server.malformed == 1


def test_a_message_survives_the_wire() -> None:
    arrays = {'a': np.arange(6.0).reshape(2, 3), 'b': np.array([True, False])}
    message = decode(Message('result', 's', 7, {'x': [1, 'é']}, arrays).encode())
    assert (message.kind, message.session, message.sequence) == ('result', 's', 7)
    assert message.facts == {'x': [1, 'é']}
    assert all(np.array_equal(message.arrays[name], array) for name, array in arrays.items())

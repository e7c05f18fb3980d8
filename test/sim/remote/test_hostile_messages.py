# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Nothing that arrives ends a process: it is ignored or refused, and the exchange goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import json
from typing import Any

from network import actions, assert_same, local_steps, Network, NUM_ENVS, remote, TASK
import numpy as np
import pytest
from safetensors.numpy import save

from drail_ros.errors import UserError
from drail_ros.sim.make import make_sim
from drail_ros.sim.remote.messages import (
    Advance,
    Assign,
    decode,
    Heartbeat,
    Refusal,
    Result,
    Snapshot,
    Status,
)
from drail_ros.sim.remote.server import BatchServer
from drail_ros.sim.remote.wire import MalformedMessageError, Packet, PROTOCOL
from drail_ros.tasks.task import Array

SIZE, WIDTH = TASK.observation_size, TASK.action_size
OTHER = 'f' * 32
"""Session of nobody who is here."""


@dataclass(frozen=True)
class Exchange:
    """What an eavesdropper knows: the trainer, its next request, and who simulates."""

    session: str
    sequence: int
    simulator: str


Forge = Callable[[Exchange], bytes]


def written(header: str, arrays: dict[str, Array] | None = None) -> bytes:
    """Return a message with any text where its JSON should be."""
    return save(arrays or {}, {'message': header})


def header(**changes: str) -> Forge:
    """Return a heartbeat with some of its JSON replaced; empty: left out."""
    def forge(exchange: Exchange) -> bytes:
        parts = {'protocol': json.dumps(PROTOCOL), 'kind': '"heartbeat"',
                 'session': json.dumps(exchange.session), 'sequence': str(exchange.sequence),
                 'facts': '{}', **changes}
        return written('{' + ', '.join(f'"{k}": {v}' for k, v in parts.items() if v) + '}')
    return forge


def changed(packet: Packet, facts: dict[str, Any], arrays: dict[str, Array | None]) -> bytes:
    """Return a message with facts and arrays replaced; None: left out."""
    return Packet(packet.kind, packet.session, packet.sequence,
                  {k: v for k, v in {**packet.facts, **facts}.items() if v is not None},
                  {k: v for k, v in {**packet.arrays, **arrays}.items() if v is not None}).pack()


def step(facts: dict[str, Any] | None = None, share: object = (0, NUM_ENVS),
         **arrays: Array | None) -> Forge:
    """Return the trainer's next request, changed."""
    def forge(exchange: Exchange) -> bytes:
        packet = Packet('step', exchange.session, exchange.sequence,
                        {'simulators': {exchange.simulator: share}}, {'actions': actions(0)})
        return changed(packet, facts or {}, arrays)
    return forge


def assign(session: str = OTHER, arrays: dict[str, Array | None] | None = None,
           **facts: object) -> Forge:
    """Return an assignment to the simulator, changed."""
    def forge(exchange: Exchange) -> bytes:
        packet = Packet('assign', session, 1, {
            'to': exchange.simulator, 'owner': 'somebody', 'task': TASK.name, 'noise': 1.0,
            'first_env': 0, 'num_envs': 2, 'seed': 0, 'want': 'result'},
            {'log': np.zeros((0, 2, WIDTH), np.float32)})
        return changed(packet, facts, arrays or {})
    return forge


DEEP = '[' * 100_000 + ']' * 100_000
BYTES = [
    pytest.param(lambda e: b'', id='empty'), pytest.param(lambda e: b'\x00' * 64, id='zeros'),
    pytest.param(lambda e: b'\xff' * 64, id='absurd-length'),
    pytest.param(lambda e: bytes(range(256)), id='noise'),
    pytest.param(lambda e: step()(e)[:-1], id='cut'),
    pytest.param(lambda e: step()(e) + b'!', id='too-long'),
    pytest.param(lambda e: (len(DEEP)).to_bytes(8, 'little') + DEEP.encode(), id='deep-header'),
    pytest.param(lambda e: step()(e).replace(PROTOCOL.encode(), b'drail_ros batch 9'),
                 id='other-version'),
    pytest.param(lambda e: step()(e).replace(b'[6,', b'[7,'), id='more-than-there-is'),
    pytest.param(lambda e: written('[]'), id='no-object'),
    pytest.param(lambda e: written('"' + 'x' * 1_000_000), id='long'),
    pytest.param(header(facts=DEEP), id='deep-facts'),
    pytest.param(header(facts='{"a":' * 50_000 + '1' + '}' * 50_000), id='deep-objects'),
    pytest.param(header(facts='[]'), id='facts-list'),
    pytest.param(header(facts=''), id='no-facts'),
    pytest.param(header(kind=''), id='no-kind'), pytest.param(header(kind='[]'), id='kind-list'),
    pytest.param(header(kind='"halt"'), id='unknown-kind'),
    pytest.param(header(kind=r'"\ud800"'), id='kind-no-text'),
    pytest.param(header(session='7'), id='session-number'),
    pytest.param(header(session='""'), id='no-session'),
    pytest.param(header(protocol='{}'), id='protocol-object'),
    *(pytest.param(header(protocol='[' * depth + ']' * depth), id=f'protocol-{depth}-deep')
      for depth in (500, 900, 990, 3000)),
    *(pytest.param(header(sequence=text), id=f'sequence-{name}') for name, text in {
        'infinite': 'Infinity', 'nan': 'NaN', 'overflow': '1e999', 'negative': '-1',
        'true': 'true', 'fraction': '1.5', 'text': '"1"', 'null': 'null', 'list': '[1]',
        'wide': str(2 ** 63), 'long': '9' * 10_000}.items()),
]
"""Nobody can read these."""

REQUESTS = [
    pytest.param(step({'simulators': None}), id='step-no-simulators'),
    pytest.param(step({'simulators': [1, 2]}), id='step-simulators-list'),
    pytest.param(step({'simulators': {str(i): (0, 1) for i in range(2000)}}), id='step-crowd'),
    *(pytest.param(step(share=share), id=f'step-share-{name}') for name, share in {
        'null': None, 'short': [0], 'text': ['0', '6'], 'true': [0, True], 'negative': [-1, 6],
        'empty': [0, 0], 'beyond': [1, 6], 'fewer': [0, 5], 'huge': [0, 10 ** 400],
        'fraction': [0.0, 6.0]}.items()),
    pytest.param(step(actions=None), id='step-no-actions'),
    pytest.param(step(actions=actions(0).astype(np.float64)), id='step-float64'),
    pytest.param(step(actions=np.zeros(NUM_ENVS, np.float32)), id='step-flat'),
    pytest.param(step(actions=np.zeros((NUM_ENVS, WIDTH + 1), np.float32)), id='step-wide'),
    pytest.param(step(actions=np.zeros((NUM_ENVS - 1, WIDTH), np.float32)), id='step-few'),
    pytest.param(step(actions=np.full((NUM_ENVS, WIDTH), np.nan, np.float32)), id='step-nan'),
    pytest.param(step(actions=np.zeros((2 ** 40, 0), np.float32)), id='step-absurd'),
    pytest.param(assign(num_envs=-1), id='assign-negative'),
    pytest.param(assign(num_envs=True), id='assign-true'),
    pytest.param(assign(num_envs=10 ** 30), id='assign-absurd'),
    pytest.param(assign(num_envs=3), id='assign-other-log'),
    pytest.param(assign(num_envs=None), id='assign-no-number'),
    pytest.param(assign(first_env=2 ** 31), id='assign-first'),
    pytest.param(assign(seed=-1), id='assign-seed'),
    pytest.param(assign(noise='1'), id='assign-noise-text'),
    pytest.param(assign(noise=10 ** 400), id='assign-noise-huge'),
    pytest.param(assign(task='../tasks/sine'), id='assign-path'),
    pytest.param(assign(task=['sine']), id='assign-task-list'),
    pytest.param(assign(owner='a\nb'), id='assign-owner-lines'),
    pytest.param(assign(owner='x' * 10_000), id='assign-owner-long'),
    pytest.param(assign(want='all'), id='assign-want'),
    pytest.param(assign(to=7), id='assign-to-number'),
    pytest.param(assign(arrays={'log': None}), id='assign-no-log'),
    pytest.param(assign(arrays={'log': np.zeros((1000, 2, WIDTH), np.float32)}), id='assign-long'),
    pytest.param(assign(arrays={'log': np.full((1, 2, WIDTH), np.inf, np.float32)}),
                 id='assign-infinite-log'),
    pytest.param(lambda e: Result(e.session, e.sequence, e.simulator, {}).encode(), id='result'),
    pytest.param(lambda e: Status(e.session, 0, e.simulator, 'here', '').encode(), id='status'),
]
"""A simulator can do nothing with these."""


@pytest.mark.parametrize('forge', BYTES + REQUESTS)
def test_a_simulator_ignores_what_makes_no_sense(forge: Forge) -> None:
    network = Network()
    sim, server = remote(network), network.servers[0]
    requests: list[bytes] = []
    network.on_request = requests.append
    sim.reset(4)
    steps = [sim.step(actions(i)) for i in range(3)]
    latest = decode(requests[-1])
    content = forge(Exchange(latest.session, latest.sequence + 1, server.id))
    assert server.handle(content, network.now) is None
    assert server.malformed == 1
    assert_same(steps + [sim.step(actions(i)) for i in range(3, 6)], local_steps(6))
    assert sim.replaced == 0, 'it kept working'


def state_of(num_envs: int) -> dict[str, Array]:
    sim = make_sim(TASK, num_envs, 1.0)
    sim.reset(0)
    return {f'state.{name}': array for name, array in sim.get_state().items()}


@pytest.mark.parametrize(('forge', 'reason'), [
    pytest.param(assign(task='no_such_task'), 'unknown plugin', id='task'),
    pytest.param(assign(noise=7.0), 'noise level is out of range', id='noise'),
    pytest.param(assign(num_envs=2 ** 30, arrays={
        'log': np.zeros((0, 2 ** 30, WIDTH), np.float32)}), 'too many environments', id='many'),
    pytest.param(assign(arrays={'log': np.zeros((1, 2, WIDTH + 1), np.float32)}),
                 'wrong shape of actions', id='log'),
    pytest.param(assign(arrays={**state_of(2), 'state.age': None}), 'not one of this task',
                 id='state-lacks'),
    pytest.param(assign(arrays={**state_of(2), 'state.x': np.zeros(2)}), 'not one of this task',
                 id='state-more'),
    pytest.param(assign(arrays=state_of(3)), 'not one of this task', id='state-shape'),
    pytest.param(assign(arrays={**state_of(2), 'state.age': np.zeros(2)}), 'not one of this task',
                 id='state-type'),
    pytest.param(assign(arrays={**state_of(2), 'state.readings': np.full(
        (2, TASK.reading_size), np.nan)}), "out of range in 'readings'", id='state-nan'),
    pytest.param(assign(arrays={**state_of(2), 'state.episode': np.full(2, -1)}),
                 "out of range in 'episode'", id='state-negative'),
    pytest.param(assign(arrays={**state_of(2), 'state.episode': np.full(2, 2 ** 62)}),
                 "out of range in 'episode'", id='state-huge'),
])
def test_a_simulator_refuses_what_it_cannot_do(forge: Forge, reason: str) -> None:
    network = Network()
    server = network.servers[0]
    answer = decode(server.handle(forge(Exchange('', 0, server.id)), network.now) or b'')
    assert isinstance(answer, Refusal) and reason in answer.reason
    assert server.sim is None and not server.owner, 'it is free'
    sim = remote(network)
    sim.reset(4)
    assert_same([sim.step(actions(i)) for i in range(3)], local_steps(3))


def test_what_is_wanted_is_simulated() -> None:
    """The forged assignment above is a good one where nothing of it is changed."""
    server = BatchServer(threads=1)
    for now, forge in ((0.0, assign()), (60.0, assign('e' * 32, state_of(2), want='state'))):
        answer = decode(server.handle(forge(Exchange('', 0, server.id)), now) or b'')
        assert isinstance(answer, Result), answer


def result(facts: dict[str, Any] | None = None, **arrays: Array | None) -> Forge:
    """Return the simulator's next answer, changed."""
    good = {'obs': np.zeros((NUM_ENVS, SIZE), np.float32),
            'final_obs': np.zeros((NUM_ENVS, SIZE), np.float32),
            'reward': np.zeros(NUM_ENVS, np.float32),
            **{name: np.zeros(NUM_ENVS, bool) for name in ('terminated', 'truncated', 'success')}}

    def forge(exchange: Exchange) -> bytes:
        packet = Packet('result', exchange.session, exchange.sequence,
                        {'simulator': exchange.simulator}, good)
        return changed(packet, facts or {}, arrays)
    return forge


def status(**facts: object) -> Forge:
    def forge(exchange: Exchange) -> bytes:
        packet = Packet('status', '', 0, {'simulator': 'a', 'where': 'b', 'owner': ''}, {})
        return changed(packet, facts, {})
    return forge


ANSWERS = [
    pytest.param(lambda e: Packet('status', '', 0).pack(), id='status-no-facts'),
    pytest.param(status(simulator=''), id='status-nameless'),
    pytest.param(status(owner=3), id='status-owner-number'),
    pytest.param(status(where=None), id='status-nowhere'),
    pytest.param(status(where='\x1b[2J'), id='status-control-characters'),
    pytest.param(lambda e: Packet('result', e.session, e.sequence).pack(), id='result-no-facts'),
    pytest.param(result({'simulator': ''}), id='result-nameless'),
    pytest.param(result({'simulator': ['a']}), id='result-names'),
    pytest.param(lambda e: Packet('refuse', e.session, e.sequence, {
        'simulator': e.simulator}).pack(), id='refuse-no-reason'),
    pytest.param(lambda e: Packet('refuse', e.session, e.sequence, {
        'simulator': '', 'reason': 'x'}).pack(), id='refuse-nameless'),
    pytest.param(result(obs=None), id='result-lacks'),
    pytest.param(result(more=np.zeros(NUM_ENVS)), id='result-more'),
    pytest.param(result(obs=np.zeros((NUM_ENVS, SIZE + 1), np.float32)), id='result-wide'),
    pytest.param(result(obs=np.zeros((NUM_ENVS - 1, SIZE), np.float32)), id='result-few'),
    pytest.param(result(obs=np.zeros((NUM_ENVS, SIZE))), id='result-float64'),
    pytest.param(result(success=np.zeros(NUM_ENVS, np.float32)), id='result-success-float'),
    pytest.param(result(obs=np.full((NUM_ENVS, SIZE), np.nan, np.float32)), id='result-nan'),
    pytest.param(result(reward=np.full(NUM_ENVS, np.inf, np.float32)), id='result-infinite'),
    pytest.param(step(), id='request'), pytest.param(assign(), id='assignment'),
]
"""A trainer can do nothing with these."""


@pytest.mark.parametrize('forge', BYTES + ANSWERS)
def test_a_trainer_ignores_what_makes_no_sense(forge: Forge) -> None:
    told: list[str] = []
    network = Network()
    sim, server = remote(network, told=told), network.servers[0]
    sim.reset(4)
    steps = [sim.step(actions(i)) for i in range(3)]

    def answer_first(request: bytes) -> None:
        message = decode(request)
        network.to_trainer(forge(Exchange(message.session, message.sequence, server.id)))

    network.on_request = answer_first
    steps += [sim.step(actions(i)) for i in range(3, 6)]
    assert_same(steps, local_steps(6))
    assert sim.malformed == 3 and sim.replaced == 0
    assert [text for text in told if 'makes no sense' in text] == told, 'said once'
    assert len(told) == 1 and told[0].isprintable()


@pytest.mark.parametrize('forge', [
    pytest.param(lambda e: Refusal(e.session, e.sequence, OTHER, 'go away').encode(),
                 id='a simulator not in use'),
    pytest.param(lambda e: Refusal(OTHER, e.sequence, e.simulator, 'go away').encode(),
                 id='another session'),
    pytest.param(lambda e: Refusal(e.session, e.sequence - 1, e.simulator, 'go away').encode(),
                 id='an earlier request'),
])
def test_a_refusal_that_does_not_concern_the_trainer_does_not_end_it(forge: Forge) -> None:
    network = Network()
    sim, server = remote(network), network.servers[0]
    sim.reset(4)

    def refuse_first(request: bytes) -> None:
        message = decode(request)
        network.to_trainer(forge(Exchange(message.session, message.sequence, server.id)))

    network.on_request = refuse_first
    assert_same([sim.step(actions(i)) for i in range(3)], local_steps(3))


def test_a_refusal_before_any_simulator_is_in_use_does_not_end_the_trainer() -> None:
    network = Network()
    sim = remote(network)
    network.to_trainer(Packet('refuse', sim._session, 1, {'simulator': '', 'reason': ''}).pack())
    network.to_trainer(Refusal(sim._session, 1, OTHER, 'go away').encode())
    sim.reset(4)
    assert_same([sim.step(actions(i)) for i in range(3)], local_steps(3))


def test_a_state_of_another_layout_is_ignored() -> None:
    network = Network(2)
    sim = remote(network, 2)
    sim.reset(4)

    def answer_first(request: bytes) -> None:
        message = decode(request)
        assert isinstance(message, Snapshot)
        name, (_, count) = list(message.simulators.items())[1]
        network.to_trainer(Result(message.session, message.sequence, name,
                                  {'age': np.zeros(count + 1)}).encode())

    network.on_request = answer_first
    state = sim.get_state()
    local = make_sim(TASK, NUM_ENVS, 1.0)
    local.reset(4)
    assert sim.malformed == 1
    assert all(np.array_equal(state[name], array) for name, array in local.get_state().items())


@pytest.mark.parametrize('wrong', [np.zeros((NUM_ENVS, WIDTH + 1)), np.zeros(NUM_ENVS),
                                   np.full((NUM_ENVS, WIDTH), np.nan)])
def test_a_trainer_is_told_of_actions_that_cannot_be_sent(wrong: Array) -> None:
    sim = remote(Network())
    sim.reset(4)
    with pytest.raises(UserError, match='actions cannot be simulated'):
        sim.step(wrong)
    assert_same([sim.step(actions(0))], local_steps(1))


@pytest.mark.parametrize('reason', ['a\nb: é', 'a\tb \ud800 c', 'x' * 10_000])
def test_every_refusal_can_be_read(reason: str) -> None:
    answer = decode(Refusal('s', 1, 'a', reason).encode())
    assert isinstance(answer, Refusal)
    assert answer.reason == reason.replace('\t', '?').replace('\ud800', '?')[:4000]


def test_late_assignments_change_nothing() -> None:
    network, requests = Network(), []
    sim = remote(network)
    network.on_request = requests.append
    sim.reset(4)
    first = sim.step(actions(0))
    late = next(content for content in requests if isinstance(decode(content), Assign))
    assert network.servers[0].handle(late, network.now) is None
    assert_same([first, sim.step(actions(1))], local_steps(2))
    assert sum(isinstance(decode(content), Assign) for content in requests) == 1


@pytest.mark.parametrize('message', [
    Heartbeat('s', 7), Status('', 0, 'a', 'host process 3', ''), Refusal('s', 1, 'a', 'no: é'),
    Snapshot('s', 2, {'a': (0, 3), 'b': (3, 3)}), Advance('s', 3, {'a': (0, 6)}, actions(1)),
    Result('s', 4, 'a', {'x': np.arange(6.0).reshape(2, 3), 'y': np.array([True, False])}),
    Assign('s', 5, 'a', 'o', 'sine', 1.5, 3, 2, 2 ** 63 - 1, True,
           np.zeros((4, 2, 1), np.float32), {'age': np.arange(2)}),
], ids=lambda message: message.kind)
def test_a_message_survives_the_wire(message: Any) -> None:
    found = decode(message.encode())
    assert type(found) is type(message)
    np.testing.assert_equal(vars(found), vars(message))


def test_damaged_bytes_are_a_message_or_none() -> None:
    exchange = Exchange('s' * 32, 2, 'a')
    rng, malformed = np.random.default_rng(0), 0
    for forge in (step(), assign(), result(), status()):
        content = forge(exchange)
        for position in range(0, len(content), 3):
            damaged = bytearray(content)
            damaged[position] = rng.integers(256)
            try:
                decode(bytes(damaged))
            except MalformedMessageError:
                malformed += 1
    assert malformed > 300

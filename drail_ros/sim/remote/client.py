# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A batch simulated by other processes: the trainer's side, apart from what carries messages.

Every request has a sequence number and is repeated until each simulator has answered it, so
nothing is simulated twice or left out when messages are lost, doubled or late. The last exact
state and the actions since are kept: whoever takes over the slice of a lost simulator gets both,
replays, and ends in the very state that was lost. ``server.py`` is the other side,
``messages.py`` what they say.

Whatever else arrives is counted and ignored, so that a trainer ends for two reasons only: a
simulator that it works with refuses, or all are held by another trainer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import time
from typing import Protocol
import uuid

import numpy as np

from drail_ros.errors import UserError
from drail_ros.sim.batch_sim import SimulationStopped, State, Step
from drail_ros.sim.remote.messages import (
    Advance,
    Assign,
    decode,
    Heartbeat,
    LEASE_S,
    LONGEST_LOG,
    MOST_SIMULATORS,
    Refusal,
    Release,
    Result,
    Snapshot,
    Status,
    STATUS_PERIOD_S,
    whoami,
)
from drail_ros.sim.remote.results import check_result, joined
from drail_ros.sim.remote.wire import MalformedMessageError
from drail_ros.tasks.task import Array, Task

RESEND_AFTER_S = 0.5
SILENT_AFTER_S = 4.0
"""A simulator that answers nothing and sends no status for so long is replaced if one is idle."""
WARN_EVERY_S = 5.0
STOPPED_AFTER_S = 2.0
"""Who was asked to stop waits so long for an answer, and no longer."""
HEARTBEAT_PERIOD_S = 1.0


class Channel(Protocol):
    """Carries messages to all simulators, and from all."""

    def send(self, content: bytes) -> None:
        """Send to every simulator; may lose or repeat it."""

    def receive(self, timeout_s: float) -> bytes | None:
        """Return the next message, or None after ``timeout_s``."""


@dataclass
class _Part:
    """A slice of the batch and who simulates it."""

    first: int
    count: int
    simulator: str = ''


@dataclass
class _Peer:
    """What is known of a simulator."""

    heard: float
    session: str
    owner: str
    where: str


class RemoteSim:
    """BatchSim over a channel; ``simulators`` of them share the batch evenly.

    ``warn`` is told of waiting and of replacements. Waits as long as it takes for a simulator, or
    until ``should_stop``.

    Raises:
        UserError: from any call: another trainer holds all simulators, or one refuses the task.
        SimulationStopped: from any call: ``should_stop``, and nothing answers.

    """

    def __init__(self, channel: Channel, task: Task, num_envs: int, noise: float, *,
                 simulators: int = 1, warn: Callable[[str], object] = print,
                 should_stop: Callable[[], bool] = lambda: False,
                 clock: Callable[[], float] = time.monotonic) -> None:
        most = min(num_envs, MOST_SIMULATORS)
        if not 1 <= simulators <= most:
            raise UserError('wrong number of simulators', found=simulators,
                            expected=f'1 to {most} for {num_envs} environments')
        self.task, self.num_envs = task, num_envs
        self._noise, self._channel, self._warn, self._clock = noise, channel, warn, clock
        self._should_stop = should_stop
        self._session, self._sequence = uuid.uuid4().hex, 0
        edges = np.linspace(0, num_envs, simulators + 1).astype(int)
        self._parts = [_Part(int(a), int(b - a)) for a, b in zip(edges[:-1], edges[1:])]
        self._peers: dict[str, _Peer] = {}
        self._seed = 0
        self._state: State = {}
        self._log: list[Array] = []
        self.replaced = 0
        """Simulators replaced so far."""
        self.malformed = 0
        """Messages that could not be read or made no sense, ignored."""

    def reset(self, seed: int) -> Array:
        """Start episode 0 of every environment and return observations ``[N, O]``."""
        self._seed, self._state, self._log = seed, {}, []
        return self._begin()

    def set_state(self, state: State) -> Array:
        """Continue from a state and return its observations ``[N, O]``."""
        self._state, self._log = {k: np.array(v) for k, v in state.items()}, []
        return self._begin()

    def step(self, actions: Array) -> Step:
        """Advance one control step with normalised actions ``[N, A]``.

        Raises:
            UserError: an action is not finite, or the array has the wrong shape; and as above.

        """
        expected = (self.num_envs, self.task.action_size)
        if actions.shape != expected or not np.isfinite(actions).all():
            raise UserError('actions cannot be simulated', found=f'shape {actions.shape}, or '
                            'numbers that are not finite', expected=f'finite ones of {expected}')
        if len(self._log) >= LONGEST_LOG:
            self.get_state()
        self._log.append(np.array(actions, np.float32))
        return Step(**self._exchange('step'))

    def get_state(self) -> State:
        """Return a copy of the exact state."""
        self._state, self._log = self._exchange('snapshot'), []
        return {name: array.copy() for name, array in self._state.items()}

    def heartbeat(self) -> None:
        """Tell the simulators that this trainer lives; call every ``HEARTBEAT_PERIOD_S``."""
        self._channel.send(Heartbeat(self._session, self._sequence).encode())

    def close(self) -> None:
        """Let the simulators go, which free themselves too when this trainer falls silent."""
        self._channel.send(Release(self._session, self._sequence).encode())

    def _begin(self) -> Array:
        for part in self._parts:
            if not self._is_mine(part):
                part.simulator = ''
        return self._exchange('assign')['obs']

    def _exchange(self, kind: str) -> dict[str, Array]:
        """Have every part answer the request once; return the answers put together."""
        while (content := self._channel.receive(0.0)) is not None:
            self._hear(content)  # who spoke while this trainer learned is alive
        self._sequence += 1
        answers: dict[int, Mapping[str, Array]] = {}
        broadcast = self._broadcast(kind)
        if broadcast:
            self._channel.send(broadcast)
        began = sent = warned = answered = self._clock()
        assigned: dict[str, float] = {}
        while True:
            waiting = [i for i in range(len(self._parts)) if i not in answers]
            if not waiting:
                return joined([answers[i] for i in range(len(self._parts))])
            for i in waiting:
                self._staff(self._parts[i], kind, assigned)
            message = self._receive()
            now = self._clock()
            if message is not None and message.sequence == self._sequence:
                for i in waiting:
                    if message.simulator == self._parts[i].simulator:
                        self._take(message, kind, i, answers)
                        answered = now
            if now - answered > STOPPED_AFTER_S and self._should_stop():
                raise SimulationStopped
            if now - sent > RESEND_AFTER_S:
                sent = now
                if broadcast:
                    self._channel.send(broadcast)
            if now - warned > WARN_EVERY_S:
                warned = now
                self._explain(now - began)

    def _broadcast(self, kind: str) -> bytes:
        """Return the request to all simulators; none where each is assigned its part."""
        shares = {part.simulator: (part.first, part.count) for part in self._parts}
        if kind == 'step':
            return Advance(self._session, self._sequence, shares, self._log[-1]).encode()
        if kind == 'snapshot':
            return Snapshot(self._session, self._sequence, shares).encode()
        return b''

    def _staff(self, part: _Part, kind: str, assigned: dict[str, float]) -> None:
        """See that a simulator works on the part's answer: assign it where none does."""
        now, mine = self._clock(), self._is_mine(part)
        if mine and kind != 'assign':
            return
        if part.simulator in assigned and self._is_alive(part.simulator, now):
            if now - assigned[part.simulator] <= RESEND_AFTER_S:
                return
        elif not mine and not self._replace(part, now):
            return
        assigned[part.simulator] = now
        self._assign(part, kind)

    def _replace(self, part: _Part, now: float) -> bool:
        """Give the part to an idle simulator; return whether there was one."""
        taken = {p.simulator for p in self._parts if p is not part}
        for name, peer in sorted(self._peers.items()):
            if peer.session in ('', self._session) and name not in taken and self._is_alive(
                    name, now):
                if part.simulator not in ('', name):
                    self.replaced += 1
                    self._warn(f'simulator on {peer.where} takes over environments '
                               f'{part.first} to {part.first + part.count - 1}')
                part.simulator = name
                return True
        return False

    def _assign(self, part: _Part, kind: str) -> None:
        rows = slice(part.first, part.first + part.count)
        log = np.zeros((len(self._log), part.count, self.task.action_size), np.float32)
        for i, actions in enumerate(self._log):
            log[i] = actions[rows]
        self._channel.send(Assign(
            self._session, self._sequence, to=part.simulator, owner=whoami(), task=self.task.name,
            noise=self._noise, first_env=part.first, num_envs=part.count, seed=self._seed,
            wants_state=kind == 'snapshot', log=log,
            state={name: array[rows] for name, array in self._state.items()}).encode())

    def _receive(self) -> Result | Refusal | None:
        """Return the next answer of this session; notes every simulator that is heard."""
        content = self._channel.receive(min(RESEND_AFTER_S, STATUS_PERIOD_S))
        return None if content is None else self._hear(content)

    def _hear(self, content: bytes) -> Result | Refusal | None:
        try:
            message = decode(content)
            if not isinstance(message, (Status, Result, Refusal)):
                raise MalformedMessageError(f'{message.kind!r} is no answer')
        except MalformedMessageError as error:
            self._ignore(error)
            return None
        now = self._clock()
        if isinstance(message, Status):
            self._peers = {name: peer for name, peer in self._peers.items()
                           if now - peer.heard < SILENT_AFTER_S}
            self._peers[message.simulator] = _Peer(now, message.session, message.owner,
                                                   message.where)
            return None
        if message.session != self._session:
            return None
        if message.simulator in self._peers:
            peer = self._peers[message.simulator]
            peer.heard, peer.session = now, self._session
        return message

    def _take(self, message: Result | Refusal, kind: str, index: int,
              answers: dict[int, Mapping[str, Array]]) -> None:
        """Note the answer of one part, where it makes sense.

        Raises:
            UserError: it is a refusal.

        """
        if isinstance(message, Refusal):
            raise UserError('a simulator refuses to work for this trainer',
                            found=message.reason, expected='a free simulator',
                            do='mend what it says, or use another namespace or ROS_DOMAIN_ID')
        try:
            check_result(message.arrays, kind, self._parts[index].count,
                         self.task.observation_size, next(iter(answers.values()), None))
        except MalformedMessageError as error:
            self._ignore(error)
        else:
            answers[index] = message.arrays

    def _ignore(self, error: MalformedMessageError) -> None:
        """Count a message that makes no sense; say so once."""
        self.malformed += 1
        if self.malformed == 1:
            self._warn(f'a message that makes no sense is ignored, as all like it: {error}')

    def _is_mine(self, part: _Part) -> bool:
        peer = self._peers.get(part.simulator)
        return peer is not None and peer.session == self._session and self._is_alive(
            part.simulator, self._clock())

    def _is_alive(self, name: str, now: float) -> bool:
        return name in self._peers and now - self._peers[name].heard < SILENT_AFTER_S

    def _explain(self, waited: float) -> None:
        """Say what is waited for; give up where another trainer holds the simulators."""
        now = self._clock()
        others = {p.owner for name, p in self._peers.items()
                  if p.session not in ('', self._session) and self._is_alive(name, now)}
        missing = sum(not self._is_mine(part) for part in self._parts)
        if missing == len(self._parts) and others and waited > 2 * LEASE_S:
            raise UserError('the simulators work for another trainer',
                            found=f'a trainer on {", ".join(sorted(others))}',
                            expected='idle simulators',
                            do='stop it, or use another namespace or ROS_DOMAIN_ID')
        if missing:
            self._warn(f'waiting for {missing} of {len(self._parts)} simulators since '
                       f'{waited:.0f} s')

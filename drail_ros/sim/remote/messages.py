# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What a trainer and its simulators say to each other, typed; times and limits both keep.

Requests: ``Assign`` (to one simulator), ``Advance``, ``Snapshot``, ``Heartbeat`` and ``Release``
(to all of a session). Answers: ``Result``, ``Refusal``. ``Status`` is sent unasked, now and then.
``decode`` gives nothing else, and each only with facts that have the type and shape said here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import os
import re
import socket
from typing import Any, ClassVar

import numpy as np

from drail_ros.sim.batch_sim import State
from drail_ros.sim.remote.wire import (
    is_count,
    LONGEST_TEXT,
    MalformedMessageError,
    Packet,
    unpack,
)
from drail_ros.tasks.task import Array

STATUS_PERIOD_S = 0.5
LEASE_S = 5.0
"""A simulator that heard nothing of its trainer for so long is free for another."""
LONGEST_LOG = 512
"""Steps replayed at most: a trainer fetches a new state after so many."""
MOST_ENVIRONMENTS = 2 ** 31 - 1
"""Of a whole batch: an environment's number is half of the key of its randomness."""
MOST_SIMULATORS = 1024

_TASK_NAME = re.compile(r'[\w-]+')
"""A name, never a path: a message must not choose which file is run."""
_STATE = 'state.'
_WANTED = ('result', 'state')


def whoami() -> str:
    """Return this process in words, for the other side's messages."""
    return f'{socket.gethostname()} process {os.getpid()}'


@dataclass(frozen=True)
class Message:
    """``session`` names the trainer, ``sequence`` which of its requests this is or answers."""

    kind: ClassVar[str]

    session: str
    sequence: int

    @classmethod
    def read(cls, packet: Packet) -> Message:
        """Return the message in a packet; one without facts says all by its kind."""
        return cls(packet.session, packet.sequence)

    def encode(self) -> bytes:
        """Return the bytes."""
        return Packet(self.kind, self.session, self.sequence, self._facts(),
                      self._arrays()).pack()

    def _facts(self) -> dict[str, Any]:
        return {}

    def _arrays(self) -> Mapping[str, Array]:
        return {}


@dataclass(frozen=True)
class Heartbeat(Message):
    """The trainer lives."""

    kind = 'heartbeat'


@dataclass(frozen=True)
class Release(Message):
    """The trainer needs its simulators no longer."""

    kind = 'release'


@dataclass(frozen=True)
class Assign(Message):
    """One simulator is to take over n environments, and answer with what the last step gave."""

    kind = 'assign'

    to: str
    owner: str
    """The trainer, in words."""
    task: str
    noise: float
    first_env: int
    num_envs: int
    seed: int
    """Begins the episodes where there is no state."""
    wants_state: bool
    """Whether the answer is the state, or what the last step gave (the first observations)."""
    log: Array
    """``[T, n, A]`` float32: actions since the state, to be replayed."""
    state: State
    """Arrays ``[n, …]`` to begin from."""

    def _facts(self) -> dict[str, Any]:
        return {'to': self.to, 'owner': self.owner, 'task': self.task, 'noise': self.noise,
                'first_env': self.first_env, 'num_envs': self.num_envs, 'seed': self.seed,
                'want': _WANTED[self.wants_state]}

    def _arrays(self) -> Mapping[str, Array]:
        return {'log': self.log, **{_STATE + name: a for name, a in self.state.items()}}

    @classmethod
    def read(cls, packet: Packet) -> Assign:
        """Return the message in a packet; what the state must hold only the simulation knows."""
        task, want = packet.name('task'), packet.fact('want')
        if not _TASK_NAME.fullmatch(task) or want not in _WANTED:
            raise MalformedMessageError("'assign' names no task, or wants nothing")
        first = packet.count('first_env', 0, MOST_ENVIRONMENTS)
        count = packet.count('num_envs', 1, MOST_ENVIRONMENTS - first)
        log = packet.array('log', np.float32, (None, count, None))
        if len(log) > LONGEST_LOG:
            raise MalformedMessageError(f"'assign' replays {len(log)} steps")
        state = {name.removeprefix(_STATE): array for name, array in packet.arrays.items()
                 if name.startswith(_STATE)}
        return cls(packet.session, packet.sequence, packet.name('to'), packet.name('owner'), task,
                   packet.number('noise'), first, count, packet.count('seed'), want == 'state',
                   log, state)


@dataclass(frozen=True)
class Shared(Message):
    """A request to all simulators of a session: which simulator has which environments."""

    simulators: Mapping[str, tuple[int, int]]
    """First environment and number of environments, by the simulator's id."""

    def _facts(self) -> dict[str, Any]:
        return {'simulators': dict(self.simulators)}


@dataclass(frozen=True)
class Advance(Shared):
    """One control step."""

    kind = 'step'

    actions: Array
    """``[N, A]`` float32, of the whole batch."""

    def _arrays(self) -> Mapping[str, Array]:
        return {'actions': self.actions}

    @classmethod
    def read(cls, packet: Packet) -> Advance:
        """Return the message in a packet; every share lies within the batch."""
        actions = packet.array('actions', np.float32, (None, None))
        return cls(packet.session, packet.sequence, _shares(packet, len(actions)), actions)


@dataclass(frozen=True)
class Snapshot(Shared):
    """The state is asked for."""

    kind = 'snapshot'

    @classmethod
    def read(cls, packet: Packet) -> Snapshot:
        """Return the message in a packet."""
        return cls(packet.session, packet.sequence, _shares(packet, MOST_ENVIRONMENTS))


@dataclass(frozen=True)
class Result(Message):
    """What a simulator did; which arrays it gives follows from what was asked for."""

    kind = 'result'

    simulator: str
    arrays: Mapping[str, Array]

    def _facts(self) -> dict[str, Any]:
        return {'simulator': self.simulator}

    def _arrays(self) -> Mapping[str, Array]:
        return self.arrays

    @classmethod
    def read(cls, packet: Packet) -> Result:
        """Return the message in a packet; whoever asked must check the arrays."""
        return cls(packet.session, packet.sequence, packet.name('simulator'), packet.arrays)


@dataclass(frozen=True)
class Refusal(Message):
    """A simulator does not do what was asked for."""

    kind = 'refuse'

    simulator: str
    reason: str

    def _facts(self) -> dict[str, Any]:
        sayable = ''.join(c if c.isprintable() or c == '\n' else '?' for c in self.reason)
        return {'simulator': self.simulator, 'reason': sayable[:LONGEST_TEXT]}

    @classmethod
    def read(cls, packet: Packet) -> Refusal:
        """Return the message in a packet."""
        return cls(packet.session, packet.sequence, packet.name('simulator'),
                   packet.text('reason'))


@dataclass(frozen=True)
class Status(Message):
    """A simulator lives; ``session`` is the one it works for, empty where it is idle."""

    kind = 'status'

    simulator: str
    where: str
    """Host and process, in words."""
    owner: str
    """The trainer served, in words; empty where it is idle."""

    def _facts(self) -> dict[str, Any]:
        return {'simulator': self.simulator, 'where': self.where, 'owner': self.owner}

    @classmethod
    def read(cls, packet: Packet) -> Status:
        """Return the message in a packet."""
        return cls(packet.session, packet.sequence, packet.name('simulator'),
                   packet.name('where'), packet.name('owner', may_be_empty=True))


_READERS: dict[str, Callable[[Packet], Message]] = {
    message.kind: message.read
    for message in (Heartbeat, Release, Assign, Advance, Snapshot, Result, Refusal, Status)}


def decode(content: bytes) -> Message:
    """Return the message in some bytes.

    Raises:
        MalformedMessageError: they hold none, one of another protocol version, or one with facts
            or arrays missing or of another type, shape or range.

    """
    packet = unpack(content)
    if packet.kind not in _READERS:
        raise MalformedMessageError(f'unknown kind {packet.kind!r}')
    if not packet.session and packet.kind != Status.kind:
        raise MalformedMessageError(f'{packet.kind!r} of no session')
    return _READERS[packet.kind](packet)


def _shares(packet: Packet, num_envs: int) -> dict[str, tuple[int, int]]:
    shares = packet.fact('simulators')
    if not isinstance(shares, dict) or len(shares) > MOST_SIMULATORS:
        raise MalformedMessageError(f'{packet.kind!r} has no simulators')
    for share in shares.values():
        if not (isinstance(share, list) and len(share) == 2 and is_count(share[0], 0, num_envs)
                and is_count(share[1], 1, num_envs - share[0])):
            raise MalformedMessageError(f'{packet.kind!r} has a share beyond the batch')
    return {name: (first, count) for name, (first, count) in shares.items()}

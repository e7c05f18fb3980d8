"""The simulator's side of training over messages, apart from what carries them.

A simulator is a stateless worker: a trainer assigns it a slice of the batch together with the
exact state to begin from and the actions taken since. So a simulator that was killed is replaced
by any other, and training goes on as if nothing had happened. ``client.py`` is the trainer's
side.

Requests: ``assign`` (to one simulator), ``step`` and ``snapshot`` (to all of a session),
``heartbeat``. Answers: ``result``, ``refuse``; ``status`` is sent unasked, now and then.
"""

from __future__ import annotations

import os
import socket
import uuid
from typing import Any

import numpy as np

from drail_ros import plugins
from drail_ros.errors import UserError
from drail_ros.sim.batch_sim import State
from drail_ros.sim.episodes import EpisodicSim
from drail_ros.sim.make import make_sim
from drail_ros.sim.remote.messages import MalformedMessageError, Message, decode
from drail_ros.tasks.task import Array

STATUS_PERIOD_S = 0.5
LEASE_S = 5.0
"""A simulator that heard nothing of its trainer for so long is free for another."""


def whoami() -> str:
    """Return this process in words, for the other side's messages."""
    return f'{socket.gethostname()} process {os.getpid()}'


class BatchServer:
    """Answers requests; each exactly once, however often it arrives.

    Times are seconds of any steady clock.
    """

    def __init__(self, threads: int = 0) -> None:
        self.id = uuid.uuid4().hex
        self.malformed = 0
        """Messages that could not be read, ignored."""
        self._threads = threads
        self._sim: EpisodicSim | None = None
        self._session, self._owner, self._heard = '', '', 0.0
        self._sequence, self._answer = -1, b''

    @property
    def sim(self) -> EpisodicSim | None:
        """The slice being simulated; None when idle."""
        return self._sim

    @property
    def owner(self) -> str:
        """The trainer served, in words; empty when idle."""
        return self._owner

    def handle(self, content: bytes, now: float) -> bytes | None:
        """Return the answer to a message, if it needs one."""
        try:
            request = decode(content)
        except MalformedMessageError:
            self.malformed += 1
            return None
        if request.kind == 'assign':
            return self._assign(request, now) if request.facts.get('to') == self.id else None
        if request.session != self._session or not self._session:
            return None
        self._heard = now
        if request.kind == 'heartbeat' or request.sequence < self._sequence:
            return None
        if request.sequence == self._sequence:
            return self._answer
        if request.sequence > self._sequence + 1 or self.id not in request.facts['simulators']:
            self._release()  # replaced, or a request was missed: the trainer will assign anew
            return None
        try:
            return self._do(request)
        except UserError as error:
            return self._refusal(request, str(error))

    def status(self, now: float) -> bytes:
        """Return what to send unasked every ``STATUS_PERIOD_S``; frees itself of a dead trainer.

        A trainer that waits for simulators learns from it who is idle, who is not, and for whom.
        """
        if self._session and now - self._heard > LEASE_S:
            self._release()
        return Message('status', self._session, facts={
            'simulator': self.id, 'where': whoami(), 'owner': self._owner}).encode()

    def close(self) -> None:
        """Release the simulation."""
        self._release()

    def _assign(self, request: Message, now: float) -> bytes:
        if (request.session, request.sequence) == (self._session, self._sequence):
            self._heard = now
            return self._answer
        if self._session not in ('', request.session) and now - self._heard <= LEASE_S:
            return self._refusal(request, f'busy with the trainer on {self._owner}')
        self._release()
        facts = request.facts
        try:
            self._sim = make_sim(plugins.load(plugins.TASKS, facts['task']), facts['num_envs'],
                                 facts['noise'], threads=self._threads,
                                 first_env=facts['first_env'])
        except UserError as error:
            return self._refusal(request, str(error))
        self._session, self._owner, self._heard = request.session, facts['owner'], now
        result = self._begin(request)
        for actions in request.arrays['log']:
            result = _step(self._sim, actions)
        return self._remember(request, self._sim.get_state() if facts['want'] == 'state'
                              else result)

    def _begin(self, request: Message) -> dict[str, Array]:
        assert self._sim is not None
        state = {name.removeprefix('state.'): array for name, array in request.arrays.items()
                 if name.startswith('state.')}
        if state:
            return {'obs': self._sim.set_state(state)}
        return {'obs': self._sim.reset(int(request.facts['seed']))}

    def _do(self, request: Message) -> bytes:
        assert self._sim is not None
        if request.kind == 'snapshot':
            return self._remember(request, self._sim.get_state())
        first, count = request.facts['simulators'][self.id]
        return self._remember(request, _step(self._sim, request.arrays['actions'][
            first:first + count]))

    def _remember(self, request: Message, arrays: State) -> bytes:
        self._sequence = request.sequence
        self._answer = Message('result', request.session, request.sequence,
                               {'simulator': self.id}, arrays).encode()
        return self._answer

    def _refusal(self, request: Message, reason: str) -> bytes:
        return Message('refuse', request.session, request.sequence,
                       {'simulator': self.id, 'reason': reason}).encode()

    def _release(self) -> None:
        if self._sim is not None:
            self._sim.close()
        self._sim = None
        self._session, self._owner, self._sequence, self._answer = '', '', -1, b''


def _step(sim: EpisodicSim, actions: Array) -> dict[str, Any]:
    step = sim.step(np.asarray(actions))
    return {'obs': step.obs, 'final_obs': step.final_obs, 'terminated': step.terminated,
            'truncated': step.truncated, 'success': step.success, 'reward': step.reward}

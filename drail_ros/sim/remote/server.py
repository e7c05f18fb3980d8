# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The simulator's side of training over messages, apart from what carries them.

A simulator is a stateless worker: a trainer assigns it a slice of the batch together with the
exact state to begin from and the actions taken since. So a simulator that was killed is replaced
by any other, and training goes on as if nothing had happened. ``client.py`` is the trainer's
side, ``messages.py`` what they say.

Nothing that arrives ends a simulator: what is malformed is counted and ignored, what cannot be
done is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
import uuid

import numpy as np

from drail_ros import plugins
from drail_ros.errors import UserError
from drail_ros.sim.batch_sim import State
from drail_ros.sim.episodes import EpisodicSim
from drail_ros.sim.make import make_sim
from drail_ros.sim.remote.messages import (
    Advance,
    Assign,
    decode,
    Heartbeat,
    LEASE_S,
    Message,
    Refusal,
    Release,
    Result,
    Snapshot,
    Status,
    whoami,
)
from drail_ros.sim.remote.results import arrays_of
from drail_ros.sim.remote.wire import LARGEST_COUNT, MalformedMessageError
from drail_ros.tasks.task import Array

MOST_ENVIRONMENTS_HERE = 16_384
"""Of one simulator: a number that is out of range must not fill the memory."""
_LARGEST_INTEGER = 2 ** 31 - 1
"""In a state, but for its seed: an episode's number is half of the key of its randomness."""


class BatchServer:
    """Answers requests; each exactly once, however often it arrives.

    Times are seconds of any steady clock.
    """

    def __init__(self, threads: int = 0) -> None:
        self.id = uuid.uuid4().hex
        self.malformed = 0
        """Messages that could not be read or made no sense, ignored."""
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
            return self._handle(decode(content), now)
        except MalformedMessageError:
            self.malformed += 1
            return None

    def status(self, now: float) -> bytes:
        """Return what to send unasked every ``STATUS_PERIOD_S``; frees itself of a dead trainer.

        A trainer that waits for simulators learns from it who is idle, who is not, and for whom.
        """
        if self._session and now - self._heard > LEASE_S:
            self._release()
        return Status(self._session, 0, self.id, whoami(), self._owner).encode()

    def close(self) -> None:
        """Release the simulation."""
        self._release()

    def _handle(self, request: Message, now: float) -> bytes | None:
        if isinstance(request, Assign):
            return self._assign(request, now) if request.to == self.id else None
        if not isinstance(request, (Heartbeat, Release, Advance, Snapshot)):
            raise MalformedMessageError(f'{request.kind!r} is no request')
        if request.session != self._session:
            return None
        self._heard = now
        if isinstance(request, Release):
            self._release()
            return None
        if isinstance(request, Heartbeat) or request.sequence < self._sequence:
            return None
        if request.sequence == self._sequence:
            return self._answer
        if request.sequence > self._sequence + 1 or self.id not in request.simulators:
            self._release()  # replaced, or a request was missed: the trainer will assign anew
            return None
        try:
            return self._do(request)
        except MalformedMessageError:
            raise
        except Exception as error:  # of the task's own code, too
            return self._refusal(request, _reason(error))

    def heard(self, now: float) -> None:
        """Count from now for how long the trainer was silent: what took long before was work."""
        self._heard = now

    def _assign(self, request: Assign, now: float) -> bytes | None:
        if request.session == self._session and request.sequence <= self._sequence:
            self._heard = now
            return self._answer if request.sequence == self._sequence else None
        if self._session not in ('', request.session) and now - self._heard <= LEASE_S:
            return self._refusal(request, f'busy with the trainer on {self._owner}')
        self._release()
        try:
            arrays = self._begin(request)
        except Exception as error:  # of the task's own code, too
            self._release()
            return self._refusal(request, _reason(error))
        self._session, self._owner, self._heard = request.session, request.owner, now
        return self._remember(request, arrays)

    def _begin(self, request: Assign) -> Mapping[str, Array]:
        """Take over the slice; return what is wanted.

        Raises:
            UserError: there is no such task, or it has other noise, actions or states.

        """
        if request.num_envs > MOST_ENVIRONMENTS_HERE:
            raise UserError('too many environments for one simulator', found=request.num_envs,
                            expected=f'at most {MOST_ENVIRONMENTS_HERE}',
                            do='start more simulators')
        task = plugins.load(plugins.TASKS, request.task)
        self._sim = sim = make_sim(task, request.num_envs, request.noise, threads=self._threads,
                                   first_env=request.first_env)
        if request.state:
            _check_state(request.state, sim.get_state())
            arrays = {'obs': sim.set_state(request.state)}
        else:
            arrays = {'obs': sim.reset(request.seed)}
        for actions in request.log:
            arrays = arrays_of(sim.step(actions))
        return sim.get_state() if request.wants_state else arrays

    def _do(self, request: Advance | Snapshot) -> bytes:
        assert self._sim is not None
        if isinstance(request, Snapshot):
            return self._remember(request, self._sim.get_state())
        first, count = request.simulators[self.id]
        actions = request.actions[first:first + count]
        if actions.shape != (self._sim.num_envs, self._sim.task.action_size):
            raise MalformedMessageError('actions of other environments than are simulated')
        return self._remember(request, arrays_of(self._sim.step(actions)))

    def _remember(self, request: Message, arrays: Mapping[str, Array]) -> bytes:
        self._sequence = request.sequence
        self._answer = Result(request.session, request.sequence, self.id, arrays).encode()
        return self._answer

    def _refusal(self, request: Message, reason: str) -> bytes:
        return Refusal(request.session, request.sequence, self.id, reason).encode()

    def _release(self) -> None:
        if self._sim is not None:
            self._sim.close()
        self._sim = None
        self._session, self._owner, self._sequence, self._answer = '', '', -1, b''


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, UserError) else repr(error)


def _check_state(found: State, expected: State) -> None:
    """Compare a state from outside with one of the simulation that is to continue from it.

    Raises:
        UserError: it has other arrays, or a number in it is out of range.

    """
    def layout(state: State) -> dict[str, str]:
        return {name: f'{array.dtype} {array.shape}' for name, array in sorted(state.items())}

    if layout(found) != layout(expected):
        raise UserError('the state is not one of this task and release', found=layout(found),
                        expected=layout(expected), do='use the same release on both sides')
    for name, array in found.items():
        largest = LARGEST_COUNT if name == 'seed' else _LARGEST_INTEGER
        whole = np.issubdtype(array.dtype, np.integer)
        if not np.isfinite(array).all() or (whole and ((array < 0) | (array > largest)).any()):
            raise UserError(f'the state holds numbers out of range in {name!r}',
                            expected=f'0 to {largest}' if whole else 'finite numbers',
                            do='continue from an earlier checkpoint')

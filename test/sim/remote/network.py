# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A network in simulated time, a trainer and simulators on it, and what a local one would do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from drail_ros import plugins
from drail_ros.sim.batch_sim import Step
from drail_ros.sim.make import make_sim
from drail_ros.sim.remote.client import RemoteSim
from drail_ros.sim.remote.messages import STATUS_PERIOD_S
from drail_ros.sim.remote.server import BatchServer

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
        self.on_request: Callable[[bytes], None] = lambda content: None

    def send(self, content: bytes) -> None:
        self.on_request(content)
        self.to_servers(content)

    def hold(self) -> None:
        """Let the simulators work; what they say waits for the trainer."""
        if self.now >= self._next_status:
            self._next_status = self.now + STATUS_PERIOD_S
            for server in self.servers:
                self._post(self._to_trainer, server.status(self.now))
        for content in self._due(self._to_servers):
            for server in self.servers:
                if answer := server.handle(content, self.now):
                    self._post(self._to_trainer, answer)

    def receive(self, timeout_s: float) -> bytes | None:
        until = self.now + timeout_s
        while True:
            self.hold()
            arrived = self._due(self._to_trainer)
            if arrived:
                self._to_trainer += [(self.now, content) for content in arrived[1:]]
                return arrived[0]
            if self.now >= until:
                return None
            self.now += 0.01

    def to_servers(self, content: bytes) -> None:
        """Send as any trainer may."""
        self._post(self._to_servers, content)

    def to_trainer(self, content: bytes) -> None:
        """Send as any simulator may."""
        self._post(self._to_trainer, content)

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

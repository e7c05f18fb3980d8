# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A policy at the wheel of one robot: readings in, commands out when they are due. Knows no ROS.

Whoever drives it lets its ``sensors`` hear messages, and asks for the command where one is due.
Which input was refused is counted here too, for it decides how the pilot is doing.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
import math

import numpy as np

from drail_ros.deploy.onnx_policy import OnnxPolicy
from drail_ros.robot.assembler import Assembler
from drail_ros.robot.freshness import Due
from drail_ros.robot.refusals import Refusals, RefusedError
from drail_ros.tasks.task import Array

_IDLE_S = 1.0
"""A pilot that did not act for so long has a problem."""
_LATENCIES = 1000
"""Latest latencies kept for the percentiles."""


class Condition(IntEnum):
    """How a pilot is doing."""

    GOOD = 0
    DOUBTFUL = 1
    BAD = 2


class Pilot:
    """Acts for the robot of ``sensors``; times as there."""

    def __init__(self, policy: OnnxPolicy, sensors: Assembler, refusals: Refusals) -> None:
        self.task, self.sensors, self._refusals = sensors.task, sensors, refusals
        self.commands, self.stops = 0, 0
        """Answers sent, and zero commands because there was nothing to answer."""
        self._latency_s: deque[float] = deque(maxlen=_LATENCIES)
        self.use(policy)
        self.begin()

    def use(self, policy: OnnxPolicy) -> None:
        """Let a policy act, beginning with what it sees next."""
        self.policy, self._controller = policy, policy.controller(1)

    def begin(self) -> None:
        """Forget what was seen; nothing was acted upon yet."""
        self.sensors.begin()
        self._acted_s: float | None = None
        self._refused_before = self._reported = self._refusals.total

    def command(self, due: Due) -> Array:
        """Return the command ``[A]`` that answers an observation.

        Raises:
            RefusedError: it is not finite.

        """
        if due.begins:
            self.use(self.policy)
        if not due.repeats:
            self._answer = self._controller(self.sensors.observation())[0]
        if not all(map(math.isfinite, self._answer.tolist())):
            raise RefusedError('command not finite', f'the policy computed {self._answer}')
        return self._answer

    def acted(self, due: Due, now_s: float) -> None:
        """Note that the command was sent just now."""
        self._acted_s, self._refused_before = now_s, self._refusals.total
        self.commands += 1
        self._latency_s.append(now_s - due.arrived_s)

    def condition(self, now_s: float) -> tuple[Condition, str]:
        """Return how it is going since this was last asked, with the latest reason if not well."""
        refused, latest = self._refusals.total, self._refusals.latest
        reported, self._reported = self._reported, refused
        if self._acted_s is not None and now_s - self._acted_s <= _IDLE_S:
            if refused > reported:
                return Condition.DOUBTFUL, f'active; {latest}'
            return Condition.GOOD, 'active'
        only_waits = self._acted_s is None and refused == self._refused_before
        return Condition.DOUBTFUL if only_waits else Condition.BAD, self.why_idle()

    def why_idle(self) -> str:
        """Return why there is nothing to act upon, in words."""
        if self._refusals.total > self._refused_before:
            return self._refusals.latest
        return f'waiting for {", ".join(self.sensors.missing())}'

    def values(self) -> dict[str, object]:
        """Return what it did so far, by name."""
        values: dict[str, object] = {
            'commands': self.commands, 'watchdog stops': self.stops,
            'policy': self.policy.path, 'sha256': self.policy.sha256,
            'provider': self.policy.provider}
        if self._latency_s:
            p50, p99 = np.percentile(self._latency_s, (50, 99)) * 1e3
            values |= {'latency p50 [ms]': f'{p50:.3f}', 'latency p99 [ms]': f'{p99:.3f}'}
        return values

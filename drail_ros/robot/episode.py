# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Stamped sensor and command messages → the steps of one episode.

An observation is what ``Assembler`` makes of the sensors; the action of a step is the command in
force when the next observation is complete, for that is what moved the robot there. Nothing is
made up: steps without a command, and steps over a gap between observations, are left out and
counted. Knows no files; live and from a recording the same messages at the same times give the
same arrays, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from drail_ros.robot.assembler import Assembler
from drail_ros.robot.messages import command_from_message
from drail_ros.robot.names import RobotNames
from drail_ros.robot.refusals import Refusals, RefusedError
from drail_ros.tasks.task import Array, Task

_ROUNDING = 1e-6
"""Share of a command's range by which single precision may exceed its limits."""


@dataclass
class Tally:
    """What became of the messages of an episode; each is 0 in a faultless one."""

    without_command: int = 0
    """Steps left out, for no command had come yet."""
    over_a_gap: int = 0
    """Steps left out, for observations were missing between two."""
    held: int = 0
    """Steps during which no new command came, so the one before stayed in force."""
    beyond_limits: int = 0
    """Commands beyond the task's limits, at which they count, as the robot is to treat them."""
    refused: int = 0
    """Messages that were not usable, and observations that were not fresh."""

    def __str__(self) -> str:
        told = [f'{getattr(self, each.name)} {each.name.replace("_", " ")}'
                for each in fields(self) if getattr(self, each.name)]
        return ', '.join(told) or 'faultless'


@dataclass(frozen=True)
class Steps:
    """L steps, ``[L, …]``; what they mean is said by the task."""

    obs: Array
    """``[L, O]`` float32."""
    action: Array
    """``[L, A]`` float32, normalised."""
    next_obs: Array
    """``[L, O]`` float32."""
    step: Array
    """``[L]`` int64: control step within the episode; gaps where steps were left out."""
    reached: Array
    """``[R]``: the readings at the end."""


class EpisodeAssembler:
    """Hears the topics of one robot through one episode."""

    def __init__(self, task: Task, max_age_s: float, names: RobotNames | None = None) -> None:
        self.task, self.tally, self.refusals = task, Tally(), Refusals()
        self._names = names or RobotNames()
        self._sensors = Assembler(task, max_age_s, self._names)
        self._low, self._high = task.command_limits()
        self._rows: list[tuple[Array, Array, Array, int]] = []
        self._obs: Array | None = None
        self._reached: Array | None = None
        self._action: Array | None = None
        self._is_new = False
        self._step = self._newest_ns = 0

    @property
    def steps(self) -> int:
        """Steps so far."""
        return len(self._rows)

    def missing(self) -> list[str]:
        """Topics of which no message waits for the next observation."""
        return self._sensors.missing()

    def sensed(self, topic: str, message: Any, received_ns: int) -> None:
        """Take in a sensor's message, in the order received; what is not usable is counted.

        Ages are told by the newest stamp: stamps may be of a clock that no recording holds.
        """
        stamp = message.header.stamp
        self._newest_ns = max(self._newest_ns, stamp.sec * 10**9 + stamp.nanosec)
        try:
            due = self._sensors.hear(topic, message, lambda: self._newest_ns, received_ns / 1e9)
        except RefusedError as error:
            self._refuse(error)
            return
        if due is None or due.repeats:
            return
        obs = self._sensors.observation()[0]
        if self._obs is not None:
            self._add(self._obs, obs, due.begins)
        self._obs, self._reached, self._is_new = obs, self._sensors.readings(), False

    def commanded(self, message: Any) -> None:
        """Take in a command; what is not usable is counted."""
        try:
            command = command_from_message(self.task, message, self._names)
        except RefusedError as error:
            self._refuse(error)
            return
        clipped = np.clip(command, self._low, self._high)
        over = np.abs(clipped - command) > _ROUNDING * (self._high - self._low)
        self.tally.beyond_limits += bool(over.any())
        self._action, self._is_new = self.task.action_from_command(clipped), True

    def finish(self) -> Steps | None:
        """Return the steps; None where there are none."""
        if not self._rows or self._reached is None:
            return None
        obs, action, next_obs, step = (np.stack(column) for column in zip(*self._rows))
        return Steps(obs, action, next_obs, step.astype(np.int64), self._reached)

    def _add(self, obs: Array, next_obs: Array, over_a_gap: bool) -> None:
        step, self._step = self._step, self._step + 1
        if over_a_gap:
            self.tally.over_a_gap += 1
        elif self._action is None:
            self.tally.without_command += 1
        else:
            self.tally.held += not self._is_new
            self._rows.append((obs, self._action, next_obs, step))

    def _refuse(self, error: RefusedError) -> None:
        self.refusals.add(error)
        self.tally.refused += 1

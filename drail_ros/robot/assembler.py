# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Stamped sensor messages → observations at the control rate, live as from a recording.

An observation is made of one message of every topic, each newer than the one before, when a
control period has passed by their stamps. What is missing is waited for, what is too late is
refused and counted; nothing is interpolated, filled in or used twice. Whatever calls it gives the
times; the same messages at the same times make the same observations, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from drail_ros.robot.freshness import Due, Freshness
from drail_ros.robot.messages import from_message, topics
from drail_ros.robot.names import RobotNames
from drail_ros.tasks.task import Array, Task


class Assembler:
    """Hears the sensors of one robot that performs ``task``.

    Messages older than ``max_age_s`` when an observation would be due are refused.
    """

    def __init__(self, task: Task, max_age_s: float, names: RobotNames | None = None) -> None:
        self.task, self.topics = task, topics(task)
        self._names = names or RobotNames()
        self._freshness = Freshness(self.topics, 1.0 / task.rate_hz, max_age_s)
        self._row = np.zeros(task.reading_size)

    def begin(self) -> None:
        """Forget every message, and which observation was answered."""
        self._freshness.begin()

    def missing(self) -> list[str]:
        """Topics of which no message waits to be acted upon."""
        return self._freshness.missing()

    def hear(self, topic: str, message: Any, clock_ns: Callable[[], int],
             now_s: float) -> Due | None:
        """Take in a message; return what is due when it completes an observation.

        Args:
            topic: as the task names it.
            message: of its type.
            clock_ns: the clock that stamps are compared with; asked where all topics were heard.
            now_s: a steady clock.

        Raises:
            RefusedError: the message is not usable, or what it completes is not fresh.

        """
        self._freshness.drop(topic)  # until the message that replaces it is found usable
        stamp = message.header.stamp
        from_message(self.topics[topic], message, self._row, self._names)
        self._freshness.sense(topic, stamp.sec * 10**9 + stamp.nanosec, now_s)
        if not self._freshness.is_complete():
            return None
        return self._freshness.due(clock_ns(), now_s)

    def observation(self) -> Array:
        """Return what is due as ``[1, O]`` float32."""
        return self.task.observe(self._row[None])

    def readings(self) -> Array:
        """Return the readings of what is due, ``[R]``, in an array of their own."""
        return self._row.copy()

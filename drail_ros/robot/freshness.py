# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""When an observation made of several sensor messages may be acted upon; numbers only.

Two clocks are told apart. Stamps [ns] and the clock they are compared with may be simulated: they
may stand still, and jump back when a simulation is reset. Seconds are of a steady clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from drail_ros.robot.refusals import RefusedError

_SHORTEST_GAP = 0.9
"""Control periods between two observations that are acted upon: stamps have some jitter."""
_LONGEST_GAP = 2.5
"""Control periods between two observations after which what was seen and planned is forgotten."""


@dataclass(frozen=True)
class Due:
    """An observation to act upon now."""

    stamp_ns: int
    """Stamp of its latest message, which the command carries."""
    arrived_s: float
    """When its latest message arrived."""
    repeats: bool
    """The last one once more: the answer was lost, and is to be given again."""
    begins: bool
    """What was seen and planned before is to be forgotten."""


class Freshness:
    """Collects one message of every topic, and tells when they make an observation to act upon.

    ``period_s`` is the control period, at least which lies between two answers; messages older
    than ``max_age_s``, or further ahead of the clock, are refused.
    """

    def __init__(self, topics: Iterable[str], period_s: float, max_age_s: float) -> None:
        self._topics, self._max_age_s = tuple(topics), max_age_s
        self._shortest_s, self._longest_s = _SHORTEST_GAP * period_s, _LONGEST_GAP * period_s
        self._answered_s = -float('inf')
        self._clock_ns = 0
        self.begin()

    def begin(self) -> None:
        """Forget every message, and which observation was answered."""
        self._stamps_ns: dict[str, int] = {}
        self._arrived_s: dict[str, float] = {}
        self._ahead, self._insists = '', False
        self._answered_ns: int | None = None

    def missing(self) -> list[str]:
        """Topics of which no message waits to be acted upon."""
        return [topic for topic in self._topics if topic not in self._stamps_ns]

    def is_complete(self) -> bool:
        """Whether a message of every topic waits to be acted upon."""
        return len(self._stamps_ns) == len(self._topics)

    def drop(self, topic: str) -> None:
        """Forget the message of a topic."""
        self._stamps_ns.pop(topic, None)
        self._arrived_s.pop(topic, None)

    def sense(self, topic: str, stamp_ns: int, now_s: float) -> None:
        """Take in the latest message of a topic, which arrived just now.

        Raises:
            RefusedError: it has no stamp, or an impossible one.

        """
        self.drop(topic)
        if stamp_ns == 0:
            raise RefusedError('unstamped', f'{topic} has no time stamp')
        if stamp_ns < 0:
            raise RefusedError('negative stamp', f'{topic} is stamped {stamp_ns / 1e9:g} s')
        self._insists |= topic == self._ahead
        self._stamps_ns[topic], self._arrived_s[topic] = stamp_ns, now_s

    def due(self, clock_ns: int, now_s: float) -> Due | None:
        """Return the observation to act upon now; None when there is none, or it is too early.

        Raises:
            RefusedError: messages are stale or from the future, or time went back. After that
                everything begins anew with the next observation.

        """
        self._watch_clock(clock_ns)
        if not self.is_complete():
            return None
        self._check_ages(clock_ns, now_s)
        if self._waits_for_the_others():
            return None
        seen_ns = min(self._stamps_ns.values())
        gap_s = float('inf')
        if self._answered_ns is not None:
            gap_s = (seen_ns - self._answered_ns) / 1e9
            if gap_s <= -self._shortest_s:
                raise self._went_back('sensors', gap_s)
        # By stamps, time may pass faster than it does: a simulator may wait for each answer. What
        # does not move on by its stamps could be repeated at any rate, hence the steady clock.
        by_stamps = self._answered_ns is not None and gap_s != 0
        if (gap_s if by_stamps else now_s - self._answered_s) < self._shortest_s:
            return None
        due = Due(max(self._stamps_ns.values()), max(self._arrived_s.values()),
                  repeats=gap_s == 0, begins=gap_s > self._longest_s)
        self.begin()
        self._answered_ns, self._answered_s = seen_ns, now_s
        return due

    def _waits_for_the_others(self) -> bool:
        """Whether messages lie a period apart, and the older ones may be replaced in a moment.

        After a message was lost, what waited for it would else be seen a period too late from then
        on. Where the newest topic speaks a second time, the others are slower than it.
        """
        stamps_ns = self._stamps_ns
        newest = max(stamps_ns, key=stamps_ns.__getitem__)
        if stamps_ns[newest] - min(stamps_ns.values()) < self._shortest_s * 1e9:
            return False
        if not self._ahead:
            self._ahead = newest
        return not self._insists

    def _watch_clock(self, clock_ns: int) -> None:
        if clock_ns == 0:
            raise RefusedError('no clock', 'the clock stands at zero; use_sim_time is set, and '
                               'nothing comes on /clock')
        moved_s, self._clock_ns = (clock_ns - self._clock_ns) / 1e9, clock_ns
        if moved_s <= -self._shortest_s:
            raise self._went_back('the clock', moved_s)

    def _check_ages(self, clock_ns: int, now_s: float) -> None:
        stamp_ns, arrived_s = self._stamps_ns.__getitem__, self._arrived_s.__getitem__
        oldest, newest = min(self._stamps_ns, key=stamp_ns), max(self._stamps_ns, key=stamp_ns)
        waited = min(self._arrived_s, key=arrived_s)
        age_s, waited_s = (clock_ns - stamp_ns(oldest)) / 1e9, now_s - arrived_s(waited)
        ahead_s = (stamp_ns(newest) - clock_ns) / 1e9
        if age_s > self._max_age_s:
            raise RefusedError('stale', f'{oldest} is {age_s:.3f} s old')
        if waited_s > self._max_age_s:
            raise RefusedError('stale', f'{waited} came {waited_s:.3f} s ago')
        if ahead_s > self._max_age_s:
            raise RefusedError('from the future', f'{newest} is {ahead_s:.3f} s ahead of '
                               'the clock; is use_sim_time set alike?')

    def _went_back(self, what: str, by_s: float) -> RefusedError:
        self.begin()
        return RefusedError('time went back', f'{what} by {-by_s:.3f} s; what was seen and '
                            'planned is forgotten')

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""How a topic is doing while it is recorded: rate, gaps, losses, stamps."""

from __future__ import annotations

from collections import deque

_WINDOW_S = 2.0
"""Rates are of so long."""
_FEWEST = 3
"""Messages of which a rate is told."""
_STALE_S = 0.5
"""A topic that was silent for so long does not live."""


class TopicAudit:
    """Counts one topic's messages; times are of a steady clock unless they are stamps [ns]."""

    def __init__(self) -> None:
        self._arrived_s: deque[float] = deque()
        self.stamp_ns: int | None = None
        """Of the latest message."""
        self.begin()

    def begin(self) -> None:
        """Count anew: an episode begins."""
        self.messages = 0
        self.lost = 0
        """Messages that DDS said it lost."""
        self.unstamped = 0
        self.jumps = 0
        """How often stamps went back."""
        self.longest_gap_s = 0.0

    def hear(self, stamp_ns: int | None, now_s: float) -> None:
        """Note a message; of a type without a header there is no stamp."""
        if self._arrived_s:
            self.longest_gap_s = max(self.longest_gap_s, now_s - self._arrived_s[-1])
        self.messages += 1
        self._arrived_s.append(now_s)
        while now_s - self._arrived_s[0] > _WINDOW_S:
            self._arrived_s.popleft()
        if stamp_ns is None:
            return
        self.unstamped += stamp_ns <= 0
        self.jumps += self.stamp_ns is not None and stamp_ns < self.stamp_ns
        self.stamp_ns = stamp_ns

    def lose(self, messages: int) -> None:
        """Note what DDS lost."""
        self.lost += messages

    def silent_s(self, now_s: float) -> float:
        """Return for how long nothing came; infinite before the first message."""
        return now_s - self._arrived_s[-1] if self._arrived_s else float('inf')

    def rate_hz(self, now_s: float) -> float:
        """Messages a second, of late; 0 of too few."""
        recent = [at_s for at_s in self._arrived_s if now_s - at_s <= _WINDOW_S]
        if len(recent) < _FEWEST or recent[-1] == recent[0]:
            return 0.0
        return (len(recent) - 1) / (recent[-1] - recent[0])

    def problem(self, least_hz: float, now_s: float) -> str:
        """Return why it is not fit to be recorded; empty if it is."""
        silent_s = self.silent_s(now_s)
        if silent_s == float('inf'):
            return 'nothing came yet'
        if silent_s > _STALE_S:
            return f'silent for {silent_s:.1f} s'
        if self.stamp_ns is not None and self.stamp_ns <= 0:
            return 'without time stamps'
        rate_hz = self.rate_hz(now_s)
        if rate_hz < least_hz:
            return f'at {rate_hz:.1f} Hz, expected {least_hz:g} or more'
        return ''

    def values(self, now_s: float) -> dict[str, object]:
        """Return what there is to say, by name; what is 0 as it should be is left out."""
        told: dict[str, object] = {
            'messages': self.messages, 'rate [Hz]': round(self.rate_hz(now_s), 1),
            'longest gap [s]': round(self.longest_gap_s, 3)}
        faults = {'lost': self.lost, 'unstamped': self.unstamped, 'clock jumps': self.jumps}
        return told | {name: count for name, count in faults.items() if count}

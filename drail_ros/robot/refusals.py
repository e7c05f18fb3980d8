# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Input that is not acted upon: a reason that is counted, and words that name what was found."""

from __future__ import annotations

from collections import Counter


class RefusedError(ValueError):
    """Input that is refused.

    ``reason`` is one of few, for it is counted; ``detail`` may say anything.
    """

    def __init__(self, reason: str, detail: str = '') -> None:
        super().__init__(f'{reason}: {detail}' if detail else reason)
        self.reason = reason


class Refusals:
    """How often input was refused, and why."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self.latest = ''
        """The latest refusal in words; empty while there was none."""

    def add(self, error: RefusedError) -> None:
        """Count one."""
        self._counts[error.reason] += 1
        self.latest = str(error)

    def values(self) -> dict[str, int]:
        """Return how often, by reason."""
        return {f'refused: {reason}': count for reason, count in self._counts.items()}

    @property
    def total(self) -> int:
        """How often, for whatever reason."""
        return self._counts.total()

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What a rule of presets is: when these conditions fit a run, it gets these settings.

A file of this folder that has the name of a task assigns ``RULES``, a tuple of them. The order in
which they are written is the order in which they apply: of two that set the same, the later wins.
Plain data; which settings there are and what they mean is known in ``learn/``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Chosen:
    """What is known of a run before its settings are."""

    algorithm: str
    agent: str
    """Name of what acts and learns; empty where an algorithm learns offline."""
    preset: str
    off_policy: bool
    """Whether the agent learns from a replay memory."""
    learned_reward: bool
    """Whether a reward model that learns pays the agent."""
    noise_level: float
    """The task's named noise level that is nearest to the run's."""


@dataclass(frozen=True)
class When:
    """Conditions on ``Chosen``, by the same names; None fits anything."""

    algorithm: str | None = None
    agent: str | None = None
    preset: str | None = None
    off_policy: bool | None = None
    learned_reward: bool | None = None
    noise_level: float | None = None

    def fits(self, chosen: Chosen) -> bool:
        """Whether every condition holds."""
        return all(getattr(chosen, name) == wanted for name, wanted in self._conditions().items())

    def __str__(self) -> str:
        words = [f'{name} {wanted}' if not isinstance(wanted, bool) else name if wanted else
                 f'not {name}' for name, wanted in self._conditions().items()]
        return ', '.join(words) or 'always'

    def _conditions(self) -> dict[str, object]:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: wanted for name, wanted in given.items() if wanted is not None}


@dataclass(frozen=True)
class Rule:
    """Settings by dotted name, for the runs that ``when`` fits; a run without one passes it by."""

    when: When
    settings: Mapping[str, object]

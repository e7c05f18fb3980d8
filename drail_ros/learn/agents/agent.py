# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What every agent is: something that acts, remembers and improves. Any takes any reward model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import torch
from torch import Tensor

from drail_ros.learn.nets.actors import Actor
from drail_ros.learn.rewards.teacher import Teacher
from drail_ros.learn.transitions import Transitions

ACTIONS = ('executed', 'drawn')
"""An action as the environment got it, clipped to [-1, 1], or as the policy drew it."""


@dataclass(frozen=True)
class Rollout:
    """T steps of N environments, ``[T, N, …]``, or one, ``[N, …]``; observations in units."""

    obs: Tensor
    action: Tensor
    """As drawn: clipped to [-1, 1] they were executed."""
    next_obs: Tensor
    reward: Tensor
    """The task's own reward."""
    log_prob: Tensor
    terminated: Tensor
    """No value follows; ``rewards/terminations.py`` says of which ends."""
    ended: Tensor
    """The next step belongs to another episode."""

    @classmethod
    def stacked(cls, steps: Sequence[Rollout]) -> Rollout:
        """Return T steps, each ``[N, …]``, as one rollout ``[T, N, …]``."""
        return cls(**{field.name: torch.stack([getattr(step, field.name) for step in steps])
                      for field in fields(cls)})

    def transitions(self, actions: str = 'executed') -> Transitions:
        """Return T · N rows, with ``actions`` of one of the kinds in ``ACTIONS``."""
        action = self.action.clamp(-1.0, 1.0) if actions == 'executed' else self.action
        return Transitions.of(
            self.obs.flatten(0, 1), action.flatten(0, 1),
            self.next_obs.flatten(0, 1), terminated=self.terminated.flatten(),
            reward=self.reward.flatten())


class Agent(Protocol):
    """Learns a policy from what it did and what a teacher pays for it.

    It is made with (length O of an observation, length A of an action, N, settings, generator) and
    draws all its randomness from that generator.
    """

    actor: Actor

    def act(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised observations ``[N, O]`` → actions ``[N, A]``, log densities ``[N]``."""

    def remember(self, rollout: Rollout, seen: Transitions) -> None:
        """Take in what was done; ``seen`` has its rows as they were acted on: normalised."""

    def experience(self) -> Transitions:
        """Transitions in units from which reward model and agent learn next; may be empty."""

    def improve(self, teacher: Teacher, progress: float,
                actor_learns: bool = True) -> dict[str, float]:
        """Learn from ``experience``; ``progress`` in [0, 1] of the run.

        Where the actor does not learn, only what judges it does.
        """

    def state_dict(self) -> Mapping[str, Any]:
        """Everything needed to continue: networks, optimisers, memory."""

    def load_state_dict(self, state: Mapping[str, Any]) -> Any:
        """Continue from ``state_dict``."""

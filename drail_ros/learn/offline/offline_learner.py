"""What every offline learner is, and how one goes through the demonstrations.

An offline learner turns demonstrations into a policy without an environment. It is made with
(demonstrations, settings, generator), draws all its randomness from that generator, and its file
assigns ``PLUGIN = (class, settings class)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from drail_ros.settings import Settings, setting
from drail_ros.tasks.task import Array


@dataclass(frozen=True)
class LearnerSettings(Settings):
    """Settings that all offline learners share."""

    epochs: int = setting(50, 'passes over the demonstrations', low=1)
    batch_size: int = setting(128, 'transitions per update', low=1)


class LearnedPolicy(Protocol):
    """What is evaluated and saved; ``learn.policy.Policy`` or of its kind."""

    def act(self, obs: Array) -> Array:
        """Return deterministic actions ``[N, A]``; leaves the learner's randomness alone."""

    def save(self, path: Path, info: dict[str, object]) -> None:
        """Write the policy to one file."""


class OfflineLearner(Protocol):
    """Learns a policy from demonstrations, one pass after the other."""

    @property
    def settings(self) -> LearnerSettings:
        """Settings it was made with."""

    @property
    def policy(self) -> LearnedPolicy:
        """The policy as it is now."""

    def learn_epoch(self) -> dict[str, float]:
        """Pass once over the demonstrations; return scalars to log."""

    def state_dict(self) -> Mapping[str, Any]:
        """Everything needed to continue but the generator: optimisers, averages, passes made."""

    def load_state_dict(self, state: Mapping[str, Any]) -> Any:
        """Continue from ``state_dict``."""


def shuffled_pass(count: int, size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Return the rows 0 … count - 1 in random order, in minibatches of ``size`` and a rest."""
    return torch.randperm(count, generator=generator, device=generator.device).split(size)


def decay_linearly(optimiser: torch.optim.Optimizer, learning_rate: float, done: int,
                   epochs: int) -> None:
    """Set the step size of a pass: ``learning_rate`` in the first, 0 after the last."""
    for group in optimiser.param_groups:
        group['lr'] = learning_rate * (1 - done / epochs)

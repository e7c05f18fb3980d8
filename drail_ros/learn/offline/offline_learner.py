"""What every offline learner is, and how one goes through the demonstrations.

An offline learner turns demonstrations into a policy without an environment. It is made with
(demonstrations, settings, generator), draws all its randomness from that generator, and its file
assigns ``PLUGIN = (class, settings class)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from drail_ros.learn.policy import SavedPolicy
from drail_ros.settings import Settings, setting


@dataclass(frozen=True)
class LearnerSettings(Settings):
    """Settings that all offline learners share."""

    epochs: int = setting(50, 'passes over the demonstrations', low=1)
    batch_size: int = setting(128, 'transitions per update', low=1)

    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    """Settings of a run with a preset, whatever the task."""


class OfflineLearner(Protocol):
    """Learns a policy from demonstrations, one pass after the other."""

    @property
    def settings(self) -> LearnerSettings:
        """Settings it was made with."""

    @property
    def policy(self) -> SavedPolicy:
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

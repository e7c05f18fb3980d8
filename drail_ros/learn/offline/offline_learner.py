# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What every offline learner is, and how one goes through the demonstrations.

An offline learner turns demonstrations into a policy without an environment. It is made with
(demonstrations, settings, generator), draws all its randomness from that generator, and its file
assigns ``LEARNER = (class, settings class)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn, Tensor

from drail_ros.learn.nets.policy import SavedPolicy
from drail_ros.settings import setting, Settings


@dataclass(frozen=True)
class LearnerSettings(Settings):
    """Settings that all offline learners share."""

    epochs: int = setting(50, 'passes over the demonstrations', low=1)
    batch_size: int = setting(128, 'transitions per update', low=1)

    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    """Settings of a run with a preset, whatever the task."""


class OfflineLearner(nn.Module):
    """Learns a policy from demonstrations, one pass after the other.

    ``state_dict`` has everything needed to continue but the generator.
    """

    settings: LearnerSettings
    policy: SavedPolicy
    """As it is now."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator
        self.optimisers: dict[str, torch.optim.Optimizer] = {}

    def learn_epoch(self, epoch: int) -> dict[str, float]:
        """Pass once over the demonstrations, after ``epoch`` such passes; return what to log."""
        raise NotImplementedError

    def descend(self, name: str, loss: Tensor) -> None:
        """Take one step of an optimiser."""
        self.optimisers[name].zero_grad()
        loss.backward()
        self.optimisers[name].step()

    def get_extra_state(self) -> dict[str, Any]:
        """Put the optimisers into ``state_dict``."""
        return {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the optimisers out of ``state_dict``."""
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state[name])


def shuffled_pass(count: int, size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Return the rows 0 … count - 1 in random order, in minibatches of ``size`` and a rest."""
    return torch.randperm(count, generator=generator, device=generator.device).split(size)


def decay_linearly(optimiser: torch.optim.Optimizer, learning_rate: float, done: int,
                   epochs: int) -> None:
    """Set the step size of a pass: ``learning_rate`` in the first, 0 after the last."""
    for group in optimiser.param_groups:
        group['lr'] = learning_rate * (1 - done / epochs)

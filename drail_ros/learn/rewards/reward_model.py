# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What every reward model is, and the settings that learned ones share.

A reward model learns to tell expert from agent transitions and pays the agent for looking like
the expert. Any reward model works with any agent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol

import torch
from torch import nn, Tensor

from drail_ros.learn.transitions import input_size, INPUTS, inputs_of, Transitions
from drail_ros.settings import setting, Settings

Metrics = dict[str, float]
MakeOptimiser = Callable[..., torch.optim.Optimizer]
"""(parameters, lr=…) → optimiser."""
Adam: MakeOptimiser = partial(torch.optim.Adam, fused=True)


class RewardModel(Protocol):
    """Learned reward of transitions.

    It is made with (length of an observation, length of an action, settings, generator) and draws
    all its randomness from that generator. Its settings name in ``run_defaults`` what a run
    with it sets unless told otherwise: the agent that it was published with, how ends are valued.
    """

    needs_expert: bool
    """Whether it learns from demonstrations."""
    needs_log_prob: bool
    """Whether ``Transitions.log_prob`` has to be filled in."""
    needs_fixed_statistics: bool
    """Whether observations are normalised by the demonstrations' statistics, not the agent's."""

    def update(self, expert: Transitions, agent: Transitions) -> Metrics:
        """Learn from all of the expert's rows and the agent's latest; return scalars to log."""

    def reward(self, rows: Transitions) -> Tensor:
        """Reward ``[B]`` without gradients; high where a row looks like the expert's."""

    def state_dict(self) -> Mapping[str, Any]:
        """Everything needed to continue, the optimiser included."""

    def load_state_dict(self, state: Mapping[str, Any]) -> Any:
        """Continue from ``state_dict``."""


@dataclass(frozen=True)
class RewardSettings(Settings):
    """Settings that all learned reward models share."""

    learning_rate: float = setting(1e-3, 'step size of the reward model', low=0.0)
    batch_size: int = setting(128, 'expert samples, and agent samples, per update', low=1)
    epochs: int = setting(1, "passes over the agent's transitions in each iteration", low=1)
    agent_rows: int = setting(0, "of the agent's transitions, so many are learned from in each "
                              'iteration; 0 is all', low=0)
    width: int = setting(512, 'hidden width', low=1)
    layers: int = setting(3, 'hidden layers', low=1)
    inputs: str = setting(
        'state_action', "what is seen of a transition: [s, a], [s, s'] or s", choices=INPUTS)

    run_defaults: ClassVar[Mapping[str, object]] = {'agent': 'ppo'}


class LearnedReward(nn.Module):
    """Base of reward models that are no ``Discriminator``: inputs, optimiser in ``state_dict``."""

    needs_expert, needs_log_prob, needs_fixed_statistics = True, False, False

    def __init__(self, obs_size: int, action_size: int, settings: RewardSettings,
                 generator: torch.Generator) -> None:
        super().__init__()
        self.settings, self.generator = settings, generator
        self.input_size = input_size(settings.inputs, obs_size, action_size)

    def finish(self, make_optimiser: MakeOptimiser = Adam) -> None:
        """Create the optimiser once the subclass has its parameters."""
        self.to(self.generator.device)
        self.optimiser = make_optimiser(self.parameters(), lr=self.settings.learning_rate)

    def get_extra_state(self) -> dict[str, Any]:
        """Put the optimiser into ``state_dict``."""
        return self.optimiser.state_dict()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the optimiser out of ``state_dict``."""
        self.optimiser.load_state_dict(state)

    def seen(self, rows: Transitions) -> Tensor:
        """Return what is seen of each row, ``[B, D]``."""
        return inputs_of(rows, self.settings.inputs)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Discriminators, put together from a score, a loss on scores, a reward of the score, a penalty.

The score of a row is high where it looks like the expert's: a logit l, with D = sigmoid(l), or a
critic's value. A method makes a network that scores and passes in the other parts where they are
not the usual ones:

    loss = BCE(l_E, 1) + BCE(l_π, 0) = softplus(-l_E) + softplus(l_π), plus the penalty

``Discriminator`` owns the optimiser and the update.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn, Tensor
from torch.nn.functional import softplus

from drail_ros.learn.rewards.logits import reward_of_logit
from drail_ros.learn.rewards.reward_model import Adam, MakeOptimiser, Metrics, RewardSettings
from drail_ros.learn.transitions import joined, paired_minibatches, some_of, Transitions

Reward = Callable[[Transitions], Tensor]
"""Rows → rewards ``[B]``."""
Loss = Callable[[Tensor, Tensor], Tensor]
"""Scores of the expert's rows ``[B]``, of the agent's ``[B]`` → what is minimised, a scalar."""
Penalty = Callable[[Transitions, Transitions], Tensor | float]
"""The expert's rows, as many of the agent's → a scalar added to the loss."""

_OPTIMISER = '_extra_state'
"""Key of the optimiser's state, the one it has in those reward models that are torch modules."""


def cross_entropy(expert_is_high: Tensor, agent_is_low: Tensor) -> Tensor:
    """Binary cross-entropy of logits, ``[B]`` each, with labels 1 and 0."""
    return softplus(-expert_is_high).mean() + softplus(agent_is_low).mean()


def logit_reward(score: nn.Module, form: str) -> Reward:
    """Return the reward that is one of ``REWARD_FORMS`` of a row's logit."""
    return lambda rows: reward_of_logit(score(rows), form)


def no_penalty(expert: Transitions, agent: Transitions) -> float:
    """Nothing."""
    return 0.0


class Discriminator:
    """Learns to score the expert's rows above the agent's, and pays by the score.

    ``score`` takes rows to scores ``[B]`` with gradients.
    """

    needs_expert, needs_log_prob, needs_fixed_statistics = True, False, False

    def __init__(self, score: nn.Module, settings: RewardSettings, generator: torch.Generator, *,
                 reward: Reward, loss: Loss = cross_entropy, penalty: Penalty = no_penalty,
                 make_optimiser: MakeOptimiser = Adam) -> None:
        self.score = score.to(generator.device)
        self.loss, self.penalty = loss, penalty
        self.settings, self.generator = settings, generator
        self._reward = reward
        self._optimiser = make_optimiser(score.parameters(), lr=settings.learning_rate)

    @torch.no_grad()
    def reward(self, rows: Transitions) -> Tensor:
        """Reward ``[B]``."""
        return self._reward(rows)

    def update(self, expert: Transitions, agent: Transitions) -> Metrics:
        """Run ``epochs`` passes of minibatch updates over the agent's rows."""
        s, device = self.settings, self.generator.device
        if not len(agent):
            return {}
        agent = some_of(agent, s.agent_rows, self.generator)
        totals, updates = torch.zeros(3, device=device), 0
        for real, fake in paired_minibatches(expert, agent, s.batch_size, s.epochs,
                                             self.generator):
            expert_is_high, agent_is_low = self.score(joined(real, fake)).split(
                [len(real), len(fake)])
            loss = self.loss(expert_is_high, agent_is_low)
            self._optimiser.zero_grad()
            (loss + self.penalty(real, fake)).backward()
            self._optimiser.step()
            totals += torch.stack([loss.detach(), (expert_is_high > 0).float().mean(),
                                   (agent_is_low < 0).float().mean()])
            updates += 1
        loss_mean, expert_accuracy, agent_accuracy = (totals / updates).tolist()
        return {'discriminator/loss': loss_mean,
                'discriminator/expert_accuracy': expert_accuracy,
                'discriminator/agent_accuracy': agent_accuracy}

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return those of the score."""
        return self.score.parameters()

    def state_dict(self) -> dict[str, Any]:
        """Return score and optimiser."""
        return {**self.score.state_dict(), _OPTIMISER: self._optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict``."""
        self.score.load_state_dict({k: v for k, v in state.items() if k != _OPTIMISER})
        self._optimiser.load_state_dict(state[_OPTIMISER])


@runtime_checkable
class EstimatedScore(Protocol):
    """A score that is an estimate, noisy in each row; pictures are drawn of what it means."""

    def expected(self, rows: Transitions, draws: int) -> Tensor:
        """Score ``[B]`` by ``draws`` that all rows have in common: smooth in the rows."""

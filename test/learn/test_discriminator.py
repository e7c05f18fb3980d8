# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A discriminator uses the parts that it is given."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn, Tensor

from drail_ros.learn.rewards.discriminator import cross_entropy, Discriminator, logit_reward
from drail_ros.learn.rewards.gradient_penalty import gradient_penalty
from drail_ros.learn.rewards.reward_model import RewardSettings
from drail_ros.learn.transitions import Transitions


class Slope(nn.Module):
    """Score w · s."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, rows: Transitions) -> Tensor:
        return self.weight * rows.obs[:, 0]


def constant(value: float, count: int = 8) -> Transitions:
    obs = torch.full((count, 1), value)
    return Transitions.of(obs, obs, obs)


def make(learning_rate: float = 0.1, **parts: Any) -> Discriminator:
    score = Slope()
    settings = RewardSettings(learning_rate=learning_rate, batch_size=4)
    parts = {'reward': logit_reward(score, 'logit')} | parts
    return Discriminator(score, settings, torch.Generator().manual_seed(0), **parts)


def test_cross_entropy_by_hand() -> None:
    expert, agent = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 3.0])
    expected = (-torch.sigmoid(expert).log().mean() - (1 - torch.sigmoid(agent)).log().mean())
    assert cross_entropy(expert, agent).item() == pytest.approx(expected.item(), rel=1e-6)


def test_what_is_logged_are_means_over_the_minibatches() -> None:
    agent = constant(-1.0)
    agent.obs[:2] = 3.0
    found = make(learning_rate=0.0).update(constant(2.0), agent)
    loss = cross_entropy(torch.full((8,), 2.0), agent.obs[:, 0]).item()
    assert found == pytest.approx({
        'discriminator/loss': loss, 'discriminator/expert_accuracy': 1.0,
        'discriminator/agent_accuracy': 0.75})


@pytest.mark.parametrize(('sign', 'rises'), [(-1.0, True), (1.0, False)])
def test_loss_and_penalty_are_both_descended(sign: float, rises: bool) -> None:
    as_loss = make(loss=lambda expert, agent: sign * (expert.mean() + 0 * agent.mean()))
    score = as_loss.score
    as_loss.update(constant(2.0), constant(1.0))
    assert (score.weight.item() > 1) is rises
    slope = Slope()
    as_penalty = Discriminator(
        slope, RewardSettings(), torch.Generator(), reward=slope,
        loss=lambda expert, agent: 0 * agent.mean(),
        penalty=lambda expert, agent: sign * slope.weight * expert.obs.mean() * agent.obs.mean())
    as_penalty.update(constant(2.0), constant(1.0))
    assert (slope.weight.item() > 1) is rises


def test_the_reward_is_the_part_and_has_no_gradient() -> None:
    model = make(reward=lambda rows: 5.0 * make().score(rows))
    paid = model.reward(constant(2.0, 3))
    assert paid.tolist() == [10.0] * 3 and not paid.requires_grad


def test_minibatches_and_epochs_are_those_of_the_settings() -> None:
    sizes: list[tuple[int, int]] = []
    score = Slope()
    settings = RewardSettings(batch_size=4, epochs=3)
    model = Discriminator(score, settings, torch.Generator(), reward=score,
                          loss=lambda e, a: sizes.append((len(e), len(a))) or (e - a).mean())
    model.update(constant(1.0, 5), constant(0.0, 8))
    assert sizes == [(4, 4)] * 6


def test_interpolates_lie_between_expert_and_agent() -> None:
    """‖∇ ½ x²‖ = |x|: no penalty at 1 and 1; E (2u)² = 4/3 between 1 and 3."""
    random = torch.Generator().manual_seed(0)

    def penalty(expert: float, agent: float) -> float:
        columns = (torch.full((50_000, 1), x) for x in (expert, agent))
        return gradient_penalty(lambda x: 0.5 * x.square().sum(dim=1), *columns, random).item()

    assert penalty(1.0, 1.0) == pytest.approx(0.0, abs=1e-9)
    assert penalty(3.0, 1.0) == pytest.approx(4 / 3, rel=0.02)

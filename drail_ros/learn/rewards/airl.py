# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""AIRL: a reward apart from shaping and policy (Fu, Luo & Levine, ICLR 2018, arXiv:1710.11248).

    f(s, a, s') = g + γ h(s') - h(s)                        (eq. 4; no h(s') after an end)
    D = exp(f) / (exp(f) + π(a|s)),  that is  l = f - log π(a|s)
    loss = BCE(l_E, 1) + BCE(l_π, 0)
    reward = log D - log(1 - D) = f - log π(a|s)

g sees what ``inputs`` says: states only, as published for a reward that outlives its dynamics, or
actions too. Without ``policy_density`` the logit is f alone, and no action is looked at where g
sees none: imitation from states.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn, Tensor

from drail_ros.learn.nets.mlp import mlp
from drail_ros.learn.rewards.discriminator import Discriminator
from drail_ros.learn.rewards.reward_model import RewardSettings
from drail_ros.learn.transitions import input_size, INPUTS, inputs_of, Transitions
from drail_ros.settings import setting


@dataclass(frozen=True)
class AirlSettings(RewardSettings):
    """Settings of AIRL."""

    inputs: str = setting('state', "what g sees of a transition: [s, a], [s, s'] or s",
                          choices=INPUTS)
    width: int = setting(256, 'hidden width of g and h', low=1)
    layers: int = setting(2, 'hidden layers of g and h', low=1)
    discount: float = setting(0.99, 'discount γ of the shaping', low=0.0, high=1.0)
    policy_density: bool = setting(True, 'subtract log π(a|s), as published')


class ShapedReward(nn.Module):
    """Reward network g and shaping network h, both tanh MLPs."""

    def __init__(self, obs_size: int, action_size: int, settings: AirlSettings) -> None:
        super().__init__()
        self._inputs, self._discount = settings.inputs, settings.discount
        hidden = [settings.width] * settings.layers
        self.g = mlp([input_size(settings.inputs, obs_size, action_size), *hidden, 1], nn.Tanh)
        self.h = mlp([obs_size, *hidden, 1], nn.Tanh)

    def forward(self, rows: Transitions) -> Tensor:
        """f - log π(a|s), ``[B]``."""
        following = self.h(rows.next_obs).squeeze(1).masked_fill(rows.terminated, 0.0)
        shaping = self._discount * following - self.h(rows.obs).squeeze(1)
        return self.g(inputs_of(rows, self._inputs)).squeeze(1) + shaping - rows.log_prob


class Airl(Discriminator):
    """Classifier whose logit is the reward."""

    def __init__(self, obs_size: int, action_size: int, settings: AirlSettings,
                 generator: torch.Generator) -> None:
        score = ShapedReward(obs_size, action_size, settings)
        super().__init__(score, settings, generator, reward=score)
        self.needs_log_prob = settings.policy_density


REWARD_MODEL = (Airl, AirlSettings)

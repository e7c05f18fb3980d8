# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""SAC: soft actor-critic (Haarnoja et al., 2018, arXiv:1812.05905).

    J_Q = E ½ (Q_i(s, a) - r - γ (1 - d) (min_j Q̄_j(s', a') - α log π(a'|s')))²     (eq. 5)
    J_π = E α log π(a|s) - min_j Q_j(s, a)                                           (eq. 7)
    J_α = E -log α (log π(a|s) + H̄),  H̄ = -h dim(a), h = 1              (eq. 18, for log α)
    Q̄ ← τ Q + (1 - τ) Q̄

with two critics and a tanh-squashed Gaussian policy. d is 1 where nothing follows; where an
absorbing state follows, its value stands for the term in γ.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
import math

import torch
from torch import nn, Tensor

from drail_ros.learn.agents.off_policy import OffPolicyAgent, OffPolicySettings
from drail_ros.learn.nets.mlp import Ensemble, polyak
from drail_ros.learn.rewards.teacher import Teacher
from drail_ros.learn.transitions import Transitions
from drail_ros.settings import setting


@dataclass(frozen=True)
class SacSettings(OffPolicySettings):
    """Settings of SAC."""

    target_share: float = setting(0.005, 'share τ of the critic in its target at each update',
                                  low=0.0, high=1.0)
    initial_temperature: float = setting(0.2, 'first α', low=1e-8)
    learn_temperature: bool = setting(True, 'adapt α to the entropy -h dim(a)')
    target_entropy: float = setting(1.0, 'h of that entropy', low=0.0)
    reward_scale: float = setting(1.0, 'factor of every reward', low=0.0)


class Sac(OffPolicyAgent):
    """Twin critics, squashed Gaussian actor, automatic temperature."""

    settings: SacSettings

    def __init__(self, obs_size: int, action_size: int, num_envs: int, settings: SacSettings,
                 generator: torch.Generator) -> None:
        super().__init__(obs_size, action_size, settings, generator)
        sizes = [obs_size + action_size] + [settings.width] * settings.layers + [1]
        self.critic = Ensemble(2, sizes)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.log_alpha = nn.Parameter(torch.tensor(math.log(settings.initial_temperature)))
        self.to(generator.device)
        self.optimise('actor', list(self.actor.parameters()), settings.learning_rate)
        self.optimise('critic', list(self.critic.parameters()), settings.learning_rate)
        self.optimise('alpha', [self.log_alpha], settings.learning_rate)

    def learn(self, drawn: Transitions, teacher: Teacher) -> dict[str, float]:
        """Pay the rows and update on them."""
        s = self.settings
        raw = teacher.reward(drawn)
        rewards = teacher.paid(raw, s.reward_scale)
        terminal = teacher.terminal_value(s.discount, s.reward_scale)
        seen = teacher.normalised(drawn)
        totals = torch.zeros(4, device=raw.device)
        for rows, paid in zip(seen.split(s.batch_size), rewards.split(s.batch_size)):
            totals += self.update(rows, paid, terminal)
        updates = len(drawn) / s.batch_size
        critic_loss, value, entropy, alpha = (totals / updates).tolist()
        return {'reward/mean': raw.mean().item(), 'reward/std': raw.std().item(),
                'policy/critic_loss': critic_loss, 'policy/value': value,
                'policy/entropy': entropy, 'policy/alpha': alpha}

    def update(self, rows: Transitions, rewards: Tensor, terminal: Tensor) -> Tensor:
        """Update once on normalised rows; return critic loss, value, entropy and α."""
        s, alpha = self.settings, self.log_alpha.detach().exp()
        target = self.target_value(rows, rewards, terminal)
        value = self._q(self.critic, rows.obs, rows.action)
        critic_loss = 0.5 * (value - target).square().mean(dim=1).sum()
        self.descend('critic', critic_loss)
        action, log_prob = self.actor.sample(rows.obs, self.generator)
        best = self._q(self.critic, rows.obs, action).amin(dim=0)
        self.descend('actor', (alpha * log_prob - best).mean())
        if s.learn_temperature:
            surplus = log_prob.detach().mean() - s.target_entropy * self.action_size
            self.descend('alpha', -self.log_alpha * surplus)
        polyak(self.target, self.critic, s.target_share)
        return torch.stack([critic_loss, value.mean(), -log_prob.mean(), alpha]).detach()

    @torch.no_grad()
    def target_value(self, rows: Transitions, rewards: Tensor, terminal: Tensor) -> Tensor:
        """r + γ (min Q̄(s', a') - α log π(a'|s')), or r + γ ``terminal`` after an end, ``[B]``."""
        action, log_prob = self.actor.sample(rows.next_obs, self.generator)
        following = self._q(self.target, rows.next_obs, action).amin(dim=0)
        soft = following - self.log_alpha.exp() * log_prob
        return rewards + self.settings.discount * torch.where(rows.terminated, terminal, soft)

    def _q(self, critic: Ensemble, obs: Tensor, action: Tensor) -> Tensor:
        return critic(torch.cat([obs, action], dim=1)).squeeze(-1)


AGENT = (Sac, SacSettings)

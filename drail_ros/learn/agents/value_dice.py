# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""ValueDICE: imitation by distribution matching (Kostrikov et al., ICLR 2020, arXiv:1912.05032).

The Donsker-Varadhan form of -KL(d_π ‖ d_E), with the log-ratio written as ν minus its Bellman
backup, needs no samples of d_π (their eq. 12):

    max_π min_ν  log E_E [exp(ν(s, a) - γ ν(s', a'))] - (1 - γ) E_{s0} [ν(s0, a0)],  a0, a' ~ π

Replay data mixed in with weight m keeps ν in bounds between demonstrations (eq. 15): the log term
is then of the mixture, the linear term gains m E_R [ν(s, a) - γ ν(s', a')]. Every expert state
counts as a first one (their section 5). ν is kept smooth by a gradient penalty on interpolates,
the actor by one on weights that are not orthogonal. The logarithm of a minibatch mean is biased;
as published, that is accepted. -ν plays the part of a value, -(ν - γ ν') that of its reward.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

import torch
from torch import nn, Tensor

from drail_ros.learn.agents.implied_reward import AlgorithmSettings, ImpliedReward
from drail_ros.learn.agents.off_policy import OffPolicyAgent
from drail_ros.learn.nets.mlp import mlp
from drail_ros.learn.rewards.gradient_penalty import gradient_penalty
from drail_ros.learn.rewards.teacher import Teacher
from drail_ros.learn.transitions import Transitions
from drail_ros.settings import setting


@dataclass(frozen=True)
class ValueDiceSettings(AlgorithmSettings):
    """Settings of ValueDICE."""

    learning_rate: float = setting(1e-3, 'Adam step size of ν', low=0.0)
    actor_learning_rate: float = setting(1e-5, 'Adam step size of the actor', low=0.0)
    replay_weight: float = setting(0.1, 'weight m of the replay in the mixture', low=0.0,
                                   high=0.999)
    penalty_weight: float = setting(10.0, 'weight of the gradient penalty on ν', low=0.0)
    orthogonal_weight: float = setting(1e-4, 'weight of the orthogonality of the actor', low=0.0)


def dice_objective(expert: Tensor, replay: Tensor, start: Tensor, replay_weight: float,
                   discount: float) -> Tensor:
    """J of differences ν - γν' on expert and replay rows ``[B]`` and values ν(s0, a0) ``[B]``."""
    log_mean = torch.logsumexp(expert, 0) - math.log(len(expert))
    linear = (1 - discount) * start.mean()
    if replay_weight > 0:
        log_replay = torch.logsumexp(replay, 0) - math.log(len(replay))
        log_mean = torch.logaddexp(log_mean + math.log(1 - replay_weight),
                                   log_replay + math.log(replay_weight))
        linear = (1 - replay_weight) * linear + replay_weight * replay.mean()
    return log_mean - linear


def orthogonal_penalty(net: nn.Module) -> Tensor:
    """Sum over layers of the squared inner products of different units' weights."""
    total = torch.zeros(())
    for weight in (p for p in net.parameters() if p.dim() == 2):
        product = weight @ weight.T
        total = total.to(weight.device) + (product - product.diag().diag()).square().sum()
    return total


class ValueDice(OffPolicyAgent):
    """ν network and squashed Gaussian actor in a saddle point."""

    settings: ValueDiceSettings

    def __init__(self, obs_size: int, action_size: int, num_envs: int,
                 settings: ValueDiceSettings, generator: torch.Generator) -> None:
        super().__init__(obs_size, action_size, settings, generator)
        self.implied_reward = ImpliedReward(settings.discount)
        sizes = [obs_size + action_size] + [settings.width] * settings.layers + [1]
        self.nu = mlp(sizes, nn.ReLU)
        self.to(generator.device)
        self.optimise('actor', list(self.actor.parameters()), settings.actor_learning_rate)
        self.optimise('nu', [*self.nu.parameters(), *self.implied_reward.parameters()],
                      settings.learning_rate)

    def learn(self, drawn: Transitions, teacher: Teacher) -> dict[str, float]:
        """Update on the rows and as many of the expert's."""
        s = self.settings
        seen, expert = teacher.normalised(drawn), teacher.expert()
        totals = torch.zeros(3, device=drawn.obs.device)
        for rows in seen.split(s.batch_size):
            totals += self._update(self.draw(expert, len(rows)), rows, teacher)
        objective, penalty, entropy = (totals * s.batch_size / len(drawn)).tolist()
        return {'policy/objective': objective, 'policy/penalty': penalty,
                'policy/entropy': entropy}

    def _update(self, expert: Transitions, replay: Transitions, teacher: Teacher) -> Tensor:
        s = self.settings
        first_action, log_prob = self.actor.sample(expert.obs, self.generator)
        objective = dice_objective(
            self._difference(expert, teacher), self._difference(replay, teacher),
            self._nu(expert.obs, first_action), s.replay_weight, s.discount)
        penalty = s.penalty_weight * gradient_penalty(
            lambda x: self.nu(x).squeeze(1), self._both_ends(expert), self._both_ends(replay),
            self.generator)
        uneven = s.orthogonal_weight * orthogonal_penalty(self.actor)
        # Both gradients are taken at the same point before either side moves.
        self.descend_together({'nu': objective + penalty, 'actor': uneven - objective})
        return torch.stack([objective, penalty, -log_prob.mean()]).detach()

    def _difference(self, rows: Transitions, teacher: Teacher) -> Tensor:
        """ν(s, a) - γ ν(s', a') of each step, and of those after ends, ``[B + ends]``."""
        action, _ = self.actor.sample(rows.next_obs, self.generator)
        following = self.implied_reward.following(-self._nu(rows.next_obs, action), rows, teacher)
        return -self.implied_reward(-self._nu(rows.obs, rows.action), following, rows, teacher)

    @torch.no_grad()
    def _both_ends(self, rows: Transitions) -> Tensor:
        """[s, a] and below them [s', a'], ``[2B, O + A]``."""
        action, _ = self.actor.sample(rows.next_obs, self.generator)
        return torch.cat([torch.cat([rows.obs, rows.action], 1),
                          torch.cat([rows.next_obs, action], 1)])

    def _nu(self, obs: Tensor, action: Tensor) -> Tensor:
        return self.nu(torch.cat([obs, action], dim=1)).squeeze(1)


ALGORITHM = (ValueDice, ValueDiceSettings)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""OPOLO: off-policy imitation from observations (Zhu et al., NeurIPS 2020, arXiv:2102.13185).

With r(s, s') = log d_E(s, s') / d_R(s, s'), the log-ratio of expert to replay that a classifier
of state pairs learns, and the conjugate f*(x) = |x|^p / p of an f-divergence (their eq. 11):

    max_π min_Q  (1 - γ) E_{s0} [Q(s0, a0)] + E_R [f*(r(s, s') + γ Q(s', a') - Q(s, a))],
    a0, a' ~ π

An inverse model P(a | s, s') of the replay tells which action leads from an expert state to the
next, and the actor is drawn to it by its likelihood (their section 4.3): the expert's own actions
are never looked at. Every replay state counts as a first one: asked for elsewhere, Q would be held
by no residual and fall without bound. The inverse model is a Gaussian, of which the mean is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn, Tensor

from drail_ros.learn.agents.implied_reward import AlgorithmSettings
from drail_ros.learn.agents.off_policy import OffPolicyAgent
from drail_ros.learn.nets.actors import GaussianActor
from drail_ros.learn.nets.mlp import mlp
from drail_ros.learn.rewards.teacher import Teacher
from drail_ros.learn.transitions import inputs_of, Transitions
from drail_ros.settings import setting


@dataclass(frozen=True)
class OpoloSettings(AlgorithmSettings):
    """Settings of OPOLO."""

    exponent: float = setting(1.5, 'p of the conjugate', low=1.0)
    cloning_weight: float = setting(1.0, 'weight of the likelihood of inferred actions', low=0.0)

    reward_model: ClassVar[str | None] = 'gail_gp'
    run_defaults: ClassVar[Mapping[str, object]] = {
        **AlgorithmSettings.run_defaults, 'reward.inputs': 'state_pair',
        'reward.learning_rate': 3e-4, 'reward.batch_size': 256, 'reward.width': 256,
        'reward.layers': 2}


def opolo_objective(residual: Tensor, start: Tensor, exponent: float, discount: float) -> Tensor:
    """J of residuals r + γQ' - Q ``[B]`` on replay rows and values Q(s0, a0) ``[B]``."""
    return (1 - discount) * start.mean() + residual.abs().pow(exponent).mean() / exponent


class Opolo(OffPolicyAgent):
    """Q, inverse model and squashed Gaussian actor; a reward model is the classifier."""

    settings: OpoloSettings

    def __init__(self, obs_size: int, action_size: int, num_envs: int, settings: OpoloSettings,
                 generator: torch.Generator) -> None:
        super().__init__(obs_size, action_size, settings, generator)
        s = settings
        self.q = mlp([obs_size + action_size] + [s.width] * s.layers + [1], nn.ReLU)
        self.inverse = GaussianActor(2 * obs_size, action_size, s.width, s.layers)
        self.to(generator.device)
        self.optimise('actor', list(self.actor.parameters()), s.learning_rate)
        self.optimise('q', list(self.q.parameters()), s.learning_rate)
        self.optimise('inverse', list(self.inverse.parameters()), s.learning_rate)

    def learn(self, drawn: Transitions, teacher: Teacher) -> dict[str, float]:
        """Pay the rows and update on them and as many of the expert's."""
        s = self.settings
        raw, terminal = teacher.reward(drawn), teacher.terminal_value(s.discount)
        rewards = teacher.paid(raw)
        seen, expert = teacher.normalised(drawn), teacher.expert()
        totals = torch.zeros(3, device=raw.device)
        for rows, paid in zip(seen.split(s.batch_size), rewards.split(s.batch_size)):
            totals += self._update(self.draw(expert, len(rows)), rows, paid, terminal)
        objective, inverse, cloning = (totals * s.batch_size / len(drawn)).tolist()
        return {'reward/mean': raw.mean().item(), 'policy/objective': objective,
                'policy/inverse_loss': inverse, 'policy/cloning_loss': cloning}

    def _update(self, expert: Transitions, replay: Transitions, rewards: Tensor,
                terminal: Tensor) -> Tensor:
        s = self.settings
        inverse_loss = -self.inverse.log_prob(inputs_of(replay, 'state_pair'),
                                              replay.action).mean()
        self.descend('inverse', inverse_loss)
        with torch.no_grad():
            inferred = self.inverse.mean_action(inputs_of(expert, 'state_pair'))
        first_action, _ = self.actor.sample(replay.obs, self.generator)
        action, _ = self.actor.sample(replay.next_obs, self.generator)
        following = torch.where(replay.terminated, terminal, self._q(replay.next_obs, action))
        residual = rewards + s.discount * following - self._q(replay.obs, replay.action)
        objective = opolo_objective(residual, self._q(replay.obs, first_action), s.exponent,
                                    s.discount)
        cloning = -self.actor.log_prob(expert.obs, inferred).mean()
        # Both gradients are taken at the same point before either side moves.
        self.descend_together({'q': objective,
                               'actor': s.cloning_weight * cloning - objective})
        return torch.stack([objective, inverse_loss, cloning]).detach()

    def _q(self, obs: Tensor, action: Tensor) -> Tensor:
        return self.q(torch.cat([obs, action], dim=1)).squeeze(1)


ALGORITHM = (Opolo, OpoloSettings)

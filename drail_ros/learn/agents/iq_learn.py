# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""IQ-Learn: inverse soft-Q learning (Garg et al., NeurIPS 2021, arXiv:2106.12142).

The soft Q-function is itself reward and value: r(s, a) = Q(s, a) - γ V(s'), with
V(s) = E_{a~π} [Q(s, a) - α log π(a|s)], so that learning Q from the expert is all there is:

    max_Q  E_E [φ(r)] - (1 - γ) E_{ρ0} [V(s0)],   φ(r) = r - r² / (4 c)       (eq. 10, χ²)
    max_π  E [Q(s, a) - α log π(a|s)]                                         as SAC

For the transitions of any policy E [V(s) - γ V(s')] = (1 - γ) E_{ρ0} [V(s0)] (their telescopic
identity): the second term is estimated on expert and agent transitions (``value``, published for
learning online), on expert ones (``value_expert``) or at the expert's states as if each were the
first (``first``, published for learning offline). The square is taken on expert and agent
transitions, or on the expert's alone. V(s') comes from a slowly moving copy of the critics, V from
the lowest of them.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from drail_ros.learn.agents.implied_reward import AlgorithmSettings, ImpliedReward
from drail_ros.learn.agents.off_policy import OffPolicyAgent
from drail_ros.learn.nets.mlp import Ensemble, polyak
from drail_ros.learn.rewards.teacher import Teacher
from drail_ros.learn.transitions import joined, Transitions
from drail_ros.settings import setting

VALUE_TERMS = ('value', 'value_expert', 'first')


@dataclass(frozen=True)
class IqLearnSettings(AlgorithmSettings):
    """Settings of IQ-Learn."""

    actor_learning_rate: float = setting(3e-5, 'Adam step size of the actor', low=0.0)
    temperature: float = setting(0.01, 'weight α of the entropy', low=0.0)
    critics: int = setting(2, 'critics, of which the lowest counts', low=1)
    value_term: str = setting('value', 'where the value of the start is estimated',
                              choices=VALUE_TERMS)
    regularise_agent: bool = setting(True, "square the agent's rewards too, not only the expert's")
    regularisation: float = setting(0.5, 'c of the χ² divergence', low=1e-6)
    target_share: float = setting(0.005, 'share of the critic in its target at each update',
                                  low=0.0, high=1.0)


def iq_loss(expert_reward: Tensor, start_value: Tensor, squared_rewards: Tensor,
            regularisation: float) -> Tensor:
    """Return -(E_E [r] - E [r²] / (4 c)) + (1 - γ) E_{ρ0} [V], each over its last axis."""
    penalty = squared_rewards.square().mean(dim=-1) / (4 * regularisation)
    return start_value.mean(dim=-1) - expert_reward.mean(dim=-1) + penalty


class IqLearn(OffPolicyAgent):
    """Soft critics learned from demonstrations; squashed Gaussian actor."""

    settings: IqLearnSettings

    def __init__(self, obs_size: int, action_size: int, num_envs: int, settings: IqLearnSettings,
                 generator: torch.Generator) -> None:
        super().__init__(obs_size, action_size, settings, generator)
        self.implied_reward = ImpliedReward(settings.discount)
        sizes = [obs_size + action_size] + [settings.width] * settings.layers + [1]
        self.critic = Ensemble(settings.critics, sizes)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.to(generator.device)
        self.optimise('actor', list(self.actor.parameters()), settings.actor_learning_rate)
        self.optimise('critic', [*self.critic.parameters(), *self.implied_reward.parameters()],
                      settings.learning_rate)

    def learn(self, drawn: Transitions, teacher: Teacher) -> dict[str, float]:
        """Update on the rows and as many of the expert's."""
        s = self.settings
        seen, expert = teacher.normalised(drawn), teacher.expert()
        totals = torch.zeros(4, device=drawn.obs.device)
        for rows in seen.split(s.batch_size):
            totals += self._update(self.draw(expert, len(rows)), rows, teacher)
        loss, paid_expert, paid_agent, entropy = (totals * s.batch_size / len(drawn)).tolist()
        return {'policy/critic_loss': loss, 'reward/expert': paid_expert,
                'reward/mean': paid_agent, 'policy/entropy': entropy}

    def _update(self, expert: Transitions, agent: Transitions, teacher: Teacher) -> Tensor:
        s, both = self.settings, joined(expert, agent)
        count = len(expert)
        with torch.no_grad():
            following = self.implied_reward.following(
                self._value(self.target, both.next_obs), both, teacher)
        q = self.critic(torch.cat([both.obs, both.action], dim=1)).squeeze(-1)
        value = self._value(self.critic, both.obs)

        def of_each(values: Tensor) -> list[Tensor]:
            return [self.implied_reward(part, after, rows, teacher) for part, after, rows in zip(
                values.split(count, dim=-1), following.split(count), (expert, agent))]

        # As paid, the reward that V implies is V(s) - γ V(s').
        rewards, of_states = of_each(q), of_each(value)
        start = {'value': teacher.paid(torch.cat(of_states)),
                 'value_expert': teacher.paid(of_states[0]),
                 'first': (1 - s.discount) * value[:count]}[s.value_term]
        squared = torch.cat(rewards, dim=-1) if s.regularise_agent else rewards[0]
        loss = iq_loss(rewards[0], start, squared, s.regularisation).sum()
        self.descend('critic', loss)
        action, log_prob = self.actor.sample(both.obs, self.generator)
        best = self.critic(torch.cat([both.obs, action], dim=1)).squeeze(-1).amin(dim=0)
        self.descend('actor', (s.temperature * log_prob - best).mean())
        polyak(self.target, self.critic, s.target_share)
        return torch.stack([loss, rewards[0].mean(), rewards[1].mean(),
                            -log_prob.mean()]).detach()

    def _value(self, critic: Ensemble, obs: Tensor) -> Tensor:
        """V(s) ``[B]``; gradients for the critic only."""
        with torch.no_grad():
            action, log_prob = self.actor.sample(obs, self.generator)
        q = critic(torch.cat([obs, action], dim=1)).squeeze(-1).amin(dim=0)
        return q - self.settings.temperature * log_prob


ALGORITHM = (IqLearn, IqLearnSettings)

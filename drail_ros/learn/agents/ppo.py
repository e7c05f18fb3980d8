# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""PPO (Schulman et al., 2017) with separate tanh actor and critic.

    L = E min(ρ A, clip(ρ, 1 ± c) A) - v E max((V - R)², (clip(V, V_old ± c) - R)²) / 2 + e H

with ρ = π(a|s) / π_old(a|s), advantages A standardised over the rollout, R = A + V_old.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import math
from typing import Any, ClassVar

import torch
from torch import nn, Tensor

from drail_ros.learn.agents.advantages import generalised_advantages
from drail_ros.learn.agents.agent import ACTIONS, Rollout
from drail_ros.learn.nets.actors import FIRST_MEAN_GAIN, GaussianActor
from drail_ros.learn.nets.mlp import mlp, orthogonal
from drail_ros.learn.nets.normalise import ReturnScaler
from drail_ros.learn.rewards.teacher import Teacher
from drail_ros.learn.transitions import Transitions
from drail_ros.settings import setting, Settings

_LEAST_SPREAD = 1e-5
"""Added to the advantages' standard deviation, which is 0 where all are alike."""


@dataclass(frozen=True)
class PpoSettings(Settings):
    """Settings of PPO."""

    learning_rate: float = setting(1e-4, 'Adam step size of actor and critic', low=0.0)
    learning_rate_decay: bool = setting(True, 'let the step size fall linearly to 0')
    epochs: int = setting(10, 'passes over the rollout in each iteration', low=1)
    minibatches: int = setting(32, 'minibatches per pass', low=1)
    discount: float = setting(0.99, 'discount γ', low=0.0, high=1.0)
    trace: float = setting(0.95, 'λ of generalised advantage estimation', low=0.0, high=1.0)
    clip: float = setting(0.2, 'clip range c of the ratio and of the value', low=0.0)
    value_weight: float = setting(0.5, 'weight v of the value loss', low=0.0)
    entropy_weight: float = setting(1e-3, 'weight e of the entropy', low=0.0)
    max_gradient_norm: float = setting(0.5, 'gradients are scaled down to this norm', low=0.0)
    initial_std: float = setting(1.0, 'standard deviation of the first actions', low=1e-3)
    final_std: float = setting(
        0.0, 'standard deviation of later actions, reached geometrically; 0 learns it', low=0.0)
    std_steps: int = setting(
        100_000, 'environment steps until it is reached, however long the run', low=1)
    width: int = setting(256, 'hidden width of actor and critic', low=1)
    layers: int = setting(2, 'hidden layers of actor and critic', low=1)
    normalise_reward: bool = setting(True, 'divide rewards by the std of the discounted return')
    mean_gain: float = setting(
        FIRST_MEAN_GAIN, "gain of the weights that the actor's last layer begins with", low=0.0)
    # As is usual with PPO (Huang et al., The 37 Implementation Details of PPO, ICLR blog, 2022).
    adam_epsilon: float = setting(1e-5, "Adam's ε", low=0.0)
    judged_actions: str = setting('executed', 'actions that a reward model sees: as executed, '
                                  'clipped to [-1, 1], or as drawn', choices=ACTIONS)

    run_defaults: ClassVar[Mapping[str, object]] = {}


def clipped_gain(ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """min(ρ A, clip(ρ, 1 ± c) A), of each row ``[B]``: nothing is gained beyond the range."""
    return torch.min(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


def clipped_square(value: Tensor, old: Tensor, returns: Tensor, clip: float) -> Tensor:
    """max((V - R)², (clip(V, V_old ± c) - R)²), of each row ``[B]``."""
    near_old = old + (value - old).clamp(-clip, clip)
    return torch.max((value - returns).square(), (near_old - returns).square())


class Ppo(nn.Module):
    """Actor, critic and their update."""

    def __init__(self, obs_size: int, action_size: int, num_envs: int, settings: PpoSettings,
                 generator: torch.Generator) -> None:
        super().__init__()
        self.settings, self.generator = settings, generator
        self.actor = GaussianActor(obs_size, action_size, settings.width, settings.layers,
                                   settings.initial_std, settings.mean_gain)
        sizes = [obs_size] + [settings.width] * settings.layers + [1]
        self.critic = orthogonal(mlp(sizes, nn.Tanh), last_gain=1.0)
        self.scaler = ReturnScaler(num_envs, settings.discount)
        self.register_buffer('steps', torch.zeros((), dtype=torch.int64))
        self.actor.log_std.requires_grad_(settings.final_std == 0)
        self.to(generator.device)
        self.optimiser = torch.optim.Adam(self.parameters(), lr=settings.learning_rate,
                                          eps=settings.adam_epsilon, fused=True)

    def get_extra_state(self) -> dict[str, Any]:
        """Put the optimiser into ``state_dict``."""
        return self.optimiser.state_dict()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the optimiser out of ``state_dict``."""
        self.optimiser.load_state_dict(state)

    steps: Tensor
    """Environment steps learned from, 0-dimensional."""

    @torch.no_grad()
    def act(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised observations ``[N, O]`` → sampled actions ``[N, A]``, log-probs ``[N]``."""
        return self.actor.sample(obs, self.generator)

    def value(self, obs: Tensor) -> Tensor:
        """Normalised observations ``[…, O]`` → values ``[…]``."""
        return self.critic(obs).squeeze(-1)

    @torch.no_grad()
    def remember(self, rollout: Rollout, seen: Transitions) -> None:
        """Keep the rollout and what the critic thinks of it."""
        shape = rollout.ended.shape
        self._rollout, self._seen = rollout, seen.obs
        self._value = self.value(seen.obs).view(shape)
        self._next_value = self.value(seen.next_obs).view(shape)

    def experience(self) -> Transitions:
        """Return the rollout."""
        return self._rollout.transitions(self.settings.judged_actions)

    def improve(self, teacher: Teacher, progress: float,
                actor_learns: bool = True) -> dict[str, float]:
        """Learn from the rollout."""
        self.actor.mean.requires_grad_(actor_learns)
        self.actor.log_std.requires_grad_(actor_learns and self.settings.final_std == 0)
        rollout = self._rollout
        raw = teacher.reward(self.experience()).view_as(rollout.ended)
        scale = self.scaler(raw, rollout.ended) if self.settings.normalise_reward else 1.0
        terminal = teacher.terminal_value(self.settings.discount, scale)
        next_value = torch.where(rollout.terminated, terminal, self._next_value)
        metrics = self.update(self._seen, rollout, self._value, next_value,
                              teacher.paid(raw, scale), progress)
        return {'reward/mean': raw.mean().item(), 'reward/std': raw.std().item(), **metrics}

    def update(self, seen: Tensor, rollout: Rollout, value: Tensor, next_value: Tensor,
               rewards: Tensor, progress: float) -> dict[str, float]:
        """Climb rewards ``[T, N]``; ``seen`` ``[T · N, O]`` normalised, values ``[T, N]``."""
        s = self.settings
        if s.learning_rate_decay:
            for group in self.optimiser.param_groups:
                group['lr'] = s.learning_rate * (1 - progress)
        advantage = generalised_advantages(rewards, value, next_value, rollout.ended,
                                           s.discount, s.trace)
        returns = (advantage + value).flatten()
        advantage = ((advantage - advantage.mean()) / (advantage.std() + _LEAST_SPREAD)).flatten()
        action, log_prob = rollout.action.flatten(0, 1), rollout.log_prob.flatten()
        value = value.flatten()
        totals, updates = torch.zeros(4, device=seen.device), 0
        for _ in range(s.epochs):
            order = torch.randperm(len(seen), generator=self.generator, device=seen.device)
            for rows in order.chunk(s.minibatches):
                totals += self._minibatch(seen[rows], action[rows], log_prob[rows], value[rows],
                                          advantage[rows], returns[rows])
                updates += 1
        self.steps += rollout.ended.numel()
        if s.final_std > 0:
            share = min(self.steps.item() / s.std_steps, 1.0)
            with torch.no_grad():
                self.actor.log_std.fill_((1 - share) * math.log(s.initial_std)
                                         + share * math.log(s.final_std))
        policy, critic, entropy, clipped = (totals / updates).tolist()
        return {'policy/loss': policy, 'policy/value_loss': critic, 'policy/entropy': entropy,
                'policy/clip_fraction': clipped,
                'policy/std': self.actor.log_std.exp().mean().item()}

    def _minibatch(self, obs: Tensor, action: Tensor, log_prob: Tensor, value: Tensor,
                   advantage: Tensor, returns: Tensor) -> Tensor:
        s = self.settings
        ratio = (self.actor.log_prob(obs, action) - log_prob).exp()
        gain = clipped_gain(ratio, advantage, s.clip).mean()
        value_loss = 0.5 * clipped_square(self.value(obs), value, returns, s.clip).mean()
        entropy = self.actor.entropy()
        loss = -gain + s.value_weight * value_loss - s.entropy_weight * entropy
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters(), s.max_gradient_norm)
        self.optimiser.step()
        clipped = ((ratio - 1).abs() > s.clip).float().mean()
        return torch.stack([-gain, value_loss, entropy, clipped]).detach()


AGENT = (Ppo, PpoSettings)

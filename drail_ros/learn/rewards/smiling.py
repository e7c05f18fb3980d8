# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""SMILING: score matching without an adversary (Wu et al., 2024, arXiv:2410.13855).

Two ε-nets on what is seen of transitions, states by default: ε_E learns the expert's
distribution once and is frozen; ε_π is refitted to the agent's in every iteration, both by plain
regression, min E (ε_φ(x_t, t) - ε)². The difference of their errors estimates how far apart the
two diffused distributions are at x:

    reward = mean_t [ mean_d (ε_π(x_t, t) - ε)² - mean_d (ε_E(x_t, t) - ε)² ]

with the same x_t and ε in both, standardised to a spread of 0.1. Every sample sees every t that
was drawn. Steps with ᾱ_t < 10⁻³, 63 % of the published 5000, hold no signal and are left out.
Observations are normalised by the demonstrations alone, so that the frozen net sees them alike.
"""

from __future__ import annotations

from collections.abc import Mapping
import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import nn, Tensor

from drail_ros.learn.nets.diffusion import (
    DiffusionLoss,
    linear_alpha_bar,
    SinusoidalNoisePredictor,
    stratified_timesteps,
)
from drail_ros.learn.rewards.reward_model import LearnedReward, Metrics, RewardSettings
from drail_ros.learn.transitions import INPUTS, some_of, Transitions
from drail_ros.settings import setting

_LEAST_SIGNAL = 1e-3
"""Of ᾱ_t: below it x_t is noise to one part in thirty."""
_SPREAD_SAMPLES = 2048
"""Rows whose rewards are standardised by; their mean and spread are known to 2 %."""
_SMALLEST_SPREAD = 1e-8
"""Added to the spread, which is 0 where both nets are the same."""


@dataclass(frozen=True)
class SmilingSettings(RewardSettings):
    """Settings of SMILING."""

    inputs: str = setting('state', "what is seen of a transition: [s, a], [s, s'] or s",
                          choices=INPUTS)
    learning_rate: float = setting(5e-3, 'AdamW step size of both nets', low=0.0)
    batch_size: int = setting(1024, 'samples per update', low=1)
    expert_updates: int = setting(4000, 'updates of the expert net, before the first iteration',
                                  low=1)
    width: int = setting(256, 'hidden width of both nets', low=1)
    layers: int = setting(1, 'hidden layers of both nets', low=1)
    diffusion_steps: int = setting(5000, 'T of the diffusion process', low=2)
    reward_draws: int = setting(16, 'timesteps averaged in a reward (published: 500)', low=1)
    reward_std: float = setting(0.1, 'spread to which rewards are standardised; 0 is not at all',
                                low=0.0)

    run_defaults: ClassVar[Mapping[str, object]] = {'agent': 'sac'}


class Smiling(LearnedReward):
    """Frozen expert net and refitted learner net."""

    settings: SmilingSettings
    needs_fixed_statistics = True

    def __init__(self, obs_size: int, action_size: int, settings: SmilingSettings,
                 generator: torch.Generator) -> None:
        super().__init__(obs_size, action_size, settings, generator)
        alpha_bar = linear_alpha_bar(settings.diffusion_steps)
        alpha_bar = alpha_bar[:max(int((alpha_bar >= _LEAST_SIGNAL).sum()), 1)]
        net = SinusoidalNoisePredictor(self.input_size, settings.width, settings.layers,
                                       nn.LeakyReLU)
        self.learner = DiffusionLoss(net, alpha_bar)
        self.expert = copy.deepcopy(self.learner)
        self.register_buffer('expert_is_fitted', torch.tensor(False))
        self.register_buffer('shift', torch.zeros(()))
        self.register_buffer('scale', torch.ones(()))
        self.finish(partial(torch.optim.AdamW, fused=True))

    expert_is_fitted: Tensor
    shift: Tensor
    scale: Tensor

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the optimiser out of ``state_dict``; a fitted expert net stays frozen."""
        super().set_extra_state(state)
        self.expert.requires_grad_(not self.expert_is_fitted)

    def update(self, expert: Transitions, agent: Transitions) -> Metrics:
        """Fit the expert net if it is not yet; refit the learner net; standardise."""
        s, metrics = self.settings, {}
        if not len(agent):
            return {}
        if not self.expert_is_fitted:
            x = self.seen(expert)
            rows = torch.randint(len(x), (s.expert_updates * s.batch_size,),
                                 generator=self.generator, device=x.device)
            metrics['reward_model/expert_loss'] = self._fit(self.expert, x, rows)
            self.expert.requires_grad_(False)
            self.expert_is_fitted.fill_(True)
        x = self.seen(some_of(agent, s.agent_rows, self.generator))
        rows = torch.cat([torch.randperm(len(x), generator=self.generator, device=x.device)
                          for _ in range(s.epochs)])
        metrics['reward_model/learner_loss'] = self._fit(self.learner, x, rows)
        if s.reward_std > 0:
            raw = self.difference(x[rows[:_SPREAD_SAMPLES]])
            self.shift.copy_(raw.mean())
            self.scale.copy_(s.reward_std / (raw.std(unbiased=False) + _SMALLEST_SPREAD))
        return metrics

    @torch.no_grad()
    def reward(self, rows: Transitions) -> Tensor:
        """Standardised difference of the errors, ``[B]``."""
        return (self.difference(self.seen(rows)) - self.shift) * self.scale

    @torch.no_grad()
    def difference(self, x: Tensor) -> Tensor:
        """Error of the learner net minus that of the expert net, ``[B]``."""
        total = x.new_zeros(len(x))
        for t in stratified_timesteps(1, self.settings.reward_draws, self.learner.steps,
                                      self.generator):
            noise = torch.randn(x.shape, generator=self.generator, device=x.device)
            times = t.expand(len(x))
            total += self.learner(x, times, noise) - self.expert(x, times, noise)
        return total / self.settings.reward_draws

    def _fit(self, model: DiffusionLoss, x: Tensor, rows: Tensor) -> float:
        """Regress the noise on rows of ``x``, a minibatch at a time; return the mean error."""
        total = x.new_zeros(())
        for minibatch in x[rows].split(self.settings.batch_size):
            t = torch.randint(model.steps, (len(minibatch),), generator=self.generator,
                              device=x.device)
            noise = torch.randn(minibatch.shape, generator=self.generator, device=x.device)
            loss = model(minibatch, t, noise).mean()
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            total += loss.detach() * len(minibatch)
        return total.item() / len(rows)


REWARD_MODEL = (Smiling, SmilingSettings)

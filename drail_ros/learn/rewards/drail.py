# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""DRAIL: the discriminator is a diffusion model (Lai et al., NeurIPS 2024).

With x = [s, a] and L^c(x) = E_{t, ε} mean_d (ε_φ(x_t, t | c) - ε)², where the condition c is a
constant vector of ones for the expert (c⁺) and of zeros for the agent (c⁻):

    D(x) = exp(-L⁺) / (exp(-L⁺) + exp(-L⁻)) = sigmoid(L⁻ - L⁺)      (their eq. 6)
    loss = BCE(D(x_E), 1) + BCE(D(x_π), 0)                          (eq. 7)
    reward = log D - log(1 - D) = L⁻ - L⁺                            (eq. 9)

so the logit is l = L⁻ - L⁺ and the reward is the logit. The expectation over (t, ε) is estimated
by a few draws; whether both labels see the same draw, and how many there are, is a setting apart
for training and for the reward.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn, Tensor

from drail_ros.learn.nets.diffusion import (
    common_draws,
    cosine_alpha_bar,
    DiffusionLoss,
    NoisePredictor,
    stratified_timesteps,
)
from drail_ros.learn.rewards.discriminator import Discriminator
from drail_ros.learn.rewards.reward_model import RewardSettings
from drail_ros.learn.transitions import input_size, inputs_of, Transitions
from drail_ros.settings import setting

_CHUNK = 256
"""Rows of x scored at a time: the activations of both labels then stay in a core's cache."""


@dataclass(frozen=True)
class DrailSettings(RewardSettings):
    """Settings of DRAIL."""

    diffusion_steps: int = setting(1000, 'T of the diffusion process', low=2)
    label_size: int = setting(10, 'length of the condition vector', low=1)
    training_shared_noise: bool = setting(
        True, 'both labels see the same (t, noise) when the discriminator learns')
    training_draws: int = setting(
        1, 'draws of (t, noise) averaged per sample when the discriminator learns', low=1)
    reward_shared_noise: bool = setting(
        True, 'both labels see the same (t, noise) when a reward is computed')
    reward_draws: int = setting(
        8, 'draws of (t, noise) averaged per sample when a reward is computed', low=1)


class LabelledDenoising(nn.Module):
    """L⁻ - L⁺ of a conditional diffusion model: how much better the expert's label denoises."""

    def __init__(self, obs_size: int, action_size: int, settings: DrailSettings,
                 generator: torch.Generator) -> None:
        super().__init__()
        self.settings, self._generator = settings, generator
        net = NoisePredictor(input_size(settings.inputs, obs_size, action_size),
                             settings.label_size, settings.width, settings.layers,
                             settings.diffusion_steps)
        self.diffusion = DiffusionLoss(net, cosine_alpha_bar(settings.diffusion_steps))

    def forward(self, rows: Transitions) -> Tensor:
        """As estimated in training, with gradients through both, ``[B]``."""
        s = self.settings
        return self._estimate(self._seen(rows), s.training_draws, s.training_shared_noise)

    def reward(self, rows: Transitions) -> Tensor:
        """As estimated for rewards, ``[B]``."""
        s = self.settings
        return torch.cat([self._estimate(x, s.reward_draws, s.reward_shared_noise)
                          for x in self._seen(rows).split(_CHUNK)])

    def expected(self, rows: Transitions, draws: int) -> Tensor:
        """Mean over ``draws`` stratified (t, noise) that all rows have in common, ``[B]``."""
        x = self._seen(rows)
        common = list(common_draws(x[:1], draws, self.diffusion.steps, self._generator))
        return torch.cat([torch.stack([self._logit(part, t, noise) for t, noise in common]).mean(0)
                          for part in x.split(_CHUNK)])

    def draw(self, x: Tensor, draws: int) -> tuple[Tensor, Tensor]:
        """Draw t ``[draws · B]`` and noise ``[draws · B, D]`` for samples ``[B, D]``."""
        t = stratified_timesteps(len(x), draws, self.settings.diffusion_steps, self._generator)
        noise = torch.randn((draws * len(x), x.shape[1]), generator=self._generator,
                            device=x.device)
        return t.flatten(), noise

    def _losses(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """L⁻ and L⁺ ``[2, B]`` of ``[B, D]``; t ``[2 · B]`` and noise ``[2 · B, D]`` alike."""
        label = x.new_zeros(2 * len(x), self.settings.label_size)
        label[len(x):] = 1.0
        return self.diffusion(x.repeat(2, 1), t, noise, label).view(2, -1)

    def _logit(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """L⁻ - L⁺ of ``[B, D]`` by one draw, t ``[1]`` and noise ``[1, D]``; ``[B]``."""
        agent, expert = self._losses(x, t.expand(2 * len(x)), noise.expand(2 * len(x), -1))
        return agent - expert

    def _seen(self, rows: Transitions) -> Tensor:
        return inputs_of(rows, self.settings.inputs)

    def _estimate(self, x: Tensor, draws: int, shared_noise: bool) -> Tensor:
        t_agent, noise_agent = self.draw(x, draws)
        t_expert, noise_expert = (t_agent, noise_agent) if shared_noise else self.draw(x, draws)
        losses = self._losses(x.repeat(draws, 1), torch.cat([t_agent, t_expert]),
                              torch.cat([noise_agent, noise_expert]))
        agent, expert = losses.view(2, draws, len(x)).mean(dim=1)
        return agent - expert


class Drail(Discriminator):
    """Conditional diffusion model as discriminator."""

    def __init__(self, obs_size: int, action_size: int, settings: DrailSettings,
                 generator: torch.Generator) -> None:
        score = LabelledDenoising(obs_size, action_size, settings, generator)
        super().__init__(score, settings, generator, reward=score.reward)


REWARD_MODEL = (Drail, DrailSettings)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""DRAIL-UN: DRAIL's ablation with an unconditional diffusion model (Lai et al., NeurIPS 2024).

With L(x) = E_{t, ε} mean_d (ε_φ(x_t, t) - ε)², which is to be low on expert data only:

    D(x) = exp(-L(x))
    loss = BCE(D(x_E), 1) + BCE(D(x_π), 0)
    reward = log D - log(1 - D) = -L - log(1 - exp(-L))

D reaches 1 only where the noise is predicted without error, which no model can: D is no
probability of the expert, and that is what the condition of DRAIL mends.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn, Tensor

from drail_ros.learn.nets.diffusion import (
    cosine_alpha_bar,
    DiffusionLoss,
    NoisePredictor,
    stratified_timesteps,
)
from drail_ros.learn.rewards.discriminator import Discriminator
from drail_ros.learn.rewards.logits import logit_of_energy
from drail_ros.learn.rewards.reward_model import RewardSettings
from drail_ros.learn.transitions import input_size, inputs_of, Transitions
from drail_ros.settings import setting


@dataclass(frozen=True)
class DrailUnSettings(RewardSettings):
    """Settings of DRAIL-UN."""

    diffusion_steps: int = setting(1000, 'T of the diffusion process', low=2)
    training_draws: int = setting(
        1, 'draws of (t, noise) averaged per sample when the discriminator learns', low=1)
    reward_draws: int = setting(
        1, 'draws of (t, noise) averaged per sample when a reward is computed', low=1)


class Denoising(nn.Module):
    """Logit of exp(-L), L the error of an unconditional diffusion model."""

    def __init__(self, obs_size: int, action_size: int, settings: DrailUnSettings,
                 generator: torch.Generator) -> None:
        super().__init__()
        s = self._settings = settings
        self._generator = generator
        net = NoisePredictor(input_size(s.inputs, obs_size, action_size), 0, s.width, s.layers,
                             s.diffusion_steps)
        self.diffusion = DiffusionLoss(net, cosine_alpha_bar(s.diffusion_steps))

    def forward(self, rows: Transitions) -> Tensor:
        """As estimated in training, ``[B]``."""
        return logit_of_energy(self._energy(self._seen(rows), self._settings.training_draws))

    def reward(self, rows: Transitions) -> Tensor:
        """log D - log(1 - D) as estimated for rewards, ``[B]``."""
        return logit_of_energy(self._energy(self._seen(rows), self._settings.reward_draws))

    def expected(self, rows: Transitions, draws: int) -> Tensor:
        """As estimated by ``draws`` that all rows have in common, ``[B]``."""
        return logit_of_energy(self.diffusion.expected(self._seen(rows), draws, self._generator))

    def _seen(self, rows: Transitions) -> Tensor:
        return inputs_of(rows, self._settings.inputs)

    def _energy(self, x: Tensor, draws: int) -> Tensor:
        """L averaged over stratified draws of (t, ε), ``[B]``."""
        t = stratified_timesteps(len(x), draws, self._settings.diffusion_steps, self._generator)
        noise = torch.randn((draws * len(x), x.shape[1]), generator=self._generator,
                            device=x.device)
        return self.diffusion(x.repeat(draws, 1), t.flatten(), noise).view(draws, -1).mean(dim=0)


class DrailUn(Discriminator):
    """Unconditional diffusion model as discriminator."""

    def __init__(self, obs_size: int, action_size: int, settings: DrailUnSettings,
                 generator: torch.Generator) -> None:
        score = Denoising(obs_size, action_size, settings, generator)
        super().__init__(score, settings, generator, reward=score.reward)


REWARD_MODEL = (DrailUn, DrailUnSettings)

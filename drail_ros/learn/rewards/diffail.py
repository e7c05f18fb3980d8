# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""DiffAIL: the denoising error as discriminator (Wang et al., AAAI 2024, arXiv:2312.06348).

With L_t(x) = mean_d (ε_φ(x_t, t) - ε)² of an unconditional ε-net and few steps T:

    D_t(x) = exp(-L_t(x))
    loss = E_{t, ε} [BCE(D_t(x_E), 1) + BCE(D_t(x_π), 0)] + w E (‖∇_x D(x̂)‖ - 1)²
    reward, as in the paper:  -(1/T) Σ_t log(1 - exp(-L_t))
    reward, as released:      -log(1 - (1/T) Σ_t mean_d exp(-(ε_φ(x_t, t) - ε)²))

One t per sample in the loss, all of them in the reward; x̂ are interpolates between expert and
agent (Gulrajani et al., 2017). Mish activations, linear noise schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn, Tensor

from drail_ros.learn.nets.diffusion import (
    DiffusionLoss,
    linear_alpha_bar,
    SinusoidalNoisePredictor,
)
from drail_ros.learn.rewards.discriminator import Discriminator
from drail_ros.learn.rewards.gradient_penalty import interpolation_penalty
from drail_ros.learn.rewards.logits import logit_of_energy, reward_of_logit
from drail_ros.learn.rewards.reward_model import RewardSettings
from drail_ros.learn.transitions import input_size, inputs_of, Transitions
from drail_ros.settings import setting


@dataclass(frozen=True)
class DiffailSettings(RewardSettings):
    """Settings of DiffAIL."""

    learning_rate: float = setting(3e-5, 'Adam step size of the discriminator', low=0.0)
    batch_size: int = setting(256, 'expert samples, and agent samples, per update', low=1)
    width: int = setting(128, 'hidden width of the discriminator', low=1)
    diffusion_steps: int = setting(10, 'T of the diffusion process', low=2)
    penalty_weight: float = setting(0.001, 'weight w of the gradient penalty', low=0.0)
    reward_form: str = setting('paper', 'reward as in the paper, or as in the released code',
                               choices=('paper', 'released'))

    run_defaults: ClassVar[Mapping[str, object]] = {'agent': 'sac', 'terminations': 'ignore'}


class FewStepDenoising(nn.Module):
    """Logit of D_t = exp(-L_t), L_t the error of an unconditional diffusion model of few steps."""

    def __init__(self, obs_size: int, action_size: int, settings: DiffailSettings,
                 generator: torch.Generator) -> None:
        super().__init__()
        self._settings, self._generator = settings, generator
        net = SinusoidalNoisePredictor(input_size(settings.inputs, obs_size, action_size),
                                       settings.width, settings.layers, nn.Mish)
        self.diffusion = DiffusionLoss(net, linear_alpha_bar(settings.diffusion_steps))

    def forward(self, rows: Transitions) -> Tensor:
        """Logit at one t a row, ``[B]``."""
        return logit_of_energy(self._energy(self.seen(rows)))

    def reward(self, rows: Transitions) -> Tensor:
        """Reward over all t in the chosen form, ``[B]``."""
        return {'paper': self._paper_reward, 'released': self._released_reward}[
            self._settings.reward_form](self.seen(rows))

    def expected(self, rows: Transitions, draws: int) -> Tensor:
        """Logit of exp(-L), L averaged over ``draws`` that all rows have in common, ``[B]``."""
        return logit_of_energy(self.diffusion.expected(self.seen(rows), draws, self._generator))

    def seen(self, rows: Transitions) -> Tensor:
        """Return what is seen of each row, x ``[B, D]``."""
        return inputs_of(rows, self._settings.inputs)

    def probability(self, x: Tensor) -> Tensor:
        """D_t at one t a sample, ``[B]``."""
        return torch.exp(-self._energy(x))

    def _energy(self, x: Tensor) -> Tensor:
        """L_t at one random t a sample, ``[B]``."""
        t = torch.randint(self._settings.diffusion_steps, (len(x),), generator=self._generator,
                          device=x.device)
        return self.diffusion(x, t, self._noise(x))

    def _paper_reward(self, x: Tensor) -> Tensor:
        return self._mean_over_steps(x, lambda times, noise: reward_of_logit(
            logit_of_energy(self.diffusion(x, times, noise)), 'neg_log_one_minus_d'))

    def _released_reward(self, x: Tensor) -> Tensor:
        def probability(times: Tensor, noise: Tensor) -> Tensor:
            predicted = self.diffusion.net(self.diffusion.diffused(x, times, noise), times)
            return torch.exp(-(predicted - noise).square()).mean(dim=1)
        return -torch.log1p(-self._mean_over_steps(x, probability))

    def _mean_over_steps(self, x: Tensor, of_step: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Mean ``[B]`` over all t of ``of_step(t, noise)``, with noise of its own for each t."""
        total, steps = x.new_zeros(len(x)), self._settings.diffusion_steps
        for t in range(steps):
            total += of_step(torch.full((len(x),), t, device=x.device), self._noise(x))
        return total / steps

    def _noise(self, x: Tensor) -> Tensor:
        return torch.randn(x.shape, generator=self._generator, device=x.device)


class Diffail(Discriminator):
    """Unconditional diffusion model of few steps as discriminator."""

    def __init__(self, obs_size: int, action_size: int, settings: DiffailSettings,
                 generator: torch.Generator) -> None:
        score = FewStepDenoising(obs_size, action_size, settings, generator)
        super().__init__(
            score, settings, generator, reward=score.reward,
            penalty=interpolation_penalty(settings.penalty_weight, score.probability, score.seen,
                                          generator))


REWARD_MODEL = (Diffail, DiffailSettings)

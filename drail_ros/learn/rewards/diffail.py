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

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from drail_ros.learn.nets.diffusion import (
    DiffusionLoss,
    SinusoidalNoisePredictor,
    linear_alpha_bar,
)
from drail_ros.learn.rewards.gradient_penalty import gradient_penalty
from drail_ros.learn.rewards.logits import logit_of_energy, reward_of_logit
from drail_ros.learn.rewards.reward_model import Discriminator, DiscriminatorSettings
from drail_ros.learn.transitions import Transitions
from drail_ros.settings import setting


@dataclass(frozen=True)
class DiffailSettings(DiscriminatorSettings):
    """Settings of DiffAIL."""

    learning_rate: float = setting(3e-5, 'Adam step size of the discriminator', low=0.0)
    batch_size: int = setting(256, 'expert samples, and agent samples, per update', low=1)
    width: int = setting(128, 'hidden width of the discriminator', low=1)
    diffusion_steps: int = setting(10, 'T of the diffusion process', low=2)
    penalty_weight: float = setting(0.001, 'weight w of the gradient penalty', low=0.0)
    reward_form: str = setting('paper', 'reward as in the paper, or as in the released code',
                               choices=('paper', 'released'))

    run_defaults: ClassVar[Mapping[str, object]] = {'agent': 'sac', 'terminations': 'ignore'}


class Diffail(Discriminator):
    """Unconditional diffusion model of few steps."""

    settings: DiffailSettings

    def __init__(self, obs_size: int, action_size: int, settings: DiffailSettings,
                 generator: torch.Generator) -> None:
        super().__init__(obs_size, action_size, settings, generator)
        net = SinusoidalNoisePredictor(self.input_size, settings.width, settings.layers, nn.Mish)
        self.diffusion = DiffusionLoss(net, linear_alpha_bar(settings.diffusion_steps))
        self.finish()

    def training_logits(self, batch: Transitions) -> Tensor:
        """Logit of D_t at one t per sample, ``[B]``."""
        return logit_of_energy(self._energy(self.seen(batch)))

    def penalty(self, expert: Transitions, agent: Transitions) -> Tensor | float:
        """Weighted gradient penalty on interpolates."""
        if self.settings.penalty_weight == 0:
            return 0.0
        return self.settings.penalty_weight * gradient_penalty(
            lambda x: torch.exp(-self._energy(x)), self.seen(expert), self.seen(agent),
            self.generator)

    @torch.no_grad()
    def reward(self, batch: Transitions) -> Tensor:
        """Reward over all t in the chosen form, ``[B]``."""
        x, total = self.seen(batch), self.seen(batch).new_zeros(len(batch))
        for t in range(self.settings.diffusion_steps):
            times, noise = torch.full((len(x),), t, device=x.device), self._noise(x)
            if self.settings.reward_form == 'paper':
                logit = logit_of_energy(self.diffusion(x, times, noise))
                total += reward_of_logit(logit, 'neg_log_one_minus_d')
            else:
                predicted = self.diffusion.net(self.diffusion.diffused(x, times, noise), times)
                total += torch.exp(-(predicted - noise).square()).mean(dim=1)
        mean = total / self.settings.diffusion_steps
        return mean if self.settings.reward_form == 'paper' else -torch.log1p(-mean)

    @torch.no_grad()
    def expected_logits(self, batch: Transitions, draws: int) -> Tensor:
        """Logit of exp(-L), with L averaged over ``draws`` common to all samples, ``[B]``."""
        return logit_of_energy(self.diffusion.expected(self.seen(batch), draws, self.generator))

    def _energy(self, x: Tensor) -> Tensor:
        """L_t at one random t per sample, ``[B]``."""
        t = torch.randint(self.settings.diffusion_steps, (len(x),), generator=self.generator,
                          device=x.device)
        return self.diffusion(x, t, self._noise(x))

    def _noise(self, x: Tensor) -> Tensor:
        return torch.randn(x.shape, generator=self.generator, device=x.device)


REWARD_MODEL = (Diffail, DiffailSettings)

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
from torch import Tensor

from drail_ros.learn.nets.diffusion import (
    DiffusionLoss,
    NoisePredictor,
    cosine_alpha_bar,
    stratified_timesteps,
)
from drail_ros.learn.rewards.logits import logit_of_energy
from drail_ros.learn.rewards.reward_model import Discriminator, DiscriminatorSettings
from drail_ros.learn.transitions import Transitions
from drail_ros.settings import setting


@dataclass(frozen=True)
class DrailUnSettings(DiscriminatorSettings):
    """Settings of DRAIL-UN."""

    diffusion_steps: int = setting(1000, 'T of the diffusion process', low=2)
    training_draws: int = setting(
        1, 'draws of (t, noise) averaged per sample when the discriminator learns', low=1)
    reward_draws: int = setting(
        1, 'draws of (t, noise) averaged per sample when a reward is computed', low=1)


class DrailUn(Discriminator):
    """Unconditional diffusion model as discriminator."""

    settings: DrailUnSettings

    def __init__(self, obs_size: int, action_size: int, settings: DrailUnSettings,
                 generator: torch.Generator) -> None:
        super().__init__(obs_size, action_size, settings, generator)
        s = settings
        net = NoisePredictor(self.input_size, 0, s.width, s.layers, s.diffusion_steps)
        self.diffusion = DiffusionLoss(net, cosine_alpha_bar(s.diffusion_steps))
        self.finish()

    def training_logits(self, batch: Transitions) -> Tensor:
        """Logit of exp(-L), ``[B]``."""
        return logit_of_energy(self.energy(self.seen(batch), self.settings.training_draws))

    @torch.no_grad()
    def reward(self, batch: Transitions) -> Tensor:
        """log D - log(1 - D), ``[B]``."""
        return logit_of_energy(self.energy(self.seen(batch), self.settings.reward_draws))

    @torch.no_grad()
    def expected_logits(self, batch: Transitions, draws: int) -> Tensor:
        """Logit of exp(-L), with L averaged over ``draws`` common to all samples, ``[B]``."""
        return logit_of_energy(self.diffusion.expected(self.seen(batch), draws, self.generator))

    def energy(self, x: Tensor, draws: int) -> Tensor:
        """L averaged over stratified draws of (t, ε), ``[B]``."""
        t = stratified_timesteps(len(x), draws, self.settings.diffusion_steps, self.generator)
        noise = torch.randn((draws * len(x), x.shape[1]), generator=self.generator,
                            device=x.device)
        return self.diffusion(x.repeat(draws, 1), t.flatten(), noise).view(draws, -1).mean(dim=0)


REWARD_MODEL = (DrailUn, DrailUnSettings)

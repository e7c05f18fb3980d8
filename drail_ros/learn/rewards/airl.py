"""AIRL: a reward apart from shaping and policy (Fu, Luo & Levine, ICLR 2018, arXiv:1710.11248).

    f(s, a, s') = g + γ h(s') - h(s)                        (eq. 4; no h(s') after an end)
    D = exp(f) / (exp(f) + π(a|s)),  that is  l = f - log π(a|s)
    loss = BCE(l_E, 1) + BCE(l_π, 0)
    reward = log D - log(1 - D) = f - log π(a|s)

g sees what ``inputs`` says: states only, as published for a reward that outlives its dynamics, or
actions too. Without ``policy_density`` the logit is f alone, and no action is looked at where g
sees none: imitation from states.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from drail_ros.learn.nets.mlp import mlp
from drail_ros.learn.rewards.reward_model import Discriminator, DiscriminatorSettings
from drail_ros.learn.transitions import INPUTS, Transitions
from drail_ros.settings import setting


@dataclass(frozen=True)
class AirlSettings(DiscriminatorSettings):
    """Settings of AIRL."""

    inputs: str = setting('state', "what g sees of a transition: [s, a], [s, s'] or s",
                          choices=INPUTS)
    width: int = setting(256, 'hidden width of g and h', low=1)
    layers: int = setting(2, 'hidden layers of g and h', low=1)
    discount: float = setting(0.99, 'discount γ of the shaping', low=0.0, high=1.0)
    policy_density: bool = setting(True, 'subtract log π(a|s), as published')


class Airl(Discriminator):
    """Reward network g and shaping network h, both tanh MLPs."""

    settings: AirlSettings

    def __init__(self, obs_size: int, action_size: int, settings: AirlSettings,
                 generator: torch.Generator) -> None:
        super().__init__(obs_size, action_size, settings, generator)
        hidden = [settings.width] * settings.layers
        self.g = mlp([self.input_size, *hidden, 1], nn.Tanh)
        self.h = mlp([obs_size, *hidden, 1], nn.Tanh)
        self.needs_log_prob = settings.policy_density
        self.finish()

    def training_logits(self, batch: Transitions) -> Tensor:
        """f - log π(a|s), ``[B]``."""
        following = self.h(batch.next_obs).squeeze(1).masked_fill(batch.terminated, 0.0)
        shaping = self.settings.discount * following - self.h(batch.obs).squeeze(1)
        return self.g(self.seen(batch)).squeeze(1) + shaping - batch.log_prob

    @torch.no_grad()
    def reward(self, batch: Transitions) -> Tensor:
        """f - log π(a|s), ``[B]``."""
        return self.training_logits(batch)


REWARD_MODEL = (Airl, AirlSettings)

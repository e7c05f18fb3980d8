"""GAIL: the discriminator is a plain classifier (Ho & Ermon, 2016).

With x = [s, a], an MLP logit l(x) and D = sigmoid(l), high for the expert:

    loss = BCE(D(x_E), 1) + BCE(D(x_π), 0)
    reward = one of the three forms of ``logits.py``
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from drail_ros.learn.nets.mlp import mlp
from drail_ros.learn.rewards.logits import REWARD_FORMS, reward_of_logit
from drail_ros.learn.rewards.reward_model import Discriminator, DiscriminatorSettings
from drail_ros.learn.transitions import Transitions
from drail_ros.settings import setting


@dataclass(frozen=True)
class GailSettings(DiscriminatorSettings):
    """Settings of GAIL."""

    width: int = setting(256, 'hidden width of the discriminator', low=1)
    layers: int = setting(2, 'hidden layers of the discriminator', low=0)
    reward_form: str = setting('logit', 'reward as a function of the logit', choices=REWARD_FORMS)


class Gail(Discriminator):
    """Tanh MLP classifier."""

    settings: GailSettings

    def __init__(self, obs_size: int, action_size: int, settings: GailSettings,
                 generator: torch.Generator) -> None:
        super().__init__(obs_size, action_size, settings, generator)
        sizes = [self.input_size] + [settings.width] * settings.layers + [1]
        self.net = mlp(sizes, nn.Tanh)
        self.make_optimiser()

    def make_optimiser(self) -> None:
        """Adam."""
        self.finish()

    def logits(self, x: Tensor) -> Tensor:
        """``[B, D]`` → ``[B]``."""
        return self.net(x).squeeze(1)

    def training_logits(self, batch: Transitions) -> Tensor:
        """Logit, ``[B]``."""
        return self.logits(self.seen(batch))

    @torch.no_grad()
    def reward(self, batch: Transitions) -> Tensor:
        """Reward of the chosen form, ``[B]``."""
        return reward_of_logit(self.logits(self.seen(batch)), self.settings.reward_form)


REWARD_MODEL = (Gail, GailSettings)

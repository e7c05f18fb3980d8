# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Behavioural cloning: regress the expert's action (Pomerleau, 1989).

    mse: E mean_d (π(s) - a)²         nll: -E log N(a; π(s), σ²)

σ does not depend on s. In nll form it is learned, but kept above a floor: where π fits the actions
exactly, the likelihood grows without bound as σ → 0. In mse form it has no part in the loss and is
set after each pass to its most likely value, the root mean square residual, so that samples of
the policy mean something. Observations are z-scored with the demonstrations' statistics.

The 'published' preset is the row of that name in DRAIL's tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import math
from typing import cast, ClassVar

import torch
from torch import Tensor

from drail_ros.data.demonstrations import Demonstrations
from drail_ros.learn.nets.actors import GaussianActor
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.nets.policy import Policy
from drail_ros.learn.offline.offline_learner import (
    decay_linearly,
    LearnerSettings,
    OfflineLearner,
    shuffled_pass,
)
from drail_ros.settings import setting

MIN_STD = 0.01
"""Floor of σ, for actions in [-1, 1]: finer than demonstrations are repeated."""


@dataclass(frozen=True)
class BcSettings(LearnerSettings):
    """Settings of behavioural cloning."""

    loss: str = setting('mse', 'what is minimised', choices=('mse', 'nll'))
    learning_rate: float = setting(2e-4, 'Adam step size', low=0.0)
    learning_rate_decay: bool = setting(False, 'let the step size fall linearly to 0')
    width: int = setting(256, 'hidden width', low=1)
    layers: int = setting(3, 'hidden layers', low=1)

    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {'published': {
        'learner.loss': 'mse', 'learner.batch_size': 128, 'learner.learning_rate_decay': True}}


class Bc(OfflineLearner):
    """A Gaussian policy regressed on the demonstrations."""

    settings: BcSettings
    policy: Policy

    def __init__(self, demonstrations: Demonstrations, settings: BcSettings,
                 generator: torch.Generator) -> None:
        super().__init__(generator)
        self.settings = settings
        self._obs = torch.tensor(demonstrations.obs, device=generator.device)
        self._action = torch.tensor(demonstrations.action, device=generator.device)
        self.policy = gaussian_policy(self._obs, self._action.shape[1], settings.width,
                                      settings.layers)
        self.optimisers['policy'] = torch.optim.Adam(
            self._actor.parameters(), lr=settings.learning_rate, fused=True)

    def learn_epoch(self, epoch: int) -> dict[str, float]:
        """Pass once over the demonstrations."""
        s, count = self.settings, len(self._obs)
        if s.learning_rate_decay:
            decay_linearly(self.optimisers['policy'], s.learning_rate, epoch, s.epochs)
        obs = self.policy.normaliser(self._obs)
        total, squares = obs.new_zeros(()), torch.zeros_like(self._action[0])
        for rows in shuffled_pass(count, s.batch_size, self.generator):
            loss, square = self._minibatch(obs[rows], self._action[rows])
            total += loss * len(rows)
            squares += square * len(rows)
        if s.loss == 'mse':
            set_std(self._actor, (squares / count).sqrt())
        return {'bc/loss': total.item() / count, 'bc/mse': squares.mean().item() / count,
                'bc/std': self._actor.log_std.exp().mean().item()}

    @property
    def _actor(self) -> GaussianActor:
        return cast(GaussianActor, self.policy.actor)

    def _minibatch(self, obs: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss, and the mean square residual of each action component ``[A]``."""
        actor, likelihood = self._actor, self.settings.loss == 'nll'
        mean = actor.mean(obs)
        square = (mean - action).square().mean(dim=0)
        loss = negative_log_likelihood(square, actor.log_std) if likelihood else square.mean()
        self.descend('policy', loss)
        if likelihood:
            set_std(actor, actor.log_std.exp())
        return loss.detach(), square.detach()


def gaussian_policy(obs: Tensor, action_size: int, width: int, layers: int) -> Policy:
    """Return an untrained Gaussian policy that z-scores by the statistics of ``obs [T, O]``."""
    normaliser = RunningNormaliser(obs.shape[1])
    policy = Policy(normaliser, GaussianActor(obs.shape[1], action_size, width, layers))
    policy.to(obs.device)
    normaliser.update(obs)
    return policy


def negative_log_likelihood(mean_square: Tensor, log_std: Tensor) -> Tensor:
    """Of a Gaussian, averaged over samples: Σ_d (E z_d² / 2 + log σ_d + log √2π), z = error / σ.

    ``mean_square [A]`` is the mean square residual E (π(s) - a)² of each component.
    """
    z_square = mean_square * torch.exp(-2 * log_std)
    return (0.5 * z_square + log_std + 0.5 * math.log(2 * math.pi)).sum()


@torch.no_grad()
def set_std(actor: GaussianActor, std: Tensor) -> None:
    """Set the standard deviation ``[A]``, not below the floor."""
    actor.log_std.copy_(std.clamp(min=MIN_STD).log())


LEARNER = (Bc, BcSettings)

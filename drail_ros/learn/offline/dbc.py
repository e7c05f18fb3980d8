# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""DBC: behavioural cloning augmented by a diffusion model (Wang, Chen et al., ICML 2024).

With x = [s, a] and L_diff(s, a; t, ε) = mean_d (ε_φ(x_t, t) - ε)²,

    first           min_φ E L_diff(s, a)                                    plain denoising
    then, φ fixed   min_π E [ mean_d (π(s) - a)² + c max(0, L_diff(s, π(s)) - L_diff(s, a)) ]

Cloning models p(a | s), the diffusion model p(s, a): the second term draws π(s) to where the
demonstrations are likely, and is 0 where the action is as likely as the expert's. Both L_diff see
the same one draw of (t, ε), so that their difference is 0 at π(s) = a. The first
``diffusion_epochs`` passes train ε_φ, the others π.

The published networks are 1024 wide and learn for thousands of passes; by default here ε_φ is 256
wide and passes are few, so that a run takes minutes without a GPU. The published c depends on the
task; the default gives both terms, which are means over components of z-scored states and of
actions in [-1, 1], the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import relu

from drail_ros.data.demonstrations import Demonstrations
from drail_ros.errors import UserError
from drail_ros.learn.nets.actors import GaussianActor
from drail_ros.learn.nets.diffusion import (
    antithetic_timesteps,
    cosine_alpha_bar,
    DiffusionLoss,
    NoisePredictor,
)
from drail_ros.learn.nets.policy import Policy
from drail_ros.learn.offline.bc import gaussian_policy, set_std
from drail_ros.learn.offline.offline_learner import (
    decay_linearly,
    LearnerSettings,
    OfflineLearner,
    shuffled_pass,
)
from drail_ros.settings import setting


@dataclass(frozen=True)
class DbcSettings(LearnerSettings):
    """Settings of DBC."""

    epochs: int = setting(150, 'passes over the demonstrations, those of the diffusion model '
                               'included', low=2)
    diffusion_epochs: int = setting(50, 'passes in which the diffusion model learns', low=1)
    diffusion_weight: float = setting(1.0, 'weight c of the diffusion term', low=0.0)
    learning_rate: float = setting(2e-4, 'Adam step size of the policy', low=0.0)
    learning_rate_decay: bool = setting(
        False, "let the policy's step size fall linearly to 0")
    width: int = setting(256, 'hidden width of the policy', low=1)
    layers: int = setting(3, 'hidden layers of the policy', low=1)
    diffusion_learning_rate: float = setting(1e-3, 'Adam step size of the diffusion model',
                                             low=0.0)
    diffusion_width: int = setting(256, 'hidden width of the diffusion model', low=1)
    diffusion_layers: int = setting(3, 'hidden layers of the diffusion model', low=1)
    diffusion_steps: int = setting(1000, 'T of the diffusion process', low=2)

    def __post_init__(self) -> None:
        """Check that the policy has passes left."""
        super().__post_init__()
        if self.diffusion_epochs >= self.epochs:
            raise UserError('no passes are left for the policy',
                            found=f'diffusion_epochs {self.diffusion_epochs}, '
                                  f'epochs {self.epochs}',
                            expected='diffusion_epochs below epochs')


class Dbc(OfflineLearner):
    """A diffusion model of the demonstrations, then a policy regressed on both."""

    settings: DbcSettings
    policy: Policy

    def __init__(self, demonstrations: Demonstrations, settings: DbcSettings,
                 generator: torch.Generator) -> None:
        super().__init__(generator)
        self.settings = settings
        s = settings
        self._obs = torch.tensor(demonstrations.obs, device=generator.device)
        self._action = torch.tensor(demonstrations.action, device=generator.device)
        obs_size, action_size = self._obs.shape[1], self._action.shape[1]
        self.policy = gaussian_policy(self._obs, action_size, s.width, s.layers)
        net = NoisePredictor(obs_size + action_size, 0, s.diffusion_width, s.diffusion_layers,
                             s.diffusion_steps)
        self.diffusion = DiffusionLoss(net, cosine_alpha_bar(s.diffusion_steps)).to(
            generator.device)
        self.optimisers['policy'] = torch.optim.Adam(
            self._actor.parameters(), lr=s.learning_rate, fused=True)
        self.optimisers['diffusion'] = torch.optim.Adam(
            self.diffusion.parameters(), lr=s.diffusion_learning_rate, fused=True)

    def learn_epoch(self, epoch: int) -> dict[str, float]:
        """Pass once over the demonstrations."""
        model_learns = epoch < self.settings.diffusion_epochs
        self.diffusion.requires_grad_(model_learns)
        return self._learn_model() if model_learns else self._learn_policy(epoch)

    def _learn_model(self) -> dict[str, float]:
        obs, count = self.policy.normaliser(self._obs), len(self._obs)
        total = obs.new_zeros(())
        for rows in shuffled_pass(count, self.settings.batch_size, self.generator):
            x = torch.cat([obs[rows], self._action[rows]], dim=1)
            loss = self._denoising(x, *self._draw(x)).mean()
            self.descend('diffusion', loss)
            total += loss.detach() * len(rows)
        return {'dbc/denoising_loss': total.item() / count}

    def _learn_policy(self, epoch: int) -> dict[str, float]:
        s, count = self.settings, len(self._obs)
        if s.learning_rate_decay:
            decay_linearly(self.optimisers['policy'], s.learning_rate,
                           epoch - s.diffusion_epochs, s.epochs - s.diffusion_epochs)
        obs = self.policy.normaliser(self._obs)
        total, squares = obs.new_zeros(()), torch.zeros_like(self._action[0])
        for rows in shuffled_pass(count, s.batch_size, self.generator):
            mean = self._actor.mean(obs[rows])
            square = (mean - self._action[rows]).square().mean(dim=0)
            excess = self.excess(obs[rows], mean, self._action[rows]).mean()
            loss = square.mean() + s.diffusion_weight * excess
            self.descend('policy', loss)
            total += excess.detach() * len(rows)
            squares += square.detach() * len(rows)
        set_std(self._actor, (squares / count).sqrt())
        return {'dbc/mse': squares.mean().item() / count, 'dbc/excess': total.item() / count}

    def excess(self, obs: Tensor, action: Tensor, expert_action: Tensor) -> Tensor:
        """max(0, L_diff(s, a) - L_diff(s, a_E)) ``[B]`` at normalised observations ``[B, O]``."""
        x_expert = torch.cat([obs, expert_action], dim=1)
        t, noise = self._draw(x_expert)
        expert = self._denoising(x_expert, t, noise)
        return relu(self._denoising(torch.cat([obs, action], dim=1), t, noise) - expert)

    @property
    def _actor(self) -> GaussianActor:
        return cast(GaussianActor, self.policy.actor)

    def _denoising(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        return self.diffusion(x, t, noise, x.new_zeros(len(x), 0))

    def _draw(self, x: Tensor) -> tuple[Tensor, Tensor]:
        t = antithetic_timesteps(len(x), self.settings.diffusion_steps, self.generator)
        return t, torch.randn(x.shape, generator=self.generator, device=x.device)


LEARNER = (Dbc, DbcSettings)

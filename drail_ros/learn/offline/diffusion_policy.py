# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Diffusion Policy: a conditional diffusion model of action chunks (Chi et al., RSS 2023).

    min_φ E ‖ε_φ(√ᾱ_t A + √(1 - ᾱ_t) ε, t | O) - ε‖²                            (eq. 5)

A is the T_p expert actions around the present, the first T_o - 1 of them past, O the latest T_o
observations. To act, noise is denoised by DDIM in a few steps, and of the actions from the present
on T_a are executed before planning again. What acts is an exponential moving average of the
weights. Chunks that reach over an episode's ends repeat its first observation and last action.

The 'published' preset is the row of that name in DRAIL's tables: one action from one
observation, an MLP, 1000 steps in training and, deterministic ones, when acting.
"""

from __future__ import annotations

from collections.abc import Mapping
import copy
from dataclasses import dataclass
from typing import cast, ClassVar

import torch
from torch import Tensor

from drail_ros.data.demonstrations import Demonstrations
from drail_ros.errors import UserError
from drail_ros.learn.nets.diffusion import antithetic_timesteps
from drail_ros.learn.nets.mlp import polyak
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.nets.planner import DiffusionPlanner, NETS
from drail_ros.learn.nets.policy import PlanningPolicy
from drail_ros.learn.offline.offline_learner import (
    decay_linearly,
    LearnerSettings,
    OfflineLearner,
    shuffled_pass,
)
from drail_ros.settings import setting

_WEIGHT_DECAY = 1e-6
"""Of AdamW, as published."""


@dataclass(frozen=True)
class DiffusionPolicySettings(LearnerSettings):
    """Settings of Diffusion Policy."""

    epochs: int = setting(60, 'passes over the demonstrations', low=1)
    batch_size: int = setting(256, 'chunks per update', low=1)
    learning_rate: float = setting(1e-4, 'AdamW step size', low=0.0)
    learning_rate_decay: bool = setting(True, 'let the step size fall linearly to 0')
    average_decay: float = setting(0.995, 'decay of the moving average of the weights', low=0.0,
                                   high=1.0)
    net: str = setting('unet', 'network', choices=NETS)
    width: int = setting(64, 'channels of the first level of the U-Net, or hidden width', low=8)
    layers: int = setting(2, 'levels of the U-Net, or hidden layers', low=1)
    horizon: int = setting(16, 'actions predicted, T_p', low=1)
    history: int = setting(2, 'observations seen, T_o', low=1)
    chunk: int = setting(8, 'actions executed before planning again, T_a', low=1)
    diffusion_steps: int = setting(100, 'T of the diffusion process', low=2)
    inference_steps: int = setting(10, 'steps of DDIM when acting', low=1)

    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {'published': {
        'learner.net': 'mlp', 'learner.width': 1024, 'learner.layers': 4, 'learner.horizon': 1,
        'learner.history': 1, 'learner.chunk': 1, 'learner.diffusion_steps': 1000,
        'learner.inference_steps': 1000}}

    def __post_init__(self) -> None:
        """Check that the sizes fit each other."""
        super().__post_init__()
        if self.history - 1 + self.chunk > self.horizon:
            raise UserError('a chunk reaches beyond what is predicted',
                            found=f'history {self.history}, chunk {self.chunk}',
                            expected=f'history - 1 + chunk at most horizon {self.horizon}')
        if self.inference_steps > self.diffusion_steps:
            raise UserError('more steps when acting than there are',
                            found=f'inference_steps {self.inference_steps}',
                            expected=f'at most diffusion_steps {self.diffusion_steps}')
        if self.net == 'unet' and (self.horizon % 2 ** (self.layers - 1) or self.width % 8):
            raise UserError('the U-Net does not fit', found=f'horizon {self.horizon}, width '
                            f'{self.width}', expected='a width of whole 8s, and a horizon that '
                            f'can be halved {self.layers - 1} times')


class DiffusionPolicy(OfflineLearner):
    """The network that learns, and the policy: its moving average."""

    settings: DiffusionPolicySettings
    policy: PlanningPolicy

    def __init__(self, demonstrations: Demonstrations, settings: DiffusionPolicySettings,
                 generator: torch.Generator) -> None:
        super().__init__(generator)
        self.settings = settings
        s, device = settings, generator.device
        obs = torch.tensor(demonstrations.obs, device=device)
        actions = torch.tensor(demonstrations.action, device=device)
        seen, planned = chunk_rows(demonstrations, s.history, s.horizon)
        normaliser = RunningNormaliser(obs.shape[1]).to(device)
        normaliser.update(obs)
        self._obs = normaliser(obs)[seen.to(device)].flatten(1)
        self._actions = actions[planned.to(device)]
        planner = DiffusionPlanner(obs.shape[1], actions.shape[1], s.history, s.horizon, s.chunk,
                                   s.net, s.width, s.layers, s.diffusion_steps,
                                   s.inference_steps).to(device)
        self.net = copy.deepcopy(planner.net)
        self.policy = PlanningPolicy(normaliser, planner).requires_grad_(False)
        self._alpha_bar = torch.tensor(planner.alpha_bar, device=device)
        self.optimisers['net'] = torch.optim.AdamW(
            self.net.parameters(), lr=s.learning_rate, weight_decay=_WEIGHT_DECAY, fused=True)

    def learn_epoch(self, epoch: int) -> dict[str, float]:
        """Pass once over the chunks."""
        s, count = self.settings, len(self._obs)
        if s.learning_rate_decay:
            decay_linearly(self.optimisers['net'], s.learning_rate, epoch, s.epochs)
        average = cast(DiffusionPlanner, self.policy.actor).net
        total = self._obs.new_zeros(())
        for rows in shuffled_pass(count, s.batch_size, self.generator):
            loss = self._loss(self._actions[rows], self._obs[rows])
            self.descend('net', loss)
            polyak(average, self.net, 1 - s.average_decay)
            total += loss.detach() * len(rows)
        return {'diffusion_policy/loss': total.item() / count}

    def _loss(self, actions: Tensor, condition: Tensor) -> Tensor:
        t = antithetic_timesteps(len(actions), self.settings.diffusion_steps, self.generator)
        noise = torch.randn(actions.shape, generator=self.generator, device=actions.device)
        alpha_bar = self._alpha_bar[t, None, None]
        noisy = alpha_bar.sqrt() * actions + (1 - alpha_bar).sqrt() * noise
        return (self.net(noisy, t, condition) - noise).square().mean()


def chunk_rows(demonstrations: Demonstrations, history: int,
               horizon: int) -> tuple[Tensor, Tensor]:
    """Rows of the observations ``[T, T_o]`` and actions ``[T, T_p]`` around each transition.

    Transitions that follow each other make up an episode here: a chunk never bridges a gap.
    """
    d = demonstrations
    step, episode = torch.tensor(d.step), torch.tensor(d.episode)
    row = torch.arange(len(d))
    follows = torch.zeros(len(d), dtype=torch.bool)
    follows[1:] = (episode[1:] == episode[:-1]) & (step[1:] == step[:-1] + 1)
    unbroken = torch.cumsum(~follows, 0) - 1
    first = row[~follows][unbroken]
    last = torch.cat([first[~follows][1:] - 1, row[-1:]])[unbroken]

    def window(start: int, length: int) -> Tensor:
        rows = row[:, None] + torch.arange(start, start + length)
        return torch.minimum(torch.maximum(rows, first[:, None]), last[:, None])
    return window(1 - history, history), window(1 - history, horizon)


LEARNER = (DiffusionPolicy, DiffusionPolicySettings)

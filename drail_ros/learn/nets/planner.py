# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A diffusion model of action chunks: the networks that denoise, and the planner that samples.

ε_φ(A_t, t | o): a temporal U-Net, convolutions along the chunk modulated by the condition (FiLM,
Perez et al., 2018), or an MLP. The condition is the observations and sines and cosines of t (Chi
et al., Diffusion Policy, RSS 2023, section III).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn, Tensor

from drail_ros.episodes.receding_horizon import PlanShape
from drail_ros.learn.nets.ddim import sample
from drail_ros.learn.nets.diffusion import cosine_alpha_bar, TIME_FEATURES, time_features
from drail_ros.learn.nets.mlp import mlp

NETS = ('unet', 'mlp')
_GROUPS, _KERNEL = 8, 5
"""Of normalisation and of convolutions along the chunk (Chi et al.)."""


class MlpDenoiser(nn.Module):
    """Mish MLP over everything at once."""

    def __init__(self, action_size: int, horizon: int, condition_size: int, width: int,
                 layers: int) -> None:
        super().__init__()
        size = action_size * horizon
        self.net = mlp([size + TIME_FEATURES + condition_size] + [width] * layers + [size],
                       nn.Mish)

    def forward(self, actions: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """``[B, T_p, A]``, ``[B]``, ``[B, C]`` → predicted noise ``[B, T_p, A]``."""
        x = torch.cat([actions.flatten(1), time_features(t), condition], dim=1)
        return self.net(x).view_as(actions)


class FilmBlock(nn.Module):
    """Two convolutions along the chunk, scaled and shifted by the condition; residual."""

    def __init__(self, inputs: int, outputs: int, condition_size: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(inputs, outputs), _convolution(outputs, outputs)
        self.film = nn.Linear(condition_size, 2 * outputs)
        self.skip = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """``[B, inputs, T]``, ``[B, C]`` → ``[B, outputs, T]``."""
        scale, shift = self.film(condition)[:, :, None].chunk(2, dim=1)
        return self.second((1 + scale) * self.first(x) + shift) + self.skip(x)


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(inputs, outputs, _KERNEL, padding=_KERNEL // 2),
                         nn.GroupNorm(_GROUPS, outputs), nn.Mish())


class UnetDenoiser(nn.Module):
    """Temporal U-Net: the chunk is halved at each level down and doubled at each up."""

    def __init__(self, action_size: int, horizon: int, condition_size: int, width: int,
                 layers: int) -> None:
        super().__init__()
        size = 2 * width
        self.embed = nn.Sequential(nn.Linear(TIME_FEATURES + condition_size, size), nn.Mish())
        channels = [width * 2 ** level for level in range(layers)]
        pairs = list(zip([action_size, *channels[:-1]], channels))
        self.down = nn.ModuleList(FilmBlock(a, b, size) for a, b in pairs)
        self.shrink = nn.ModuleList(nn.Conv1d(b, b, 3, 2, 1) for b in channels[:-1])
        self.middle = FilmBlock(channels[-1], channels[-1], size)
        self.grow = nn.ModuleList(nn.ConvTranspose1d(b, a, 4, 2, 1) for a, b in pairs[1:])
        self.up = nn.ModuleList(FilmBlock(2 * a, a, size) for a in channels[:-1])
        self.out = nn.Conv1d(channels[0], action_size, 1)

    def forward(self, actions: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """``[B, T_p, A]``, ``[B]``, ``[B, C]`` → predicted noise ``[B, T_p, A]``."""
        code = self.embed(torch.cat([time_features(t), condition], dim=1))
        x, levels = actions.transpose(1, 2), []
        for level, block in enumerate(self.down):
            x = block(x, code)
            levels.append(x)
            if level < len(self.shrink):
                x = self.shrink[level](x)
        x = self.middle(x, code)
        for level in reversed(range(len(self.up))):
            x = torch.cat([self.grow[level](x), levels[level]], dim=1)
            x = self.up[level](x, code)
        return self.out(x).transpose(1, 2)


class DiffusionPlanner(nn.Module):
    """Normalised observations and noise → a chunk of actions, by a fixed number of DDIM steps."""

    kind = 'diffusion'

    def __init__(self, obs_size: int, action_size: int, history: int, horizon: int, chunk: int,
                 net: str, width: int, layers: int, diffusion_steps: int,
                 inference_steps: int) -> None:
        super().__init__()
        self._shape = {
            'obs_size': obs_size, 'action_size': action_size, 'history': history,
            'horizon': horizon, 'chunk': chunk, 'net': net, 'width': width, 'layers': layers,
            'diffusion_steps': diffusion_steps, 'inference_steps': inference_steps}
        make = UnetDenoiser if net == 'unet' else MlpDenoiser
        self.net = make(action_size, horizon, history * obs_size, width, layers)
        self.plan_shape = PlanShape(history, chunk, (horizon, action_size))
        self.alpha_bar: list[float] = cosine_alpha_bar(diffusion_steps).tolist()
        self._first, self._inference_steps = history - 1, inference_steps

    def plan(self, obs: Tensor, noise: Tensor) -> Tensor:
        """``[B, T_o, O]`` and ``[B, T_p, A]`` → actions ``[B, T_a, A]`` from the present on."""
        condition = obs.flatten(1)
        actions = sample(lambda x, t: self.net(x, t, condition), noise, self.alpha_bar,
                         self._inference_steps)
        return actions[:, self._first:self._first + self.plan_shape.chunk]

    def shape(self) -> dict[str, Any]:
        """Arguments with which a planner of the same shape is made."""
        return self._shape

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Denoising diffusion: schedules, timestep sampling and noise-predicting networks.

Notation of Ho et al., DDPM (2020): x_t = √ᾱ_t x + √(1 - ᾱ_t) ε; ε_φ(x_t, t | c) predicts ε.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import math

import torch
from torch import nn, Tensor
from torch.nn.functional import relu

from drail_ros.learn.nets.mlp import mlp
from drail_ros.learn.nets.precision import products

COSINE_OFFSET = 0.008
BETA_RANGE = (1e-4, 0.9999)
"""Nichol & Dhariwal (2021), eq. 17, with betas clipped as in Lai et al. (DRAIL)."""

TIME_FEATURES = 32
"""Numbers that tell a network the time: sines and cosines of half as many frequencies."""
_SLOWEST = 1e-4
"""Lowest of the frequencies, in radians a step; the highest is 1 (Vaswani et al., 2017)."""


def cosine_alpha_bar(steps: int) -> Tensor:
    """Return ᾱ ``[T]`` of the cosine schedule."""
    time = torch.arange(steps + 1, dtype=torch.float64) / steps
    f = torch.cos((time + COSINE_OFFSET) / (1 + COSINE_OFFSET) * math.pi / 2).square()
    beta = (1 - f[1:] / f[:-1]).clamp(*BETA_RANGE)
    return torch.cumprod(1 - beta, dim=0)


def linear_alpha_bar(steps: int, low: float = 1e-4, high: float = 2e-2) -> Tensor:
    """Return ᾱ ``[T]`` of betas that rise linearly (Ho et al., 2020, section 4)."""
    return torch.cumprod(1 - torch.linspace(low, high, steps, dtype=torch.float64), dim=0)


def antithetic_timesteps(count: int, steps: int, generator: torch.Generator) -> Tensor:
    """Return ``[count]`` timesteps in pairs (t, T - 1 - t): uniform, with a steadier mean.

    Pairs are neighbours, so that each class of a joined batch holds whole ones. A pair across two
    classes would give the one what it takes from the other, and their contrast twice the noise.
    """
    half = torch.randint(steps, ((count + 1) // 2,), generator=generator,
                         device=generator.device)
    return torch.stack([half, steps - 1 - half], dim=1).flatten()[:count]


def stratified_timesteps(count: int, draws: int, steps: int, generator: torch.Generator) -> Tensor:
    """Return ``[draws, count]`` timesteps, draw k uniform in the k-th of equal parts of [0, T).

    One draw is antithetic over the samples instead.
    """
    if draws == 1:
        return antithetic_timesteps(count, steps, generator)[None]
    uniform = torch.rand((draws, count), generator=generator, device=generator.device)
    part = torch.arange(draws, device=generator.device)[:, None]
    return ((part + uniform) * steps / draws).long().clamp(max=steps - 1)


def common_draws(x: Tensor, draws: int, steps: int,
                 generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield stratified t ``[B]`` and noise ``[B, size]``, the same for every sample of ``x``."""
    for t in stratified_timesteps(1, draws, steps, generator):
        noise = torch.randn((1, x.shape[1]), generator=generator, device=x.device)
        yield t.expand(len(x)), noise.expand_as(x)


class NoisePredictor(nn.Module):
    """ε_φ(x_t, t | c): ReLU MLP; a learned embedding of t is added before every ReLU.

    The condition c is concatenated to x_t (Lai et al., DRAIL, appendix on architecture).
    """

    def __init__(self, size: int, condition_size: int, width: int, layers: int,
                 steps: int) -> None:
        super().__init__()
        self.width = width
        widths = [size + condition_size] + [width] * layers
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths[:-1], widths[1:]))
        self.times = nn.ModuleList(nn.Embedding(steps, width) for _ in range(layers))
        self.out = nn.Linear(width, size)

    def forward(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """``[B, size]``, ``[B]``, ``[B, condition_size]`` → predicted noise ``[B, size]``."""
        h = torch.cat([x_t, condition], dim=1)
        with products(self.width, h.device):
            for layer, embed in zip(self.hidden, self.times):
                h = relu(layer(h) + embed(t))
            return self.out(h).float()


def time_features(t: Tensor) -> Tensor:
    """Sines and cosines of t ``[B]``: ``[B, TIME_FEATURES]`` (Vaswani et al., 2017, sec. 3.5)."""
    frequencies = torch.logspace(0, math.log10(_SLOWEST), TIME_FEATURES // 2, device=t.device)
    angle = t[:, None] * frequencies
    return torch.cat([angle.sin(), angle.cos()], dim=1)


class SinusoidalNoisePredictor(nn.Module):
    """ε_φ(x_t, t): MLP over x_t and sines and cosines of t."""

    def __init__(self, size: int, width: int, layers: int,
                 activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.net = mlp([size + TIME_FEATURES] + [width] * layers + [size], activation)

    def forward(self, x_t: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        """``[B, size]``, ``[B]`` → predicted noise ``[B, size]``; unconditional."""
        return self.net(torch.cat([x_t, time_features(t)], dim=1))


class DiffusionLoss(nn.Module):
    """L^c(x; t, ε) = mean over dimensions of (ε_φ(x_t, t | c) - ε)², one value per sample."""

    def __init__(self, net: nn.Module, alpha_bar: Tensor) -> None:
        super().__init__()
        self.net, self.steps = net, len(alpha_bar)
        self.register_buffer('signal', alpha_bar.sqrt().float(), persistent=False)
        self.register_buffer('noise', (1 - alpha_bar).sqrt().float(), persistent=False)

    signal: Tensor
    noise: Tensor

    def diffused(self, x: Tensor, t: Tensor, epsilon: Tensor) -> Tensor:
        """x_t ``[B, size]`` of samples, timesteps ``[B]`` and noise."""
        return self.signal[t, None] * x + self.noise[t, None] * epsilon

    def forward(self, x: Tensor, t: Tensor, epsilon: Tensor,
                condition: Tensor | None = None) -> Tensor:
        """``[B, size]``, ``[B]``, ``[B, size]``, ``[B, C]`` → ``[B]``."""
        if condition is None:
            condition = x.new_empty(len(x), 0)
        predicted = self.net(self.diffused(x, t, epsilon), t, condition)
        return (predicted - epsilon).square().mean(dim=1)

    def expected(self, x: Tensor, draws: int, generator: torch.Generator) -> Tensor:
        """L averaged over stratified (t, ε) that all samples have in common, ``[B]``."""
        return torch.stack([self(x, t, noise) for t, noise in common_draws(
            x, draws, self.steps, generator)]).mean(dim=0)

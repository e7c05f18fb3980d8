# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Running statistics of observations and of returns; part of every checkpoint and export."""

from __future__ import annotations

import torch
from torch import nn, Tensor

CLIP = 10.0
"""Normalised observations are clipped to ±CLIP (Lai et al., DRAIL, appendix)."""
_EPSILON = 1e-8
"""Added to variances: a component that never varies is left at 0, not divided by it."""


class RunningNormaliser(nn.Module):
    """z-scores of vectors under running mean and variance (Chan et al., parallel variance)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer('mean', torch.zeros(size, dtype=torch.float64))
        self.register_buffer('variance', torch.ones(size, dtype=torch.float64))
        self.register_buffer('count', torch.zeros((), dtype=torch.float64))

    mean: Tensor
    variance: Tensor
    count: Tensor

    def update(self, x: Tensor) -> None:
        """Take ``[B, size]`` into the statistics."""
        x = x.double()
        total = self.count + len(x)
        delta = x.mean(0) - self.mean
        spread = (self.variance * self.count + x.var(0, unbiased=False) * len(x)
                  + delta.square() * self.count * len(x) / total)
        self.mean += delta * len(x) / total
        self.variance.copy_(spread / total)
        self.count.copy_(total)

    @property
    def scale(self) -> Tensor:
        """One over the standard deviation, ``[size]``."""
        return torch.rsqrt(self.variance + _EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, size]`` float32 → z-scores ``[B, size]`` float32, clipped."""
        return ((x - self.mean) * self.scale).float().clamp(-CLIP, CLIP)


class ReturnScaler(nn.Module):
    """One over the running standard deviation of the discounted return, to scale rewards with."""

    def __init__(self, num_envs: int, discount: float) -> None:
        super().__init__()
        self._discount = discount
        self._statistics = RunningNormaliser(1)
        self.register_buffer('returns', torch.zeros(num_envs, dtype=torch.float64))

    returns: Tensor

    def forward(self, rewards: Tensor, ended: Tensor) -> float:
        """Take in rewards ``[T, N]`` and episode ends ``[T, N]``; return the factor."""
        history = []
        for reward, end in zip(rewards.double(), ended):
            self.returns.mul_(self._discount).add_(reward)
            history.append(self.returns.clone())
            self.returns[end] = 0.0
        self._statistics.update(torch.stack(history).reshape(-1, 1))
        return self._statistics.scale.float().item()

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Masked autoregressive flows (Papamakarios et al., 2017), built of MADE (Germain et al., 2015).

Each block maps x to u, u_i = (x_i - μ_i(x_{<i})) exp(-α_i(x_{<i})), with u standard normal after
the last one:

    log p(x) = log N(u; 0, I) - Σ_blocks Σ_i α_i

The order of the components is reversed between blocks. |α| is bounded, softly.
"""

from __future__ import annotations

import math

import torch
from torch import nn, Tensor
from torch.nn.functional import linear, relu

_LARGEST_LOG_SCALE = 3.0
"""Bound of |α|: a block stretches a component e³ = 20 times at most, so that densities where there
are no data stay finite."""


class MaskedLinear(nn.Linear):
    """Linear layer some of whose weights are held at zero."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer('mask', mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, inputs]`` → ``[B, outputs]``."""
        return linear(x, self.weight * self.mask, self.bias)


class Made(nn.Module):
    """μ and α of each component from those before it: ``[B, D]`` → two of ``[B, D]``."""

    def __init__(self, size: int, width: int, layers: int) -> None:
        super().__init__()
        inputs = torch.arange(1, size + 1)
        hidden = torch.arange(width) % max(size - 1, 1) + min(1, size - 1)
        degrees = [inputs] + [hidden] * layers
        masks = [(after[:, None] >= before[None]).float()
                 for before, after in zip(degrees[:-1], degrees[1:])]
        masks.append((inputs.repeat(2)[:, None] > degrees[-1][None]).float())
        self.layers = nn.ModuleList(MaskedLinear(mask) for mask in masks)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return μ and α."""
        for layer in list(self.layers)[:-1]:
            x = relu(layer(x))
        mean, log_scale = self.layers[-1](x).chunk(2, dim=1)
        return mean, _LARGEST_LOG_SCALE * torch.tanh(log_scale / _LARGEST_LOG_SCALE)


class MaskedAutoregressiveFlow(nn.Module):
    """Density of vectors of length ``size``."""

    def __init__(self, size: int, width: int, layers: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Made(size, width, layers) for _ in range(blocks))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, D]`` → u ``[B, D]`` and log |det du/dx| ``[B]``."""
        log_det = x.new_zeros(len(x))
        for block in self.blocks:
            mean, log_scale = block(x)
            x = ((x - mean) * torch.exp(-log_scale)).flip(1)
            log_det = log_det - log_scale.sum(dim=1)
        return x, log_det

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density ``[B]``."""
        u, log_det = self(x)
        return log_det - 0.5 * (u.square() + math.log(2 * math.pi)).sum(dim=1)

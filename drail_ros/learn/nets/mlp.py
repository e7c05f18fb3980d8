# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Networks shared by agents, reward models and offline learners."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn, Tensor


def mlp(sizes: list[int], activation: Callable[[], nn.Module]) -> nn.Sequential:
    """Fully connected layers, ``[B, sizes[0]]`` → ``[B, sizes[-1]]``, activations between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:]):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


def orthogonal(net: nn.Sequential, last_gain: float) -> nn.Sequential:
    """Orthogonal weights of gain √2, ``last_gain`` in the last layer, zero biases; in place."""
    linear = [layer for layer in net if isinstance(layer, nn.Linear)]
    for layer in linear:
        gain = last_gain if layer is linear[-1] else 2 ** 0.5
        nn.init.orthogonal_(layer.weight, gain)
        nn.init.zeros_(layer.bias)
    return net


class Ensemble(nn.Module):
    """``members`` ReLU MLPs of one shape, evaluated in one product per layer.

    Weights and biases begin uniform within ± inputs^-½, as those of torch's linear layers.
    """

    def __init__(self, members: int, sizes: list[int]) -> None:
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for inputs, outputs in zip(sizes[:-1], sizes[1:]):
            bound = inputs ** -0.5
            self.weights.append(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
            self.biases.append(torch.empty(members, 1, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, inputs]`` → ``[members, B, outputs]``."""
        h = x.expand(len(self.weights[0]), *x.shape)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            h = torch.baddbmm(bias, h, weight)
            if layer < len(self.weights) - 1:
                h = h.relu()
        return h


@torch.no_grad()
def polyak(target: nn.Module, source: nn.Module, share: float) -> None:
    """θ_target ← share · θ_source + (1 - share) · θ_target; in place."""
    for old, new in zip(target.parameters(), source.parameters()):
        old.lerp_(new, share)


def global_seed(seed: int) -> None:
    """Seed the weight initialisation that follows; everything later draws from generators."""
    torch.manual_seed(seed)

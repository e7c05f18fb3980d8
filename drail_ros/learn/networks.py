"""Networks shared by agents and offline learners."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


def mlp(sizes: list[int], activation: Callable[[], nn.Module]) -> nn.Sequential:
    """Fully connected layers with an activation between them, none after the last."""
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


class GaussianActor(nn.Module):
    """Diagonal Gaussian over actions: tanh MLP mean, state-independent log standard deviation."""

    def __init__(self, obs_size: int, action_size: int, width: int, layers: int,
                 initial_std: float = 1.0) -> None:
        super().__init__()
        sizes = [obs_size] + [width] * layers + [action_size]
        self.mean = orthogonal(mlp(sizes, nn.Tanh), last_gain=0.01)
        self.log_std = nn.Parameter(torch.full((action_size,), math.log(initial_std)))

    def log_prob(self, obs: Tensor, action: Tensor) -> Tensor:
        """Log density ``[B]`` of actions ``[B, A]`` at normalised observations ``[B, O]``."""
        z = (action - self.mean(obs)) * torch.exp(-self.log_std)
        return -0.5 * z.square().sum(dim=1) - self.log_std.sum() - self._log_volume()

    def entropy(self) -> Tensor:
        """Entropy, the same at every observation."""
        return self.log_std.sum() + self._log_volume() + 0.5 * len(self.log_std)

    def _log_volume(self) -> float:
        return 0.5 * math.log(2 * math.pi) * len(self.log_std)


def global_seed(seed: int) -> None:
    """Seed the weight initialisation that follows; everything later draws from generators."""
    torch.manual_seed(seed)

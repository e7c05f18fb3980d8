# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Stochastic policies over normalised observations; what agents train and ``Policy`` wraps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import math
from typing import Protocol

import torch
from torch import nn, Tensor
from torch.nn.functional import softplus

from drail_ros.learn.nets.mlp import mlp, orthogonal

LOG_STD_RANGE = (-20.0, 2.0)
"""Of the squashed Gaussian (Haarnoja et al., 2018)."""
CLONED_STD = 0.2
"""Spread before the tanh with which a cloned squashed Gaussian begins to explore."""
_INSIDE = 0.999
"""Actions are taken as at most so large before the tanh is undone: ±1 would be infinite."""
FIRST_MEAN_GAIN = 0.01
"""Of the last layer's weights: the first actions hardly depend on the state (Andrychowicz et al.,
What Matters in On-Policy Reinforcement Learning?, ICLR 2021, section 3.2)."""
_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


class Actor(Protocol):
    """π(a | s). Observations ``[B, O]`` are normalised, actions ``[B, A]`` meant for [-1, 1]."""

    kind: str
    """Name under which it is saved."""

    def mean_action(self, obs: Tensor) -> Tensor:
        """Return the deterministic action ``[B, A]`` in [-1, 1]."""

    def sample(self, obs: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw actions ``[B, A]``; also their log densities ``[B]``; differentiable."""

    def log_prob(self, obs: Tensor, action: Tensor) -> Tensor:
        """Log density ``[B]`` of actions."""

    def clone_loss(self, obs: Tensor, action: Tensor) -> Tensor:
        """Return a scalar that falls as the mean comes to be the expert's ``action [B, A]``."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return what is learned."""

    def shape(self) -> dict[str, int]:
        """Arguments with which an actor of the same shape is made."""


class GaussianActor(nn.Module):
    """Diagonal Gaussian over actions: tanh MLP mean, state-independent log standard deviation."""

    kind = 'gaussian'

    def __init__(self, obs_size: int, action_size: int, width: int, layers: int,
                 initial_std: float = 1.0, mean_gain: float = FIRST_MEAN_GAIN) -> None:
        super().__init__()
        self._shape = {'obs_size': obs_size, 'action_size': action_size, 'width': width,
                       'layers': layers}
        sizes = [obs_size] + [width] * layers + [action_size]
        self.mean = orthogonal(mlp(sizes, nn.Tanh), last_gain=mean_gain)
        self.log_std = nn.Parameter(torch.full((action_size,), math.log(initial_std)))

    def mean_action(self, obs: Tensor) -> Tensor:
        """Return the mean, clipped, ``[B, A]``."""
        return self.mean(obs).clamp(-1.0, 1.0)

    def sample(self, obs: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw actions ``[B, A]``, not clipped, and their log densities ``[B]``."""
        mean = self.mean(obs)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        action = mean + self.log_std.exp() * noise
        return action, self.log_prob(obs, action)

    def log_prob(self, obs: Tensor, action: Tensor) -> Tensor:
        """Log density ``[B]`` of actions ``[B, A]`` at normalised observations ``[B, O]``."""
        z = (action - self.mean(obs)) * torch.exp(-self.log_std)
        return -0.5 * z.square().sum(dim=1) - self.log_std.sum() - self._log_volume()

    def clone_loss(self, obs: Tensor, action: Tensor) -> Tensor:
        """Mean square error of the mean, which is not clipped; the spread stays as it is."""
        return (self.mean(obs) - action).square().mean()

    def entropy(self) -> Tensor:
        """Entropy, the same at every observation."""
        return self.log_std.sum() + self._log_volume() + 0.5 * len(self.log_std)

    def shape(self) -> dict[str, int]:
        """Sizes of the network."""
        return self._shape

    def _log_volume(self) -> float:
        return _LOG_SQRT_2PI * len(self.log_std)


class SquashedGaussianActor(nn.Module):
    """a = tanh(u), u ~ N(μ(s), σ(s)²): ReLU MLP (Haarnoja et al., SAC, 2018, appendix C).

    log π(a|s) = log N(u; μ, σ²) - Σ log(1 - tanh² u)
    """

    kind = 'squashed_gaussian'

    def __init__(self, obs_size: int, action_size: int, width: int, layers: int) -> None:
        super().__init__()
        self._shape = {'obs_size': obs_size, 'action_size': action_size, 'width': width,
                       'layers': layers}
        self.net = mlp([obs_size] + [width] * layers + [2 * action_size], nn.ReLU)

    def mean_action(self, obs: Tensor) -> Tensor:
        """Return tanh of the mean, ``[B, A]``."""
        return self._distribution(obs)[0].tanh()

    def sample(self, obs: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw actions ``[B, A]`` in (-1, 1) and their log densities ``[B]``."""
        mean, log_std = self._distribution(obs)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        u = mean + log_std.exp() * noise
        return u.tanh(), _squashed_log_prob(u, noise, log_std)

    def log_prob(self, obs: Tensor, action: Tensor) -> Tensor:
        """Log density ``[B]`` of actions ``[B, A]``."""
        mean, log_std = self._distribution(obs)
        u = action.clamp(-_INSIDE, _INSIDE).atanh()
        return _squashed_log_prob(u, (u - mean) * torch.exp(-log_std), log_std)

    def clone_loss(self, obs: Tensor, action: Tensor) -> Tensor:
        """Mean square error of the mean, with log σ drawn to that of ``CLONED_STD``."""
        mean, log_std = self._distribution(obs)
        spread = (log_std - math.log(CLONED_STD)).square().mean()
        return (mean.tanh() - action).square().mean() + spread

    def shape(self) -> dict[str, int]:
        """Sizes of the network."""
        return self._shape

    def _distribution(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = self.net(obs).chunk(2, dim=-1)
        return mean, log_std.clamp(*LOG_STD_RANGE)


def _squashed_log_prob(u: Tensor, z: Tensor, log_std: Tensor) -> Tensor:
    """Log density of tanh(u), u = μ + σ z; log(1 - tanh² u) = 2 (log 2 - u - log(1 + e⁻²ᵘ))."""
    gaussian = -0.5 * z.square() - log_std - _LOG_SQRT_2PI
    return (gaussian - 2 * (math.log(2) - u - softplus(-2 * u))).sum(dim=-1)


ACTORS: dict[str, Callable[..., nn.Module]] = {
    actor.kind: actor for actor in (GaussianActor, SquashedGaussianActor)}

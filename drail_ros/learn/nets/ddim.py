# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Sampling from a diffusion model: one step back from x_t, as DDPM and as DDIM take it.

With x̂0 = (x_t - √(1 - ᾱ_t) ε̂) / √ᾱ_t, clipped to the data's range, and a step s < t (ᾱ_s = 1
after the last):

    x_s = √ᾱ_s x̂0 + √(1 - ᾱ_s - σ²) ε̂ + σ z,   σ² = η² (1 - ᾱ_s)/(1 - ᾱ_t) (1 - ᾱ_t/ᾱ_s)

(Song et al., DDIM, ICLR 2021, eq. 12 and 16). η = 0 is deterministic; η = 1 over neighbouring
steps is DDPM's ancestral sampling (Ho et al., 2020, eq. 7).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Predict = Callable[[Tensor, Tensor], Tensor]
"""ε̂ from x_t ``[B, …]`` and timesteps ``[B]``."""


def step_back(x_t: Tensor, predicted: Tensor, alpha_bar_t: float, alpha_bar_s: float,
              eta: float = 0.0, noise: Tensor | None = None, clip: float = 1.0) -> Tensor:
    """One step from x_t ``[B, …]`` at t to s; ``noise`` z ``[B, …]`` where ``eta`` is not 0."""
    clean = (x_t - (1 - alpha_bar_t) ** 0.5 * predicted) / alpha_bar_t ** 0.5
    clean = clean.clamp(-clip, clip)
    predicted = (x_t - alpha_bar_t ** 0.5 * clean) / (1 - alpha_bar_t) ** 0.5
    variance = eta ** 2 * (1 - alpha_bar_s) / (1 - alpha_bar_t) * (1 - alpha_bar_t / alpha_bar_s)
    back = alpha_bar_s ** 0.5 * clean + (1 - alpha_bar_s - variance) ** 0.5 * predicted
    return back if noise is None else back + variance ** 0.5 * noise


def inference_times(steps: int, count: int) -> list[int]:
    """Return ``count`` timesteps of 0 … ``steps`` - 1 in even intervals down to 0.

    Fewer than all begin below the last step, whose x̂0 would be noise enlarged a thousandfold.
    """
    return [i * steps // count for i in reversed(range(count))]


def sample(predict: Predict, noise: Tensor, alpha_bar: list[float], count: int,
           clip: float = 1.0) -> Tensor:
    """Turn noise ``[B, …]`` into a sample by ``count`` of T deterministic steps."""
    x, times = noise, inference_times(len(alpha_bar), count)
    for t, s in zip(times, [*times[1:], None]):
        predicted = predict(x, torch.full(x.shape[:1], t, device=x.device))
        x = step_back(x, predicted, alpha_bar[t], 1.0 if s is None else alpha_bar[s], clip=clip)
    return x

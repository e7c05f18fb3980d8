"""Drawing from a diffusion model: the reverse process of DDPM, and DDIM in fewer steps.

Notation of ``diffusion.py``, ᾱ before the first step being 1. From the predicted noise ε̂ at x_t,

    x̂_0 = (x_t - √(1 - ᾱ_t) ε̂) / √ᾱ_t,   clipped to where data lie
    DDPM  q(x_s | x_t, x̂_0), s = t - 1: mean (√ᾱ_s β_t x̂_0 + √α_t (1 - ᾱ_s) x_t) / (1 - ᾱ_t),
          variance β_t (1 - ᾱ_s) / (1 - ᾱ_t)                      (Ho et al., 2020, eq. 6 and 7)
    DDIM  x_s = √ᾱ_s x̂_0 + √(1 - ᾱ_s - σ²) ε̂ + σ z, any s < t,
          σ² = η² (1 - ᾱ_s) / (1 - ᾱ_t) (1 - ᾱ_t / ᾱ_s)        (Song et al., 2021, eq. 12 and 16)

with ε̂ of the clipped x̂_0. For η = 1 and s = t - 1 the two are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Predict = Callable[[Tensor, Tensor], Tensor]
"""x_t ``[B, size]``, t ``[1]`` → predicted noise ``[B, size]``."""


def clean_estimate(x_t: Tensor, predicted: Tensor, alpha_bar: float,
                   bound: float = 1.0) -> Tensor:
    """x̂_0 of predicted noise, clipped to ±``bound``."""
    estimate = (x_t - math.sqrt(1 - alpha_bar) * predicted) / math.sqrt(alpha_bar)
    return estimate.clamp(-bound, bound)


def ddpm_posterior(x_t: Tensor, x_0: Tensor, alpha_bar: float,
                   before: float) -> tuple[Tensor, float]:
    """Mean and variance of x_{t-1}, from ᾱ_t and ᾱ_{t-1} (``before``)."""
    beta = 1 - alpha_bar / before
    mean = (math.sqrt(before) * beta * x_0
            + math.sqrt(1 - beta) * (1 - before) * x_t) / (1 - alpha_bar)
    return mean, beta * (1 - before) / (1 - alpha_bar)


def ddim_posterior(x_t: Tensor, x_0: Tensor, alpha_bar: float, before: float,
                   eta: float = 0.0) -> tuple[Tensor, float]:
    """Mean and variance of x_s, from ᾱ_t and ᾱ_s (``before``)."""
    variance = eta ** 2 * (1 - before) / (1 - alpha_bar) * (1 - alpha_bar / before)
    noise = (x_t - math.sqrt(alpha_bar) * x_0) / math.sqrt(1 - alpha_bar)
    return math.sqrt(before) * x_0 + math.sqrt(1 - before - variance) * noise, variance


def spread_timesteps(steps: int, inference_steps: int) -> list[int]:
    """Return ⌊i T / S⌋, i = S - 1 … 0 (Song et al., 2021, appendix D.2, 'linear').

    The first lies below T - 1, where x̂_0 would be the tiny signal divided by its tiny share.
    """
    return [i * steps // inference_steps for i in reversed(range(inference_steps))]


def sample(predict: Predict, noise: Tensor, alpha_bar: Sequence[float],
           timesteps: Sequence[int], bound: float = 1.0) -> Tensor:
    """DDIM with η = 0: a function of the noise ``[B, size]`` it starts from → ``[B, size]``."""
    x = noise
    for t, s in zip(timesteps, [*timesteps[1:], -1]):
        predicted = predict(x, torch.full((1,), t, device=x.device))
        x_0 = clean_estimate(x, predicted, alpha_bar[t], bound)
        x, _ = ddim_posterior(x, x_0, alpha_bar[t], alpha_bar[s] if s >= 0 else 1.0)
    return x

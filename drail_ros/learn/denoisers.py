"""ε_φ(x_t, t | c) for chunks of actions: a temporal U-Net (Chi et al., Diffusion Policy, 2023).

Convolutions run along the chunk; the condition c, which is the observations, and the step t act
through FiLM (Perez et al., 2018): a scale and a shift of every channel. The MLP that may stand in
its place is ``diffusion.NoisePredictor``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from drail_ros.learn.diffusion import TIME_FEATURES

KERNEL = 3
"""Actions that one convolution sees; published 5."""
GROUPS = 8
"""Groups of the group normalisation."""


class ConditionalUnet(nn.Module):
    """U-Net over chunks ``[B, T_p · A]``, ``levels`` deep, channels doubling from ``channels``."""

    def __init__(self, chunk: int, action_size: int, condition_size: int, channels: int,
                 levels: int) -> None:
        super().__init__()
        self._chunk, self._action_size = chunk, action_size
        periods = torch.logspace(0, 4, TIME_FEATURES // 2)
        self.register_buffer('frequencies', 1 / periods, persistent=False)
        self.time = nn.Sequential(nn.Linear(TIME_FEATURES, 2 * channels), nn.Mish(),
                                  nn.Linear(2 * channels, 2 * channels))
        seen = 2 * channels + condition_size
        widths = [channels * 2 ** level for level in range(levels)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.shrink, self.grow = nn.ModuleList(), nn.ModuleList()
        inputs = action_size
        for width in widths[:-1]:
            self.down.append(_Residual(inputs, width, seen))
            self.shrink.append(nn.Conv1d(width, width, 3, stride=2, padding=1))
            inputs = width
        self.middle = _Residual(inputs, widths[-1], seen)
        for wide, width in zip(reversed(widths[1:]), reversed(widths[:-1])):
            self.grow.append(nn.ConvTranspose1d(wide, width, 4, stride=2, padding=1))
            self.up.append(_Residual(2 * width, width, seen))
        self.out = nn.Conv1d(channels, action_size, 1)

    frequencies: Tensor

    def forward(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """``[B, T_p · A]``, ``[B]`` or ``[1]``, ``[B, C]`` → predicted noise ``[B, T_p · A]``."""
        angle = t[:, None] * self.frequencies
        time = self.time(torch.cat([angle.sin(), angle.cos()], dim=1))
        seen = torch.cat([time.expand(len(condition), -1), condition], dim=1)
        h = x_t.view(-1, self._chunk, self._action_size).transpose(1, 2)
        kept = []
        for block, shrink in zip(self.down, self.shrink):
            h = block(h, seen)
            kept.append(h)
            h = shrink(h)
        h = self.middle(h, seen)
        for block, grow in zip(self.up, self.grow):
            h = block(torch.cat([grow(h), kept.pop()], dim=1), seen)
        return self.out(h).transpose(1, 2).flatten(1)


class _Residual(nn.Module):
    """Two convolutions, FiLM after the first, and a way around both."""

    def __init__(self, inputs: int, outputs: int, condition_size: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(inputs, outputs), _convolution(outputs, outputs)
        self.film = nn.Sequential(nn.Mish(), nn.Linear(condition_size, 2 * outputs))
        self.around = (nn.Identity() if inputs == outputs
                       else nn.Conv1d(inputs, outputs, 1))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """``[B, inputs, L]``, ``[B, C]`` → ``[B, outputs, L]``."""
        scale, shift = self.film(condition)[:, :, None].chunk(2, dim=1)
        return self.second((1 + scale) * self.first(x) + shift) + self.around(x)


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(inputs, outputs, KERNEL, padding=KERNEL // 2),
                         nn.GroupNorm(GROUPS, outputs), nn.Mish())

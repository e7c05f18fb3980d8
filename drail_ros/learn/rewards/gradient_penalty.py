# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Gradient penalty on interpolates (Gulrajani et al., WGAN-GP, 2017, eq. 3)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from drail_ros.learn.transitions import input_size, Transitions

PENALISED = ('all', 'state')
"""In what a gradient is penalised: all that is seen of a transition, or all but the action."""


def penalised_size(penalised: str, inputs: str, obs_size: int, action_size: int) -> int:
    """Count the first components of what is seen, ``inputs``, in which a gradient is penalised."""
    return input_size(inputs, obs_size, action_size if penalised == 'all' else 0)


def gradient_penalty(function: Callable[[Tensor], Tensor], expert: Tensor, agent: Tensor,
                     generator: torch.Generator, size: int | None = None) -> Tensor:
    """E (‖∇ f(x̂)‖ - 1)² with x̂ drawn uniformly between pairs of ``[B, D]`` samples.

    The gradient is that in the first ``size`` of the D components; None is all of them.
    """
    u = torch.rand((len(expert), 1), generator=generator, device=expert.device)
    x = (u * expert + (1 - u) * agent).requires_grad_()
    gradient, = torch.autograd.grad(function(x).sum(), x, create_graph=True)
    return (gradient[:, :size].norm(dim=1) - 1).square().mean()


def interpolation_penalty(weight: float, function: Callable[[Tensor], Tensor],
                          seen: Callable[[Transitions], Tensor], generator: torch.Generator,
                          size: int | None = None,
                          ) -> Callable[[Transitions, Transitions], Tensor | float]:
    """Return the weighted penalty of f at what is ``seen`` of rows; a weight of 0 is none.

    ``size`` is that of ``gradient_penalty``.
    """
    def penalty(expert: Transitions, agent: Transitions) -> Tensor | float:
        if weight == 0:
            return 0.0
        return weight * gradient_penalty(function, seen(expert), seen(agent), generator,
                                         size)
    return penalty

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Generalised advantage estimation (Schulman et al., 2016, eq. 16)."""

from __future__ import annotations

import torch
from torch import Tensor


def generalised_advantages(rewards: Tensor, values: Tensor, next_values: Tensor,
                           ended: Tensor, discount: float, trace: float) -> Tensor:
    """Return advantages ``[T, N]``.

    δ_t = r_t + γ V(s_{t+1}) - V(s_t); A_t = δ_t + γ λ A_{t+1}, cut at the end of an episode.
    ``next_values`` are those of the true successor (the final observation where the episode
    ended), so a time limit is bootstrapped; after a termination they are mostly 0.
    """
    delta = rewards + discount * next_values - values
    carry = discount * trace * (~ended)
    advantages = torch.empty_like(delta)
    running = torch.zeros_like(delta[0])
    for t in reversed(range(len(delta))):
        running = delta[t] + carry[t] * running
        advantages[t] = running
    return advantages

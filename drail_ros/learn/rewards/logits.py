# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Rewards that can be made of a discriminator's logit l, with D = sigmoid(l), and logits of D."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

REWARD_FORMS = ('logit', 'log_d', 'neg_log_one_minus_d')
_SMALLEST_ENERGY = 1e-6
"""Below it D = 1 and its logit is infinite."""


def reward_of_logit(logit_expert_is_high: Tensor, form: str) -> Tensor:
    """``logit``: log D - log(1 - D) = l; ``log_d``: log D; ``neg_log_one_minus_d``: -log(1 - D).

    The first takes both signs, the second only punishes, the third only pays.
    """
    if form == 'logit':
        return logit_expert_is_high
    if form == 'log_d':
        return -softplus(-logit_expert_is_high)
    return softplus(logit_expert_is_high)


def logit_of_energy(energy: Tensor) -> Tensor:
    """l = log D - log(1 - D) of D = exp(-L), L >= 0: -L - log(1 - exp(-L))."""
    energy = energy.clamp(min=_SMALLEST_ENERGY)
    return -energy - torch.log(-torch.expm1(-energy))

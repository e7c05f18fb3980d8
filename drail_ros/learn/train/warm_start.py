# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Behavioural cloning of an actor that then goes on learning by acting."""

from __future__ import annotations

import torch
from torch import Tensor

from drail_ros.learn.nets.actors import Actor

_BATCH = 256
_LEARNING_RATE = 1e-3
"""First step size of Adam; it falls linearly to 0."""
_JITTER = 0.05
"""Standard deviation of what is added to normalised observations: between the demonstrations'
states, which exploration soon visits, the clone is then smooth."""


def clone(actor: Actor, obs: Tensor, action: Tensor, updates: int,
          generator: torch.Generator) -> float:
    """Regress the expert's actions ``[B, A]`` at normalised ``obs [B, O]``; return the last loss.

    Minimises E (π(s + ξ) - a)², ξ ~ N(0, 0.05²).
    """
    optimiser = torch.optim.Adam(actor.parameters(), lr=_LEARNING_RATE, fused=True)
    for update in range(updates):
        optimiser.param_groups[0]['lr'] = _LEARNING_RATE * (1 - update / updates)
        rows = torch.randint(len(obs), (_BATCH,), generator=generator, device=obs.device)
        jitter = torch.randn((_BATCH, obs.shape[1]), generator=generator, device=obs.device)
        loss = actor.clone_loss(obs[rows] + _JITTER * jitter, action[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return loss.item()

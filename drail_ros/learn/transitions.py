# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Rows of transitions, what reward models see of them, and how minibatches are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

INPUTS = ('state_action', 'state_pair', 'state')
"""What a reward model sees of a transition: [s, a], [s, s'] or s."""


@dataclass(frozen=True)
class Transitions:
    """B rows, one a transition; observations in units, or normalised where it says so."""

    obs: Tensor
    """``[B, O]``."""
    action: Tensor
    """``[B, A]`` in [-1, 1], or beyond where an agent shows them as drawn."""
    next_obs: Tensor
    """``[B, O]``: the true successor, also where the episode ended."""
    terminated: Tensor
    """``[B]`` bool: no value follows."""
    reward: Tensor
    """``[B]``: the task's own reward, which only evaluation and its own learner see; else 0."""
    log_prob: Tensor
    """``[B]``: log π(a | s) of the present policy where a reward model needs it; else 0."""

    @classmethod
    def of(cls, obs: Tensor, action: Tensor, next_obs: Tensor, *,
           terminated: Tensor | None = None, reward: Tensor | None = None) -> Transitions:
        """Return rows of which no more is known: they end nowhere, other columns are 0."""
        if terminated is None:
            terminated = torch.zeros(len(obs), dtype=torch.bool, device=obs.device)
        if reward is None:
            reward = obs.new_zeros(len(obs))
        return cls(obs=obs, action=action, next_obs=next_obs, terminated=terminated,
                   reward=reward, log_prob=obs.new_zeros(len(obs)))

    def __len__(self) -> int:
        """Return B."""
        return len(self.obs)

    def __getitem__(self, rows: Tensor | slice) -> Transitions:
        """Return some of the rows."""
        return Transitions(**{name: column[rows] for name, column in self.columns().items()})

    def split(self, size: int) -> list[Transitions]:
        """Return parts of at most ``size`` rows, in order."""
        return [self[start:start + size] for start in range(0, len(self), size)]

    def columns(self) -> dict[str, Tensor]:
        """Return the columns by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def joined(a: Transitions, b: Transitions) -> Transitions:
    """Return the rows of ``a``, then those of ``b``."""
    below = b.columns()
    return Transitions(**{name: torch.cat([column, below[name]])
                          for name, column in a.columns().items()})


def some_of(rows: Transitions, count: int, generator: torch.Generator) -> Transitions:
    """Return so many of the rows, drawn without replacement; all where there are no more, or 0."""
    if not 0 < count < len(rows):
        return rows
    return rows[torch.randperm(len(rows), generator=generator, device=generator.device)[:count]]


def input_size(inputs: str, obs_size: int, action_size: int) -> int:
    """Length D of what a reward model sees of a row; ``inputs`` is one of ``INPUTS``."""
    return {'state_action': obs_size + action_size, 'state_pair': 2 * obs_size,
            'state': obs_size}[inputs]


def inputs_of(rows: Transitions, inputs: str) -> Tensor:
    """Return what a reward model sees of each row, ``[B, D]``; ``inputs`` is one of ``INPUTS``."""
    if inputs == 'state_action':
        return torch.cat([rows.obs, rows.action], dim=1)
    if inputs == 'state_pair':
        return torch.cat([rows.obs, rows.next_obs], dim=1)
    return rows.obs


def paired_minibatches(expert: Transitions, agent: Transitions, size: int, epochs: int,
                       generator: torch.Generator) -> Iterator[tuple[Transitions, Transitions]]:
    """Yield (expert, agent) minibatches of ``size`` each, ``epochs`` passes over the agent's.

    The expert's rows are drawn from shuffled passes over the demonstrations, so that every
    demonstration is used equally often.
    """
    device = generator.device
    updates_per_epoch = max(len(agent) // size, 1)
    needed = updates_per_epoch * size * epochs
    passes = -(-needed // len(expert))
    expert_rows = torch.cat([torch.randperm(len(expert), generator=generator, device=device)
                             for _ in range(passes)])
    used = 0
    for _ in range(epochs):
        order = torch.randperm(len(agent), generator=generator, device=device)
        for rows in order.split(size)[:updates_per_epoch]:
            yield expert[expert_rows[used:used + len(rows)]], agent[rows]
            used += len(rows)

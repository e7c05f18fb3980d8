"""Rows of transitions, what reward models see of them, and how minibatches are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import cast

import torch
from torch import Tensor

INPUTS = ('state_action', 'state_pair', 'state')
"""What a reward model sees of a transition: [s, a], [s, s'] or s."""


@dataclass(frozen=True)
class Transitions:
    """B transitions; observations in units, or normalised where it says so."""

    obs: Tensor
    """``[B, O]``."""
    action: Tensor
    """``[B, A]`` in [-1, 1]."""
    next_obs: Tensor
    """``[B, O]``: the true successor, also where the episode ended."""
    terminated: Tensor = cast(Tensor, None)
    """``[B]`` bool: no value follows; nowhere by default."""
    reward: Tensor = cast(Tensor, None)
    """``[B]``: the task's own reward, which only evaluation and its own learner see; else 0."""
    log_prob: Tensor = cast(Tensor, None)
    """``[B]``: log π(a | s) of the present policy where a reward model needs it; else 0."""

    def __post_init__(self) -> None:
        """Fill in what was not given."""
        zeros = self.obs.new_zeros(len(self.obs))
        for name, default in (('terminated', zeros.bool()), ('reward', zeros),
                              ('log_prob', zeros)):
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)

    def __len__(self) -> int:
        """Return B."""
        return len(self.obs)

    def __getitem__(self, rows: Tensor | slice) -> Transitions:
        """Return some of the rows."""
        return self._map(lambda tensor: tensor[rows])

    def split(self, size: int) -> list[Transitions]:
        """Return batches of at most ``size`` rows, in order."""
        return [self[start:start + size] for start in range(0, len(self), size)]

    def _map(self, function: Callable[[Tensor], Tensor]) -> Transitions:
        return Transitions(*(function(getattr(self, field.name)) for field in fields(self)))


def joined(a: Transitions, b: Transitions) -> Transitions:
    """Return the rows of ``a``, then those of ``b``."""
    return Transitions(*(torch.cat([getattr(a, field.name), getattr(b, field.name)])
                   for field in fields(a)))


def input_size(inputs: str, obs_size: int, action_size: int) -> int:
    """Length D of what a reward model sees."""
    return {'state_action': obs_size + action_size, 'state_pair': 2 * obs_size,
            'state': obs_size}[inputs]


def inputs_of(batch: Transitions, inputs: str) -> Tensor:
    """What a reward model sees of a batch, ``[B, D]``."""
    if inputs == 'state_action':
        return torch.cat([batch.obs, batch.action], dim=1)
    if inputs == 'state_pair':
        return torch.cat([batch.obs, batch.next_obs], dim=1)
    return batch.obs


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

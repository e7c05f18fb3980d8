"""Batches of transitions as the reward models see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Transitions: normalised observations ``[B, O]``, actions ``[B, A]`` in [-1, 1]."""

    obs: Tensor
    action: Tensor
    next_obs: Tensor

    def __len__(self) -> int:
        """Return B."""
        return len(self.obs)

    def __getitem__(self, rows: Tensor | slice) -> Batch:
        """Return some of the rows."""
        return Batch(self.obs[rows], self.action[rows], self.next_obs[rows])


def state_action(batch: Batch) -> Tensor:
    """X = [s, a], ``[B, O + A]``."""
    return torch.cat([batch.obs, batch.action], dim=1)


def paired_minibatches(expert: Batch, agent: Batch, size: int, epochs: int,
                       generator: torch.Generator) -> Iterator[tuple[Batch, Batch]]:
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

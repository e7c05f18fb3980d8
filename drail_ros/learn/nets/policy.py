# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Learned policies apart from their learners: what is evaluated, saved, exported and served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn, Tensor

from drail_ros.episodes.receding_horizon import PlanShape, RecedingHorizon
from drail_ros.errors import UserError
from drail_ros.files import read_tensors, write_tensors
from drail_ros.learn.nets.actors import ACTORS
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.nets.planner import DiffusionPlanner
from drail_ros.tasks.task import Array

Controller = Callable[[Array], Array]
"""Observations ``[N, O]`` in units → actions ``[N, A]``; see ``episodes.evaluate``."""


class SavedPolicy(nn.Module):
    """Normalisation and a network that tells how it was made (``kind``, ``shape()``)."""

    plan_shape: PlanShape | None = None
    """What it plans from and how far; None where each observation gets its own action."""

    def __init__(self, normaliser: RunningNormaliser, actor: Any) -> None:
        super().__init__()
        self.normaliser, self.actor = normaliser, actor

    def save(self, path: Path, info: dict[str, object]) -> None:
        """Write weights, statistics and ``info`` (task, algorithm, …) to one file."""
        write_tensors(path, {k: v.cpu() for k, v in self.state_dict().items()},
                      {**info, 'actor': self.actor.kind, 'shape': self.actor.shape()})

    def controller(self, num_envs: int, seed: int = 0) -> Controller:
        """Return what acts deterministically in so many environments."""
        raise NotImplementedError


class Policy(SavedPolicy):
    """Observations in units → normalised actions in [-1, 1]; ``actor`` is an ``Actor``."""

    def forward(self, obs: Tensor) -> Tensor:
        """Deterministic action: ``[B, O]`` → ``[B, A]``."""
        return self.actor.mean_action(self.normaliser(obs))

    @torch.no_grad()
    def act(self, obs: Array, generator: torch.Generator | None = None) -> Array:
        """Numpy in and out; a sample where a generator is given, else the mean."""
        seen = self.normaliser(torch.as_tensor(obs, device=self.normaliser.mean.device))
        if generator is None:
            action = self.actor.mean_action(seen)
        else:
            action = self.actor.sample(seen, generator)[0].clamp(-1.0, 1.0)
        return action.cpu().numpy()

    def controller(self, num_envs: int, seed: int = 0) -> Controller:
        """Return the mean action of each observation."""
        return self.act


class PlanningPolicy(SavedPolicy):
    """Latest observations in units and noise → a chunk of normalised actions in [-1, 1]."""

    def __init__(self, normaliser: RunningNormaliser, actor: DiffusionPlanner) -> None:
        super().__init__(normaliser, actor)
        self.plan_shape = actor.plan_shape

    def forward(self, obs: Tensor, noise: Tensor) -> Tensor:
        """``[B, T_o, O]`` and ``[B, T_p, A]`` → ``[B, T_a, A]``."""
        return self.actor.plan(self.normaliser(obs), noise)

    @torch.no_grad()
    def plan(self, obs: Array, noise: Array) -> Array:
        """``forward`` with numpy in and out."""
        device = self.normaliser.mean.device
        return self(torch.as_tensor(obs, device=device),
                    torch.as_tensor(noise, device=device)).cpu().numpy()

    def controller(self, num_envs: int, seed: int = 0) -> RecedingHorizon:
        """Return what plans again whenever a chunk is executed."""
        assert self.plan_shape is not None
        return RecedingHorizon(self.plan, self.plan_shape, num_envs, seed)


def load_policy(path: Path) -> tuple[SavedPolicy, dict[str, Any]]:
    """Read what ``SavedPolicy.save`` wrote; return the policy and its info.

    Raises:
        UserError: the file is missing, corrupt or no policy.

    """
    tensors, info = read_tensors(path, 'policy')
    try:
        shape, kind = info['shape'], info['actor']
        normaliser = RunningNormaliser(shape['obs_size'])
        policy: SavedPolicy
        if kind == DiffusionPlanner.kind:
            policy = PlanningPolicy(normaliser, DiffusionPlanner(**shape))
        else:
            policy = Policy(normaliser, ACTORS[kind](**shape))
        policy.load_state_dict(tensors)
    except (KeyError, TypeError, RuntimeError) as error:
        raise UserError(f'{path} is no policy of this version', found=error,
                        do='train again, or export from the run folder') from error
    return policy, info

"""The learned policy apart from its learner: what is evaluated, saved, exported and served."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from drail_ros.errors import UserError
from drail_ros.files import read_tensors, write_tensors
from drail_ros.learn.actors import ACTORS, Actor
from drail_ros.learn.normalise import RunningNormaliser
from drail_ros.tasks.task import Array


class Policy(nn.Module):
    """Observations in units → normalised actions in [-1, 1]."""

    def __init__(self, normaliser: RunningNormaliser, actor: Actor) -> None:
        super().__init__()
        self.normaliser, self.actor = normaliser, actor

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

    def save(self, path: Path, info: dict[str, object]) -> None:
        """Write weights, statistics and ``info`` (task, algorithm, …) to one file."""
        write_tensors(path, {k: v.cpu() for k, v in self.state_dict().items()},
                      {**info, 'actor': self.actor.kind, **self.actor.shape()})


def load_policy(path: Path) -> tuple[Policy, dict[str, object]]:
    """Read what ``Policy.save`` wrote; return the policy and its info.

    Raises:
        UserError: the file is missing, corrupt or no policy.

    """
    tensors, info = read_tensors(path, 'policy')
    try:
        sizes = {k: int(info[k]) for k in ('obs_size', 'action_size', 'width', 'layers')}
        actor = cast(Actor, ACTORS[info['actor']](**sizes))
        policy = Policy(RunningNormaliser(sizes['obs_size']), actor)
        policy.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        raise UserError(f'{path} is no policy of this version', found=error,
                        do='train again, or export from the run folder') from error
    return policy, info

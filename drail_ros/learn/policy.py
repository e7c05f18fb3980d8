"""The learned policy apart from its learner: what is evaluated, saved, exported and served."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from drail_ros.errors import UserError
from drail_ros.files import read_tensors, write_tensors
from drail_ros.learn.networks import GaussianActor
from drail_ros.learn.normalise import RunningNormaliser
from drail_ros.tasks.task import Array


class Policy(nn.Module):
    """Observations in units → normalised actions in [-1, 1]."""

    def __init__(self, normaliser: RunningNormaliser, actor: GaussianActor) -> None:
        super().__init__()
        self.normaliser, self.actor = normaliser, actor

    def forward(self, obs: Tensor) -> Tensor:
        """Mean action: ``[B, O]`` → ``[B, A]``."""
        return self.actor.mean(self.normaliser(obs)).clamp(-1.0, 1.0)

    @torch.no_grad()
    def act(self, obs: Array, generator: torch.Generator | None = None) -> Array:
        """Numpy in and out; a sample where a generator is given, else the mean."""
        device = self.normaliser.mean.device
        mean = self.actor.mean(self.normaliser(torch.as_tensor(obs, device=device)))
        if generator is not None:
            noise = torch.randn(mean.shape, generator=generator, device=device)
            mean = mean + self.actor.log_std.exp() * noise
        return mean.clamp(-1.0, 1.0).cpu().numpy()

    def save(self, path: Path, info: dict[str, object]) -> None:
        """Write weights, statistics and ``info`` (task, algorithm, sizes, …) to one file."""
        first = self.actor.mean[0]
        shape = {'width': first.out_features, 'layers': len(self.actor.mean) // 2,
                 'obs_size': first.in_features, 'action_size': len(self.actor.log_std)}
        write_tensors(path, {k: v.cpu() for k, v in self.state_dict().items()},
                      {**info, **shape})


def load_policy(path: Path) -> tuple[Policy, dict[str, object]]:
    """Read what ``Policy.save`` wrote; return the policy and its info.

    Raises:
        UserError: the file is missing, corrupt or no policy.

    """
    tensors, info = read_tensors(path, 'policy')
    try:
        obs_size, action_size, width, layers = (
            int(info[k]) for k in ('obs_size', 'action_size', 'width', 'layers'))
        policy = Policy(RunningNormaliser(obs_size),
                        GaussianActor(obs_size, action_size, width, layers))
        policy.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        raise UserError(f'{path} is no policy of this version', found=error,
                        do='train again, or export from the run folder') from error
    return policy, info

"""Behavioural cloning: regress the expert's action (Pomerleau, 1989).

    mse: E ‖π(s) - a‖²            nll: -E log N(a; π(s), σ²)

Observations are z-scored with the demonstrations' statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from drail_ros.data.demonstrations import Demonstrations
from drail_ros.learn.actors import GaussianActor
from drail_ros.learn.normalise import RunningNormaliser
from drail_ros.learn.policy import Policy
from drail_ros.settings import Settings, setting


@dataclass(frozen=True)
class BcSettings(Settings):
    """Settings of behavioural cloning."""

    loss: str = setting('mse', 'what is minimised', choices=('mse', 'nll'))
    learning_rate: float = setting(2e-4, 'Adam step size', low=0.0)
    batch_size: int = setting(128, 'transitions per update', low=1)
    epochs: int = setting(50, 'passes over the demonstrations', low=1)
    width: int = setting(256, 'hidden width', low=1)
    layers: int = setting(3, 'hidden layers', low=1)


class Bc:
    """Learns a policy from demonstrations; ``step`` runs one epoch."""

    def __init__(self, demonstrations: Demonstrations, settings: BcSettings,
                 generator: torch.Generator) -> None:
        self.settings, self.generator = settings, generator
        device = generator.device
        self._obs = torch.tensor(demonstrations.obs, device=device)
        self._action = torch.tensor(demonstrations.action, device=device)
        normaliser = RunningNormaliser(self._obs.shape[1])
        actor = GaussianActor(self._obs.shape[1], self._action.shape[1], settings.width,
                              settings.layers)
        self.policy = Policy(normaliser, actor).to(device)
        normaliser.update(self._obs)
        self.optimiser = torch.optim.Adam(actor.parameters(), lr=settings.learning_rate,
                                          fused=True)

    @property
    def epochs(self) -> int:
        """Number of the last epoch."""
        return self.settings.epochs

    def learn(self, report: Callable[[int, dict[str, float]], None],
              first_epoch: int = 0) -> None:
        """Run the remaining epochs; ``report(epoch, metrics)`` after each."""
        s = self.settings
        obs = self.policy.normaliser(self._obs)
        for epoch in range(first_epoch, s.epochs):
            order = torch.randperm(len(obs), generator=self.generator, device=obs.device)
            losses = [self._minibatch(obs[rows], self._action[rows])
                      for rows in order.split(s.batch_size)]
            report(epoch + 1, {'bc/loss': torch.stack(losses).mean().item()})

    def _minibatch(self, obs: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        actor = self.policy.actor
        if self.settings.loss == 'nll':
            loss = -actor.log_prob(obs, action).mean()
        else:
            loss = (actor.mean(obs) - action).square().mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return loss.detach()


PLUGIN = (Bc, BcSettings)

"""What every reward model is, and the part that binary discriminators share.

A reward model learns to tell expert from agent transitions and pays the agent for looking like
the expert. Any reward model works with any agent.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from drail_ros.learn.transitions import (
    INPUTS,
    Transitions,
    input_size,
    inputs_of,
    joined,
    paired_minibatches,
)
from drail_ros.settings import Settings, setting

Metrics = dict[str, float]
Adam = partial(torch.optim.Adam, fused=True)


class RewardModel(Protocol):
    """Learned reward of transitions.

    Its settings name in ``run_defaults`` what a run with it sets unless told otherwise: the agent
    that it was published with, how ends are valued.
    """

    needs_expert: bool
    """Whether it learns from demonstrations."""
    needs_log_prob: bool
    """Whether ``Transitions.log_prob`` has to be filled in."""
    needs_fixed_statistics: bool
    """Whether observations are normalised by the demonstrations' statistics, not the agent's."""

    def update(self, expert: Transitions, agent: Transitions) -> Metrics:
        """Learn from all demonstrations and one rollout; return scalars to log."""

    def reward(self, batch: Transitions) -> Tensor:
        """Reward ``[B]``; high where the transition looks like the expert's."""

    def state_dict(self) -> Mapping[str, Any]:
        """Everything needed to continue, the optimiser included."""

    def load_state_dict(self, state: Mapping[str, Any]) -> Any:
        """Continue from ``state_dict``."""


@dataclass(frozen=True)
class RewardSettings(Settings):
    """Settings that all learned reward models share."""

    learning_rate: float = setting(1e-3, 'step size of the reward model', low=0.0)
    batch_size: int = setting(128, 'expert samples, and agent samples, per update', low=1)

    inputs: str = setting(
        'state_action', "what is seen of a transition: [s, a], [s, s'] or s", choices=INPUTS)

    run_defaults: ClassVar[Mapping[str, object]] = {'agent': 'ppo'}


@dataclass(frozen=True)
class DiscriminatorSettings(RewardSettings):
    """Settings that all discriminators share."""

    epochs: int = setting(1, "passes over the agent's transitions in each iteration", low=1)
    width: int = setting(512, 'hidden width of the discriminator', low=1)
    layers: int = setting(3, 'hidden layers of the discriminator', low=1)


class LearnedReward(nn.Module):
    """Base of reward models with networks: inputs, device and optimiser in ``state_dict``."""

    needs_expert, needs_log_prob, needs_fixed_statistics = True, False, False

    def __init__(self, obs_size: int, action_size: int, settings: RewardSettings,
                 generator: torch.Generator) -> None:
        super().__init__()
        self.settings, self.generator = settings, generator
        self.input_size = input_size(settings.inputs, obs_size, action_size)

    def finish(self, make_optimiser: Callable[..., torch.optim.Optimizer] = Adam) -> None:
        """Create the optimiser once the subclass has its parameters."""
        self.to(self.generator.device)
        self.optimiser = make_optimiser(self.parameters(), lr=self.settings.learning_rate)

    def get_extra_state(self) -> dict[str, Any]:
        """Put the optimiser into ``state_dict``."""
        return self.optimiser.state_dict()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the optimiser out of ``state_dict``."""
        self.optimiser.load_state_dict(state)

    def seen(self, batch: Transitions) -> Tensor:
        """What is seen of a batch, ``[B, D]``."""
        return inputs_of(batch, self.settings.inputs)


class Discriminator(LearnedReward):
    """Binary classifier trained by cross-entropy; subclasses say what the logit is.

    loss = BCE(l_E, 1) + BCE(l_π, 0) = softplus(-l_E) + softplus(l_π), plus ``penalty``.
    """

    settings: DiscriminatorSettings

    @abstractmethod
    def training_logits(self, batch: Transitions) -> Tensor:
        """Logits ``[B]`` with gradients; high means expert."""

    @torch.no_grad()
    def expected_logits(self, batch: Transitions, draws: int) -> Tensor:
        """Logits ``[B]`` as a smooth function of the batch, for pictures: no sampling noise.

        A model whose logit is an estimate averages ``draws``, the same ones for every sample.
        """
        return self.training_logits(batch)

    @abstractmethod
    def reward(self, batch: Transitions) -> Tensor:
        """Reward ``[B]`` without gradients."""

    def penalty(self, expert: Transitions, agent: Transitions) -> Tensor | float:
        """Regularisation added to the loss."""
        return 0.0

    def loss(self, expert_is_high: Tensor, agent_is_low: Tensor) -> Tensor:
        """Binary cross-entropy of logits ``[B]``."""
        return softplus(-expert_is_high).mean() + softplus(agent_is_low).mean()

    def update(self, expert: Transitions, agent: Transitions) -> Metrics:
        """Run ``epochs`` passes of minibatch updates over the agent's transitions."""
        s = self.settings
        if not len(agent):
            return {}
        totals = torch.zeros(3, device=self.generator.device)
        updates = 0
        for real, fake in paired_minibatches(expert, agent, s.batch_size, s.epochs,
                                             self.generator):
            logits = self.training_logits(joined(real, fake))
            expert_is_high, agent_is_low = logits.split([len(real), len(fake)])
            loss = self.loss(expert_is_high, agent_is_low)
            self.optimiser.zero_grad()
            (loss + self.penalty(real, fake)).backward()
            self.optimiser.step()
            totals += torch.stack([loss.detach(), (expert_is_high > 0).float().mean(),
                                   (agent_is_low < 0).float().mean()])
            updates += 1
        loss_mean, expert_accuracy, agent_accuracy = (totals / updates).tolist()
        return {'discriminator/loss': loss_mean,
                'discriminator/expert_accuracy': expert_accuracy,
                'discriminator/agent_accuracy': agent_accuracy}

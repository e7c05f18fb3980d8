"""WAIL: a Wasserstein critic (Xiao et al., 2019, arXiv:1906.08113).

The dual of optimal transport between expert and agent with cost ‖x_E - x_π‖, regularised by the
square of how far the critic's differences miss the cost:

    loss = -E f(x_E) + E f(x_π) + E (f(x_E) - f(x_π) - ‖x_E - x_π‖)² / (4 ε_reg)
    reward = f(x)

The theory's regulariser counts only differences above the cost (the positive part); DRAIL's
experiments counted both sides. ε_reg = 0 leaves it out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from drail_ros.learn.rewards.gail import Gail, GailSettings
from drail_ros.learn.transitions import Transitions
from drail_ros.settings import setting


@dataclass(frozen=True)
class WailSettings(GailSettings):
    """Settings of WAIL."""

    learning_rate: float = setting(1e-4, 'RMSProp step size of the critic', low=0.0)
    regularisation: float = setting(0.01, 'ε_reg of the transport; 0 is none', low=0.0)
    one_sided: bool = setting(False, 'count only differences above the cost')


class Wail(Gail):
    """Tanh MLP critic."""

    settings: WailSettings

    def make_optimiser(self) -> None:
        """RMSProp, as published: momentum would drive the critic in circles."""
        self.finish(torch.optim.RMSprop)

    def loss(self, expert_is_high: Tensor, agent_is_low: Tensor) -> Tensor:
        """Negative of the dual's linear part."""
        return agent_is_low.mean() - expert_is_high.mean()

    def penalty(self, expert: Transitions, agent: Transitions) -> Tensor | float:
        """Weighted square of what the critic's differences miss the cost by."""
        if self.settings.regularisation == 0:
            return 0.0
        x_expert, x_agent = self.seen(expert), self.seen(agent)
        missed = (self.logits(x_expert) - self.logits(x_agent)
                  - (x_expert - x_agent).norm(dim=1))
        if self.settings.one_sided:
            missed = missed.clamp(min=0.0)
        return missed.square().mean() / (4 * self.settings.regularisation)


REWARD_MODEL = (Wail, WailSettings)

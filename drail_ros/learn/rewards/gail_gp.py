"""GAIL with a gradient penalty (Gulrajani et al., 2017, applied to the logit).

loss = loss_GAIL + w E (‖∇_x l(x̂)‖ - 1)²,   x̂ = u x_E + (1 - u) x_π,   u ~ U[0, 1]
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from drail_ros.learn.rewards.gail import Gail, GailSettings
from drail_ros.learn.rewards.gradient_penalty import gradient_penalty
from drail_ros.learn.transitions import Transitions
from drail_ros.settings import setting


@dataclass(frozen=True)
class GailGpSettings(GailSettings):
    """Settings of GAIL-GP."""

    penalty_weight: float = setting(1.0, 'weight w of the gradient penalty', low=0.0)


class GailGp(Gail):
    """GAIL whose logit is kept near gradient norm 1 between expert and agent."""

    settings: GailGpSettings

    def penalty(self, expert: Transitions, agent: Transitions) -> Tensor:
        """Weighted gradient penalty on interpolates."""
        return self.settings.penalty_weight * gradient_penalty(
            self.logits, self.seen(expert), self.seen(agent), self.generator)


REWARD_MODEL = (GailGp, GailGpSettings)

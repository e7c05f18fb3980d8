# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

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

from drail_ros.learn.rewards.discriminator import Discriminator, logit_reward
from drail_ros.learn.rewards.mlp_score import MlpScore, MlpScoreSettings
from drail_ros.learn.transitions import Transitions
from drail_ros.settings import setting


@dataclass(frozen=True)
class WailSettings(MlpScoreSettings):
    """Settings of WAIL."""

    learning_rate: float = setting(1e-4, 'RMSProp step size of the critic', low=0.0)
    regularisation: float = setting(0.01, 'ε_reg of the transport; 0 is none', low=0.0)
    one_sided: bool = setting(False, 'count only differences above the cost')


class Wail(Discriminator):
    """Tanh MLP critic. RMSProp, as published: momentum would drive it in circles."""

    def __init__(self, obs_size: int, action_size: int, settings: WailSettings,
                 generator: torch.Generator) -> None:
        score, s = MlpScore(obs_size, action_size, settings), settings

        def penalty(expert: Transitions, agent: Transitions) -> Tensor | float:
            if s.regularisation == 0:
                return 0.0
            x_expert, x_agent = score.seen(expert), score.seen(agent)
            missed = missed_cost(score.at(x_expert) - score.at(x_agent), x_expert - x_agent,
                                 s.one_sided)
            return missed.square().mean() / (4 * s.regularisation)

        super().__init__(score, s, generator, reward=logit_reward(score, s.reward_form),
                         loss=negative_linear_part, penalty=penalty,
                         make_optimiser=torch.optim.RMSprop)


def negative_linear_part(expert_is_high: Tensor, agent_is_low: Tensor) -> Tensor:
    """-E f(x_E) + E f(x_π) of critics' values ``[B]`` each."""
    return agent_is_low.mean() - expert_is_high.mean()


def missed_cost(difference: Tensor, displacement: Tensor, one_sided: bool) -> Tensor:
    """f(x_E) - f(x_π) - ‖x_E - x_π‖ of differences ``[B]``, ``[B, D]``; or its positive part."""
    missed = difference - displacement.norm(dim=1)
    return missed.clamp(min=0.0) if one_sided else missed


REWARD_MODEL = (Wail, WailSettings)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""GAIL with a gradient penalty (Gulrajani et al., 2017, applied to the logit).

loss = loss_GAIL + w E (‖∇ l(x̂)‖ - 1)²,   x̂ = u x_E + (1 - u) x_π,   u ~ U[0, 1]

The gradient is that in all of x, as Gulrajani et al. have it, or that in the state alone, as in
DRAIL's experiments: how steeply l depends on the action is then left free.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from drail_ros.learn.rewards.discriminator import Discriminator, logit_reward
from drail_ros.learn.rewards.gradient_penalty import (
    interpolation_penalty,
    PENALISED,
    penalised_size,
)
from drail_ros.learn.rewards.mlp_score import MlpScore, MlpScoreSettings
from drail_ros.settings import setting


@dataclass(frozen=True)
class GailGpSettings(MlpScoreSettings):
    """Settings of GAIL-GP."""

    penalty_weight: float = setting(1.0, 'weight w of the gradient penalty', low=0.0)
    penalised: str = setting('all', 'gradient that is penalised: in all that is seen of a '
                             'transition, or in its states', choices=PENALISED)


class GailGp(Discriminator):
    """GAIL whose logit is kept near gradient norm 1 between expert and agent."""

    def __init__(self, obs_size: int, action_size: int, settings: GailGpSettings,
                 generator: torch.Generator) -> None:
        score = MlpScore(obs_size, action_size, settings)
        size = penalised_size(settings.penalised, settings.inputs, obs_size, action_size)
        super().__init__(
            score, settings, generator, reward=logit_reward(score, settings.reward_form),
            penalty=interpolation_penalty(settings.penalty_weight, score.at, score.seen,
                                          generator, size))


REWARD_MODEL = (GailGp, GailGpSettings)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""DAC: discriminator-actor-critic (Kostrikov et al., ICLR 2019, arXiv:1809.02925).

GAIL trained off-policy, against the whole replay memory, with a gradient penalty and an absorbing
state after each end:

    loss = ½ (BCE(D(x_E), 1) + BCE(D(x_π), 0)) + w E (‖∇_x l(x̂)‖ - 1)²,   w = 10
    reward = -log(1 - D)

Their released code has the sum of the two cross-entropies for their mean, and the logit for the
reward.

The memory is sampled as it is, without importance weights (their section 4.1). Their agent is
TD3; here it is any, SAC unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from drail_ros.learn.rewards.discriminator import cross_entropy, Discriminator, logit_reward
from drail_ros.learn.rewards.gradient_penalty import interpolation_penalty
from drail_ros.learn.rewards.logits import REWARD_FORMS
from drail_ros.learn.rewards.mlp_score import MlpScore, MlpScoreSettings
from drail_ros.settings import setting


@dataclass(frozen=True)
class DacSettings(MlpScoreSettings):
    """Settings of DAC."""

    batch_size: int = setting(256, 'expert samples, and agent samples, per update', low=1)
    penalty_weight: float = setting(10.0, 'weight w of the gradient penalty', low=0.0)
    reward_form: str = setting('neg_log_one_minus_d', 'reward as a function of the logit',
                               choices=REWARD_FORMS)
    cross_entropies: str = setting('mean', 'what of the cross-entropies of both sides is in the '
                                   'loss', choices=('mean', 'sum'))

    run_defaults: ClassVar[Mapping[str, object]] = {'agent': 'sac', 'terminations': 'absorbing'}


def half_cross_entropy(expert_is_high: Tensor, agent_is_low: Tensor) -> Tensor:
    """½ (BCE(D(x_E), 1) + BCE(D(x_π), 0)) of logits ``[B]`` each."""
    return 0.5 * cross_entropy(expert_is_high, agent_is_low)


class Dac(Discriminator):
    """GAIL with a gradient penalty, for agents that learn from memory."""

    def __init__(self, obs_size: int, action_size: int, settings: DacSettings,
                 generator: torch.Generator) -> None:
        score = MlpScore(obs_size, action_size, settings)
        super().__init__(
            score, settings, generator, reward=logit_reward(score, settings.reward_form),
            loss={'mean': half_cross_entropy, 'sum': cross_entropy}[settings.cross_entropies],
            penalty=interpolation_penalty(settings.penalty_weight, score.at, score.seen,
                                          generator))


REWARD_MODEL = (Dac, DacSettings)

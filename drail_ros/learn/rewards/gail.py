# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""GAIL: the discriminator is a plain classifier (Ho & Ermon, 2016).

With x = [s, a], an MLP logit l(x) and D = sigmoid(l), high for the expert:

    loss = BCE(D(x_E), 1) + BCE(D(x_π), 0)
    reward = one of the three forms of ``logits.py``
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from drail_ros.learn.rewards.discriminator import Discriminator, logit_reward
from drail_ros.learn.rewards.mlp_score import MlpScore, MlpScoreSettings


@dataclass(frozen=True)
class GailSettings(MlpScoreSettings):
    """Settings of GAIL."""


class Gail(Discriminator):
    """Tanh MLP classifier."""

    def __init__(self, obs_size: int, action_size: int, settings: GailSettings,
                 generator: torch.Generator) -> None:
        score = MlpScore(obs_size, action_size, settings)
        super().__init__(score, settings, generator,
                         reward=logit_reward(score, settings.reward_form))


REWARD_MODEL = (Gail, GailSettings)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Score of a plain network: an MLP of what is seen of a transition."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn, Tensor

from drail_ros.learn.nets.mlp import mlp
from drail_ros.learn.rewards.logits import REWARD_FORMS
from drail_ros.learn.rewards.reward_model import RewardSettings
from drail_ros.learn.transitions import input_size, inputs_of, Transitions
from drail_ros.settings import setting


@dataclass(frozen=True)
class MlpScoreSettings(RewardSettings):
    """Settings that discriminators with such a score share."""

    width: int = setting(256, 'hidden width of the discriminator', low=1)
    layers: int = setting(2, 'hidden layers of the discriminator', low=0)
    reward_form: str = setting('logit', 'reward as a function of the logit', choices=REWARD_FORMS)


class MlpScore(nn.Module):
    """l(x), a tanh MLP."""

    def __init__(self, obs_size: int, action_size: int, settings: MlpScoreSettings) -> None:
        super().__init__()
        self._inputs = settings.inputs
        size = input_size(settings.inputs, obs_size, action_size)
        self.net = mlp([size] + [settings.width] * settings.layers + [1], nn.Tanh)

    def seen(self, rows: Transitions) -> Tensor:
        """Return what is seen of each row, x ``[B, D]``."""
        return inputs_of(rows, self._inputs)

    def at(self, x: Tensor) -> Tensor:
        """``[B, D]`` → scores ``[B]``."""
        return self.net(x).squeeze(1)

    def forward(self, rows: Transitions) -> Tensor:
        """Score ``[B]``."""
        return self.at(self.seen(rows))

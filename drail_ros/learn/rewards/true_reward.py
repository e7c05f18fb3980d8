# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The task's own reward, passed on: plain reinforcement learning, with which experts are trained.

reward = r(s, a, s') as the simulator gives it; nothing is learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from drail_ros.learn.rewards.reward_model import Metrics
from drail_ros.learn.transitions import Transitions
from drail_ros.settings import Settings


@dataclass(frozen=True)
class TrueRewardSettings(Settings):
    """It has none."""

    run_defaults: ClassVar[Mapping[str, object]] = {'agent': 'sac'}


class TrueReward:
    """Reward model that knows the answer."""

    needs_expert, needs_log_prob, needs_fixed_statistics = False, False, False

    def __init__(self, obs_size: int, action_size: int, settings: TrueRewardSettings,
                 generator: torch.Generator) -> None:
        pass

    def update(self, expert: Transitions, agent: Transitions) -> Metrics:
        """Learn nothing."""
        return {}

    def reward(self, rows: Transitions) -> Tensor:
        """Return the task's reward, ``[B]``."""
        return rows.reward

    def state_dict(self) -> dict[str, object]:
        """Nothing to continue."""
        return {}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Nothing to continue."""


REWARD_MODEL = (TrueReward, TrueRewardSettings)

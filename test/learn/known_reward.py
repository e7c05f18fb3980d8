# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A reward model that knows its reward: what the teacher of a test pays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.rewards.teacher import Teacher
from drail_ros.learn.transitions import Transitions

Reward = Callable[[Transitions], torch.Tensor]


class KnownReward:
    needs_expert, needs_log_prob, needs_fixed_statistics = False, False, False

    def __init__(self, reward: Reward) -> None:
        self.reward = reward


def teacher_who_pays(reward: Reward, actor: Any, obs_size: int, action_size: int,
                     **changes: Any) -> Teacher:
    obs = torch.zeros(1, obs_size)
    nothing = Transitions.of(obs, torch.zeros(1, action_size), obs)
    return Teacher(nothing, KnownReward(reward), RunningNormaliser(obs_size), actor, **changes)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The reward that values imply, for agents that no reward model pays.

Where Q(s, a) is what is paid now, r + c with c the offset of rewards, and γ times what follows,

    r(s, a) = Q(s, a) - γ V(s') - c

After an end V is 0, or (r_e + c) / (1 - γ) where an absorbing state follows: the *reward after the
end* r_e is a number learned with the values, and each end adds to the rows a step with reward r_e.
``rewards/terminations.py`` says how reward models answer the same question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn, Tensor

from drail_ros.learn.agents.off_policy import OffPolicySettings
from drail_ros.learn.rewards.teacher import Teacher
from drail_ros.learn.transitions import Transitions


@dataclass(frozen=True)
class AlgorithmSettings(OffPolicySettings):
    """Settings that agents share which are algorithms of their own."""

    reward_model: ClassVar[str | None] = None
    """What pays them; None where their own values say what the reward is."""


class ImpliedReward(nn.Module):
    """Part of such an agent: r of its values, and the reward after the end."""

    def __init__(self, discount: float) -> None:
        super().__init__()
        self._discount = discount
        self.after_end = nn.Parameter(torch.zeros(()))

    def following(self, value: Tensor, rows: Transitions, teacher: Teacher) -> Tensor:
        """V(s') ``[B]``, with what follows ends in its place."""
        if not teacher.values_ends:
            return value.masked_fill(rows.terminated, 0.0)
        end = teacher.value_of_staying(self.after_end, self._discount)
        return torch.where(rows.terminated, end, value)

    def forward(self, value: Tensor, following: Tensor, rows: Transitions,
                teacher: Teacher) -> Tensor:
        """r of values ``[…, B]`` of steps and ``[B]`` of what follows, then r_e for each end."""
        reward = teacher.reward_of(value - self._discount * following)
        if not teacher.values_ends:
            return reward
        ends = int(rows.terminated.sum())
        return torch.cat([reward, self.after_end.expand(*reward.shape[:-1], ends)], dim=-1)

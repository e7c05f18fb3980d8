"""What agents share whose values say what the reward is: r(s, a) = Q(s, a) - c - γ V(s').

c is the offset of rewards. After an end V is 0. With absorbing states it is that of a state s_a in
which the agent stays for ever: V(s_a) = (r_a + c) / (1 - γ), where the number r_a is learned with
the values, a step with reward r_a being added to a batch for every end in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from drail_ros.learn.agents.off_policy import OffPolicyAgent, OffPolicySettings
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.rewards.teacher import Teacher
from drail_ros.learn.transitions import Transitions


@dataclass(frozen=True)
class AlgorithmSettings(OffPolicySettings):
    """Settings that agents share which are algorithms of their own."""

    reward_model: ClassVar[str] = 'true_reward'
    """What pays them; most look at no reward."""


class ImpliedRewardAgent(OffPolicyAgent):
    """Base of such agents: they say what is done with these rewards."""

    def __init__(self, normaliser: RunningNormaliser, action_size: int,
                 settings: AlgorithmSettings, generator: torch.Generator) -> None:
        super().__init__(normaliser, action_size, settings, generator)
        self.absorbing_reward = nn.Parameter(torch.zeros(()))

    def following(self, value: Tensor, batch: Transitions, teacher: Teacher) -> Tensor:
        """V(s') ``[B]`` with what follows ends in its place."""
        if not teacher.absorbing:
            return value.masked_fill(batch.terminated, 0.0)
        end = (self.absorbing_reward + teacher.offset) / (1 - self.settings.discount)
        return torch.where(batch.terminated, end, value)

    def implied_reward(self, value: Tensor, following: Tensor, batch: Transitions,
                       teacher: Teacher) -> Tensor:
        """r of values ``[…, B]`` of steps and ``[B]`` of what follows, then r_a for each end."""
        reward = value - teacher.offset - self.settings.discount * following
        if not teacher.absorbing:
            return reward
        ends = int(batch.terminated.sum())
        return torch.cat([reward, self.absorbing_reward.expand(*reward.shape[:-1], ends)], dim=-1)

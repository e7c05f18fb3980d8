# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""From transitions to rewards: the reward model with its demonstrations, normalised alike."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from drail_ros.learn.nets.actors import Actor
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.rewards.reward_model import Metrics, RewardModel
from drail_ros.learn.rewards.terminations import absorbing_steps, marked, with_absorbing_steps
from drail_ros.learn.transitions import Transitions

_ESTIMATES = 64
"""Of the reward after an end: where it is drawn, 1 / (1 - γ) would blow up the noise of one."""


class Teacher:
    """Pays an agent for its transitions, given in units, ``expert`` being those to look like.

    Without a reward model it only shows them: nothing is learned and no reward can be asked for.
    ``terminations`` is one of ``terminations.TERMINATIONS``; ``offset`` is added to every reward,
    after scaling.
    """

    def __init__(self, expert: Transitions, reward_model: RewardModel | None,
                 normaliser: RunningNormaliser, actor: Actor, terminations: str = 'end',
                 offset: float = 0.0) -> None:
        self.reward_model, self.normaliser = reward_model, normaliser
        self.values_ends = terminations == 'absorbing'
        """Whether what follows an end has a value of its own, which is learned."""
        self._expert, self._actor, self._offset = expert, actor, offset
        self._statistics = normaliser
        if reward_model is not None and reward_model.needs_fixed_statistics:
            self._statistics = RunningNormaliser(expert.obs.shape[1]).to(expert.obs.device)
            self._statistics.update(expert.obs)

    @property
    def expert_obs(self) -> Tensor:
        """The expert's observations in units, ``[B, O]``."""
        return self._expert.obs

    def expert(self) -> Transitions:
        """Return the expert's transitions, normalised."""
        return self.normalised(self._expert)

    def normalised(self, rows: Transitions) -> Transitions:
        """Return rows as the agent sees them."""
        return _normalised(rows, self.normaliser)

    def learn(self, agent: Transitions) -> Metrics:
        """Let the reward model learn what sets the agent's transitions apart."""
        if self.reward_model is None:
            return {}
        expert, mine = self._as_judged(self._expert), self._as_judged(agent)
        if self.values_ends:
            expert, mine = with_absorbing_steps(expert), with_absorbing_steps(mine)
        return self.reward_model.update(expert, mine)

    def reward(self, rows: Transitions) -> Tensor:
        """Rewards r ``[B]`` by the reward model as it is now."""
        assert self.reward_model is not None, 'this agent named no reward model'
        return self.reward_model.reward(self._as_judged(rows))

    def paid(self, reward: Tensor, scale: float = 1.0) -> Tensor:
        """Return what an agent that scales rewards r gets for them: scale · r + offset."""
        return scale * reward + self._offset

    def reward_of(self, paid: Tensor) -> Tensor:
        """Rewards r for which so much is ``paid``, unscaled."""
        return paid - self._offset

    def value_of_staying(self, reward: Tensor, discount: float, scale: float = 1.0) -> Tensor:
        """Value of a state that is paid r for ever: (scale · r + offset) / (1 - γ)."""
        return self.paid(reward, scale) / (1 - discount)

    def terminal_value(self, discount: float, scale: float = 1.0) -> Tensor:
        """Value of what follows an end, to an agent that scales rewards so; 0-dimensional."""
        expert = self._expert
        if not self.values_ends:
            return expert.obs.new_zeros(())
        assert self.reward_model is not None, 'this agent named no reward model'
        steps = absorbing_steps(expert.obs.shape[1], expert.action.shape[1], _ESTIMATES,
                                expert.obs.device)
        return self.value_of_staying(self.reward_model.reward(steps).mean(), discount, scale)

    def _as_judged(self, rows: Transitions) -> Transitions:
        """Rows as the reward model sees them."""
        judged = _normalised(rows, self._statistics)
        if self.reward_model is not None and self.reward_model.needs_log_prob:
            with torch.no_grad():
                judged = replace(judged, log_prob=self._actor.log_prob(
                    self.normaliser(rows.obs), rows.action))
        return marked(judged) if self.values_ends else judged


def _normalised(rows: Transitions, statistics: RunningNormaliser) -> Transitions:
    return replace(rows, obs=statistics(rows.obs), next_obs=statistics(rows.next_obs))

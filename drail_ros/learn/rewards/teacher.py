"""From transitions to rewards: the reward model with its demonstrations, normalised alike."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from drail_ros.learn.nets.actors import Actor
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.rewards.reward_model import Metrics, RewardModel
from drail_ros.learn.rewards.terminations import absorbing, marked, with_absorbing
from drail_ros.learn.transitions import Transitions


class Teacher:
    """Pays an agent for its transitions, given in units, ``expert`` being those to look like.

    ``terminations`` is one of ``terminations.TERMINATIONS``; ``offset`` is for the agent to add
    to every reward, after scaling.
    """

    def __init__(self, expert: Transitions, reward_model: RewardModel,
                 normaliser: RunningNormaliser, actor: Actor, terminations: str = 'end',
                 offset: float = 0.0) -> None:
        self.reward_model, self.normaliser, self.offset = reward_model, normaliser, offset
        self.absorbing = terminations == 'absorbing'
        self._expert, self._actor = expert, actor
        self._statistics = normaliser
        if reward_model.needs_fixed_statistics:
            self._statistics = RunningNormaliser(expert.obs.shape[1]).to(expert.obs.device)
            self._statistics.update(expert.obs)

    def expert(self) -> Transitions:
        """Return the expert's transitions, normalised."""
        return self.normalised(self._expert)

    def normalised(self, batch: Transitions) -> Transitions:
        """Return a batch as the agent sees it."""
        return _normalised(batch, self.normaliser)

    def learn(self, agent: Transitions) -> Metrics:
        """Let the reward model learn what sets the agent's transitions apart."""
        expert, mine = self._as_seen(self._expert), self._as_seen(agent)
        if self.absorbing:
            expert, mine = with_absorbing(expert), with_absorbing(mine)
        return self.reward_model.update(expert, mine)

    def reward(self, batch: Transitions) -> Tensor:
        """Reward ``[B]`` by the reward model as it is now, without the offset."""
        return self.reward_model.reward(self._as_seen(batch))

    def terminal_value(self, discount: float, scale: float = 1.0) -> Tensor:
        """Value of what follows an end where rewards are scaled so and offset; 0-dimensional."""
        expert = self._expert
        if not self.absorbing:
            return expert.obs.new_zeros(())
        step = absorbing(expert.obs.shape[1], expert.action.shape[1], 1, expert.obs.device)
        return (scale * self.reward_model.reward(step)[0] + self.offset) / (1 - discount)

    def _as_seen(self, batch: Transitions) -> Transitions:
        seen = _normalised(batch, self._statistics)
        if self.reward_model.needs_log_prob:
            with torch.no_grad():
                seen = replace(seen, log_prob=self._actor.log_prob(self.normaliser(batch.obs),
                                                                   batch.action))
        return marked(seen) if self.absorbing else seen


def _normalised(batch: Transitions, statistics: RunningNormaliser) -> Transitions:
    return replace(batch, obs=statistics(batch.obs), next_obs=statistics(batch.next_obs))

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What off-policy agents share: the replay memory and the rhythm of acting and updating.

In each iteration the agent takes the T · N new steps into its memory and draws, in one go, the
rows of every update that is due. Reward model and agent both learn from these rows, the reward
model first, so that every update is paid by the reward model as it is now.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn, Tensor

from drail_ros.learn.agents.agent import Rollout
from drail_ros.learn.nets.actors import SquashedGaussianActor
from drail_ros.learn.rewards.teacher import Teacher
from drail_ros.learn.transitions import Transitions
from drail_ros.settings import setting, Settings


@dataclass(frozen=True)
class OffPolicySettings(Settings):
    """Settings that all off-policy agents share."""

    learning_rate: float = setting(3e-4, 'Adam step size of actor and critics', low=0.0)
    batch_size: int = setting(256, 'transitions per update', low=1)
    updates_per_step: float = setting(1.0, 'updates per environment step', low=0.0)
    replay_size: int = setting(1_000_000, 'latest transitions kept', low=1)
    random_steps: int = setting(5000, 'first steps, with uniformly random actions', low=0)
    steps_before_updates: int = setting(
        0, 'first steps without an update; 0 is those with random actions', low=0)
    discount: float = setting(0.99, 'discount γ', low=0.0, high=1.0)
    width: int = setting(256, 'hidden width of actor and critics', low=1)
    layers: int = setting(2, 'hidden layers of actor and critics', low=1)
    adam_momentum: float = setting(0.9, "Adam's β₁", low=0.0, high=0.999)

    run_defaults: ClassVar[Mapping[str, object]] = {
        'num_envs': 8, 'rollout_steps': 8, 'evaluate_every': 20_000, 'checkpoint_every': 50_000}
    """Settings of a run with such an agent, unless told otherwise."""


class Replay:
    """The latest ``size`` transitions; the memory grows as it fills."""

    def __init__(self, size: int) -> None:
        self.size, self.added = size, 0
        self._rows: dict[str, Tensor] = {}

    def __len__(self) -> int:
        return min(self.added, self.size)

    def add(self, rows: Transitions) -> None:
        """Take in transitions, over the oldest ones where it is full."""
        new = {'obs': rows.obs, 'action': rows.action, 'next_obs': rows.next_obs,
               'terminated': rows.terminated, 'reward': rows.reward}
        at = (self.added + torch.arange(len(rows), device=rows.obs.device)) % self.size
        self.added += len(rows)
        for name, tensor in new.items():
            held = self._rows.get(name, tensor[:0])
            if len(held) < len(self):
                capacity = min(self.size, max(2 * len(held), len(self)))
                held = torch.cat([held, held.new_zeros((capacity - len(held), *held.shape[1:]))])
            held[at] = tensor
            self._rows[name] = held

    def sample(self, count: int, generator: torch.Generator) -> Transitions:
        """Draw transitions uniformly, with replacement."""
        rows = torch.randint(len(self), (count,), generator=generator, device=generator.device)
        return Transitions.of(**{name: column[rows] for name, column in self._rows.items()})

    def state_dict(self) -> dict[str, Any]:
        """Return what is held."""
        return {'added': self.added, 'rows': {k: v[:len(self)] for k, v in self._rows.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Hold what was held."""
        self.added, self._rows = state['added'], dict(state['rows'])

    def to(self, device: torch.device) -> None:
        """Move what is held."""
        self._rows = {name: column.to(device) for name, column in self._rows.items()}


class OffPolicyAgent(nn.Module):
    """Base of off-policy agents: they say what one update is."""

    actor: SquashedGaussianActor

    def __init__(self, obs_size: int, action_size: int, settings: OffPolicySettings,
                 generator: torch.Generator) -> None:
        super().__init__()
        self.settings, self.generator = settings, generator
        self.action_size = action_size
        self.replay = Replay(settings.replay_size)
        self.actor = SquashedGaussianActor(obs_size, action_size, settings.width,
                                           settings.layers)
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        self._resting: set[str] = set()
        """Optimisers whose steps are left out."""
        self._due = 0.0
        self._drawn: Transitions | None = None

    def optimise(self, name: str, parameters: list[nn.Parameter], learning_rate: float) -> None:
        """Add an Adam optimiser, to be kept in checkpoints."""
        self.optimisers[name] = torch.optim.Adam(
            parameters, lr=learning_rate, betas=(self.settings.adam_momentum, 0.999), fused=True)

    def descend(self, name: str, loss: Tensor) -> None:
        """Take one step of an optimiser; only its own parameters get gradients."""
        if name in self._resting:
            return
        optimiser = self.optimisers[name]
        own = optimiser.param_groups[0]['params']
        optimiser.zero_grad()
        loss.backward(inputs=own)
        optimiser.step()

    def descend_together(self, losses: dict[str, Tensor]) -> None:
        """Take a step of several optimisers, all with gradients at the same point."""
        losses = {name: loss for name, loss in losses.items() if name not in self._resting}
        for name, loss in losses.items():
            own = self.optimisers[name].param_groups[0]['params']
            for parameter, gradient in zip(own, torch.autograd.grad(
                    loss, own, retain_graph=True, materialize_grads=True)):
                parameter.grad = gradient
        for name in losses:
            self.optimisers[name].step()

    def draw(self, rows: Transitions, count: int) -> Transitions:
        """Draw rows uniformly, with replacement."""
        return rows[torch.randint(len(rows), (count,), generator=self.generator,
                                  device=self.generator.device)]

    def get_extra_state(self) -> dict[str, Any]:
        """Put optimisers and memory into ``state_dict``."""
        return {'optimisers': {k: v.state_dict() for k, v in self.optimisers.items()},
                'replay': self.replay.state_dict(), 'due': self._due}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take optimisers and memory out of ``state_dict``."""
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state['optimisers'][name])
        self.replay.load_state_dict(state['replay'])
        self.replay.to(self.generator.device)
        self._due = state['due']

    @torch.no_grad()
    def act(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised observations ``[N, O]`` → actions ``[N, A]``, log-probs ``[N]``."""
        if self.replay.added >= self.settings.random_steps:
            return self.actor.sample(obs, self.generator)
        uniform = torch.rand((len(obs), self.action_size), generator=self.generator,
                             device=obs.device)
        return 2 * uniform - 1, self.actor.log_prob(obs, 2 * uniform - 1)

    def remember(self, rollout: Rollout, seen: Transitions) -> None:
        """Take the steps into the memory and draw what is learned from next."""
        transitions = rollout.transitions()
        self.replay.add(transitions)
        self._drawn = None
        idle = self.settings.steps_before_updates or self.settings.random_steps
        if self.replay.added > idle:
            self._due += len(transitions) * self.settings.updates_per_step
            if updates := int(self._due):
                self._due -= updates
                self._drawn = self.replay.sample(updates * self.settings.batch_size,
                                                 self.generator)

    def experience(self) -> Transitions:
        """Return the rows drawn; none while there is no update to make."""
        return self._drawn if self._drawn is not None else self.replay.sample(0, self.generator)

    def improve(self, teacher: Teacher, progress: float,
                actor_learns: bool = True) -> dict[str, float]:
        """Update once for each ``batch_size`` rows drawn."""
        if self._drawn is None:
            return {}
        self._resting = set() if actor_learns else {'actor', 'alpha'}
        return self.learn(self._drawn, teacher)

    @abstractmethod
    def learn(self, drawn: Transitions, teacher: Teacher) -> dict[str, float]:
        """Learn from rows in units, an update for each ``batch_size`` of them."""

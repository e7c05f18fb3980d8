# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""CFIL: coupled flows estimate the log-ratio of densities (Freund et al., ICML 2023, 2305.00303).

Two normalising flows p_ψ and q_φ, of the agent's and of the expert's x, make up the log-ratio
that attains the Donsker-Varadhan form of KL(d_π ‖ d_E), and are trained by it together:

    l(x) = σ(log p_ψ(x)) - σ(log q_φ(x)),   σ(y) = h tanh(y / w)
    max_{ψ, φ}  E_π [l] - log E_E [exp l]
    reward = -l

Maximum likelihood apart for each flow would fit two densities well and their ratio badly. σ keeps
densities of data on thin sets in bounds; so does uniform noise added to x in training, each
component's of a fixed share of its spread over the demonstrations.

As released, the log-ratio itself is squashed, l = σ(log p_ψ(x) - log q_φ(x)), the noise is a share
of each component's value, the likelihoods E_π [log p_ψ] + E_E [log q_φ] are climbed too, with
weight m, and the reward is h - l.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import math
from typing import ClassVar

import torch
from torch import Tensor

from drail_ros.learn.nets.flows import MaskedAutoregressiveFlow
from drail_ros.learn.rewards.reward_model import LearnedReward, Metrics, RewardSettings
from drail_ros.learn.transitions import paired_minibatches, some_of, Transitions
from drail_ros.settings import setting


@dataclass(frozen=True)
class CfilSettings(RewardSettings):
    """Settings of CFIL."""

    batch_size: int = setting(256, 'expert samples, and agent samples, per update', low=1)
    width: int = setting(128, 'hidden width of each block of a flow', low=1)
    layers: int = setting(2, 'hidden layers of each block of a flow', low=1)
    blocks: int = setting(2, 'autoregressive blocks of a flow', low=1)
    squash_height: float = setting(6.0, 'bound h of a squashed log density', low=1e-3)
    squash_width: float = setting(15.0, 'width w of the squashing', low=1e-3)
    squashed: str = setting('densities', 'what is squashed: both log densities, or their '
                            'difference', choices=('densities', 'ratio'))
    smoothing: float = setting(
        0.1, 'half-width of the uniform noise in training, as a share', low=0.0)
    smoothing_of: str = setting(
        'std', "of what the noise is a share: a component's std over the demonstrations, or its "
        'value', choices=('std', 'value'))
    likelihood_weight: float = setting(
        0.0, "weight m of the flows' likelihoods of their data", low=0.0)

    run_defaults: ClassVar[Mapping[str, object]] = {'agent': 'sac'}


class Cfil(LearnedReward):
    """Two masked autoregressive flows and their log-ratio."""

    settings: CfilSettings

    def __init__(self, obs_size: int, action_size: int, settings: CfilSettings,
                 generator: torch.Generator) -> None:
        super().__init__(obs_size, action_size, settings, generator)
        shape = self.input_size, settings.width, settings.layers, settings.blocks
        self.agent_flow = MaskedAutoregressiveFlow(*shape)
        self.expert_flow = MaskedAutoregressiveFlow(*shape)
        self.finish()

    def log_ratio(self, x: Tensor) -> Tensor:
        """l, high where the agent is, ``[B]``."""
        agent, expert = self.agent_flow.log_prob(x), self.expert_flow.log_prob(x)
        if self.settings.squashed == 'ratio':
            return self._squashed(agent - expert)
        return self._squashed(agent) - self._squashed(expert)

    @torch.no_grad()
    def reward(self, rows: Transitions) -> Tensor:
        """-l, ``[B]``."""
        return -self.log_ratio(self.seen(rows))

    def update(self, expert: Transitions, agent: Transitions) -> Metrics:
        """Climb the Donsker-Varadhan form on minibatches."""
        s = self.settings
        if not len(agent):
            return {}
        agent = some_of(agent, s.agent_rows, self.generator)
        std = self.seen(expert).std(dim=0)
        total, updates = torch.zeros((), device=self.generator.device), 0
        for real, fake in paired_minibatches(expert, agent, s.batch_size, s.epochs,
                                             self.generator):
            x = torch.cat([self.seen(real), self.seen(fake)])
            uniform = torch.rand(x.shape, generator=self.generator, device=x.device)
            half_width = s.smoothing * (std if s.smoothing_of == 'std' else x)
            x, sizes = x + half_width * (2 * uniform - 1), [len(real), len(fake)]
            bound = divergence_bound(*self.log_ratio(x).split(sizes))
            self.optimiser.zero_grad()
            (-bound - self._likelihood(*x.split(sizes))).backward()
            self.optimiser.step()
            total += bound.detach()
            updates += 1
        return {'discriminator/loss': -total.item() / updates}

    def _likelihood(self, expert: Tensor, agent: Tensor) -> Tensor | float:
        """m times the mean log density of ``[B, D]`` samples of each, under their own flows."""
        weight = self.settings.likelihood_weight
        if weight == 0:
            return 0.0
        return weight * (self.agent_flow.log_prob(agent).mean()
                         + self.expert_flow.log_prob(expert).mean())

    def _squashed(self, log_density: Tensor) -> Tensor:
        s = self.settings
        return s.squash_height * torch.tanh(log_density / s.squash_width)


def divergence_bound(expert: Tensor, agent: Tensor) -> Tensor:
    """E_π [l] - log E_E [exp l] of log-ratios ``[B]``, at most KL(d_π ‖ d_E)."""
    return agent.mean() - (torch.logsumexp(expert, 0) - math.log(len(expert)))


REWARD_MODEL = (Cfil, CfilSettings)

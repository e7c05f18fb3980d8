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
from drail_ros.learn.transitions import paired_minibatches, Transitions
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
    smoothing: float = setting(
        0.1, 'half-width of the uniform noise in training, as a share of the std', low=0.0)

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
        return (self._squashed(self.agent_flow.log_prob(x))
                - self._squashed(self.expert_flow.log_prob(x)))

    @torch.no_grad()
    def reward(self, rows: Transitions) -> Tensor:
        """-l, ``[B]``."""
        return -self.log_ratio(self.seen(rows))

    def update(self, expert: Transitions, agent: Transitions) -> Metrics:
        """Climb the Donsker-Varadhan form on minibatches."""
        s = self.settings
        if not len(agent):
            return {}
        half_width = s.smoothing * self.seen(expert).std(dim=0)
        total, updates = torch.zeros((), device=self.generator.device), 0
        for real, fake in paired_minibatches(expert, agent, s.batch_size, s.epochs,
                                             self.generator):
            x = torch.cat([self.seen(real), self.seen(fake)])
            uniform = torch.rand(x.shape, generator=self.generator, device=x.device)
            bound = divergence_bound(*self.log_ratio(
                x + half_width * (2 * uniform - 1)).split([len(real), len(fake)]))
            self.optimiser.zero_grad()
            (-bound).backward()
            self.optimiser.step()
            total += bound.detach()
            updates += 1
        return {'discriminator/loss': -total.item() / updates}

    def _squashed(self, log_density: Tensor) -> Tensor:
        s = self.settings
        return s.squash_height * torch.tanh(log_density / s.squash_width)


def divergence_bound(expert: Tensor, agent: Tensor) -> Tensor:
    """E_π [l] - log E_E [exp l] of log-ratios ``[B]``, at most KL(d_π ‖ d_E)."""
    return agent.mean() - (torch.logsumexp(expert, 0) - math.log(len(expert)))


REWARD_MODEL = (Cfil, CfilSettings)

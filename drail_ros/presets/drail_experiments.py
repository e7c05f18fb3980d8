# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What the experiments of Lai et al., DRAIL (NeurIPS 2024), have in common on all their tasks.

By their released configurations; the published preset builds on it on the tasks that are theirs.
"""

from __future__ import annotations

from collections.abc import Mapping

from drail_ros.presets.rule import Rule, When

PPO = Rule(When(agent='ppo', learned_reward=True, preset='published'), {
    'num_envs': 32, 'rollout_steps': 128, 'terminations': 'end', 'time_limits': 'end',
    'learner.learning_rate': 1e-4, 'learner.epochs': 10, 'learner.minibatches': 32,
    'learner.entropy_weight': 1e-3, 'learner.initial_std': 1.0, 'learner.final_std': 0.0,
    'learner.mean_gain': 1.0, 'learner.adam_epsilon': 1e-12, 'reward.batch_size': 128,
    'reward.epochs': 1})

DRAIL = Rule(When(algorithm='drail', agent='ppo', preset='published'), {
    'reward.width': 1024, 'reward.training_shared_noise': False,
    'reward.reward_shared_noise': False, 'reward.reward_draws': 1})

RIVALS = {'reward.width': 64, 'reward.layers': 5}
"""Discriminator of GAIL and WAIL, and so of GAIL with a penalty."""


def step_sizes(algorithm: str, of_level: Mapping[float, float]) -> tuple[Rule, ...]:
    """Return the rules for step sizes of a discriminator that depend on the noise level."""
    return tuple(Rule(When(algorithm=algorithm, agent='ppo', preset='published',
                           noise_level=level), {'reward.learning_rate': step_size})
                 for level, step_size in of_level.items())

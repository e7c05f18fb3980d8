# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Settings on sine; the published ones are those of Lai et al., DRAIL (NeurIPS 2024)."""

from __future__ import annotations

from drail_ros.presets.drail_experiments import DRAIL, PPO
from drail_ros.presets.rule import Rule, When

RULES = (
    # States in units, as published: x_t's noise then blurs them by less than an interval.
    Rule(When(), {
        'total_steps': 131_072, 'fast_matmul': False, 'normalise_observations': False}),
    Rule(When(agent='ppo', preset='default'), {
        'learner.epochs': 10, 'learner.width': 64, 'learner.learning_rate': 1e-6}),
    Rule(When(algorithm='drail', preset='default'), {
        'reward.width': 128, 'reward.label_size': 1}),
    Rule(When(algorithm='gail', preset='default'), {'reward.width': 128}),

    # Ten passes: with so small a step the agent acts much the same from one iteration to the next.
    Rule(When(algorithm='drail', agent='ppo', preset='default'), {
        'reward.epochs': 10, 'reward.training_draws': 8}),
    Rule(When(algorithm='gail', agent='ppo', preset='default'), {'reward.epochs': 10}),

    PPO,
    Rule(When(agent='ppo', learned_reward=True, preset='published'), {
        'total_steps': 5_000_000, 'learner.width': 64, 'learner.learning_rate': 1e-6}),
    DRAIL,
    Rule(When(algorithm='drail', agent='ppo', preset='published'), {
        'reward.learning_rate': 1e-3, 'reward.width': 128, 'reward.label_size': 1}),
)

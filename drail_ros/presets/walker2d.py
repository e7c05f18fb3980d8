# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Settings on walker2d; the published ones with PPO are those of Lai et al., DRAIL (NeurIPS 2024).

So are those from demonstrations alone. docs/published.md says in what they still differ from what
was run.
"""

from __future__ import annotations

from drail_ros.presets.drail_experiments import DRAIL, PPO, RIVALS
from drail_ros.presets.locomotion import LOCOMOTION
from drail_ros.presets.rule import Rule, When

DIFFAIL = {'reward.penalty_weight': 0.001}

FROM_STATES = {**RIVALS, 'reward.inputs': 'state'}

RULES = (
    *LOCOMOTION,
    Rule(When(algorithm='diffail', preset='default'), DIFFAIL),
    Rule(When(algorithm='diffail', agent='sac', preset='published'), {
        **DIFFAIL, 'total_steps': 760_000}),

    PPO,
    Rule(When(agent='ppo', learned_reward=True, preset='published'), {
        'total_steps': 25_000_000, 'demonstrations': 5, 'reward_offset': 20.0}),
    DRAIL,
    Rule(When(algorithm='drail', agent='ppo', preset='published'), {
        'reward.learning_rate': 1e-4}),
    Rule(When(algorithm='diffail', agent='ppo', preset='published'), {
        'reward.learning_rate': 1e-4}),
    Rule(When(algorithm='gail', agent='ppo', preset='published'), {
        **FROM_STATES, 'reward.learning_rate': 5e-7}),
    Rule(When(algorithm='gail_gp', agent='ppo', preset='published'), {
        **FROM_STATES, 'reward.penalised': 'state'}),
    Rule(When(algorithm='wail', agent='ppo', preset='published'), {
        **FROM_STATES, 'reward.learning_rate': 8e-7, 'reward.regularisation': 0.01}),

    # From all demonstrations; from fewer the passes rose in proportion.
    Rule(When(algorithm='bc', preset='published'), {
        'demonstrations': 5, 'learner.learning_rate': 1e-4, 'learner.epochs': 1000,
        'learner.width': 256, 'learner.layers': 2}),
    Rule(When(algorithm='diffusion_policy', preset='published'), {
        'demonstrations': 5, 'learner.learning_rate': 1e-4, 'learner.epochs': 10_000,
        'learner.width': 1024, 'learner.layers': 6}),
)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Settings on point_reach: with them every method learns it in seconds."""

from __future__ import annotations

from drail_ros.presets.rule import Rule, When

RULES = (
    Rule(When(), {'evaluation_episodes': 100, 'fast_matmul': False}),

    Rule(When(agent='ppo'), {
        'total_steps': 40_000, 'num_envs': 16, 'rollout_steps': 64, 'evaluate_every': 8192,
        'checkpoint_every': 8192}),
    Rule(When(agent='ppo', preset='default'), {
        'learner.width': 64, 'learner.minibatches': 8, 'learner.learning_rate': 1e-3,
        'learner.entropy_weight': 0.0, 'learner.initial_std': 0.5, 'learner.final_std': 0.1,
        'learner.std_steps': 40_000,
        'reward.epochs': 4, 'reward.learning_rate': 1e-3, 'reward.batch_size': 64}),

    Rule(When(off_policy=True), {
        'total_steps': 5_000, 'evaluate_every': 1000, 'checkpoint_every': 2000}),
    Rule(When(off_policy=True, preset='default'), {
        'learner.width': 64, 'learner.batch_size': 128, 'learner.learning_rate': 1e-3,
        'learner.random_steps': 500, 'reward.learning_rate': 1e-3, 'reward.batch_size': 128}),

    Rule(When(algorithm='drail', agent='ppo'), {'total_steps': 80_000}),
    Rule(When(algorithm='drail', preset='default'), {'reward.width': 128}),
    Rule(When(algorithm='drail', agent='ppo', preset='default'), {
        'reward.epochs': 8, 'reward.batch_size': 128, 'reward.label_size': 1}),
    Rule(When(algorithm='drail', off_policy=True, preset='default'), {'reward.reward_draws': 1}),

    Rule(When(algorithm='drail_un', agent='ppo'), {'total_steps': 60_000}),
    Rule(When(algorithm='drail_un', preset='default'), {'reward.width': 128}),

    Rule(When(algorithm='gail', preset='default'), {'reward.width': 64}),
    Rule(When(algorithm='gail_gp', preset='default'), {'reward.width': 64}),
    Rule(When(algorithm='wail', preset='default'), {'reward.width': 64}),

    Rule(When(algorithm='dac'), {'total_steps': 8_000}),
    Rule(When(algorithm='dac', preset='default'), {'reward.width': 64}),

    Rule(When(algorithm='airl', preset='default'), {'reward.width': 64}),
    Rule(When(algorithm='airl', agent='ppo', preset='default'), {'learner.final_std': 0.0}),

    Rule(When(algorithm='cfil'), {'terminations': 'ignore'}),
    Rule(When(algorithm='cfil', preset='default'), {'reward.width': 64}),

    Rule(When(algorithm='smiling'), {'terminations': 'absorbing', 'total_steps': 10_000}),
    Rule(When(algorithm='smiling', preset='default'), {
        'reward.batch_size': 1024, 'reward.learning_rate': 5e-3,
        'reward.expert_updates': 1000}),

    Rule(When(algorithm='iq_learn', preset='default'), {'learner.actor_learning_rate': 3e-4}),

    Rule(When(algorithm='value_dice'), {'total_steps': 8_000}),
    Rule(When(algorithm='value_dice', preset='default'), {'learner.actor_learning_rate': 1e-4}),

    Rule(When(algorithm='bc', preset='default'), {
        'learner.learning_rate': 1e-3, 'learner.learning_rate_decay': True}),

    Rule(When(algorithm='dbc', preset='default'), {
        'learner.diffusion_width': 64, 'learner.learning_rate': 1e-3,
        'learner.learning_rate_decay': True}),

    Rule(When(algorithm='diffusion_policy', preset='default'), {
        'learner.width': 32, 'learner.learning_rate': 1e-3, 'learner.epochs': 100}),
)

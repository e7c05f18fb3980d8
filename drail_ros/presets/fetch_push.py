# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Settings on fetch_push; the published ones are those of Lai et al., DRAIL (NeurIPS 2024)."""

from __future__ import annotations

from drail_ros.presets.rule import Rule, When

RULES = (
    Rule(When(), {'total_steps': 500_000}),

    Rule(When(agent='ppo', preset='default'), {
        'rollout_steps': 64, 'learner.minibatches': 8, 'learner.learning_rate': 5e-4,
        'learner.entropy_weight': 0.0, 'learner.initial_std': 0.5, 'learner.final_std': 0.05}),
    Rule(When(agent='ppo', preset='published'), {
        'total_steps': 5_000_000, 'rollout_steps': 128, 'learner.minibatches': 32,
        'learner.learning_rate': 1e-4, 'learner.entropy_weight': 1e-3,
        'learner.initial_std': 1.0, 'learner.final_std': 0.0}),

    Rule(When(off_policy=True), {'total_steps': 50_000, 'evaluate_every': 10_000}),
    Rule(When(off_policy=True, preset='default'), {
        'learner.width': 128, 'learner.batch_size': 128, 'learner.updates_per_step': 0.5,
        'reward.batch_size': 128}),

    Rule(When(algorithm='drail', preset='default'), {'reward.width': 256}),
    Rule(When(algorithm='drail', agent='ppo', preset='default'), {'reward.epochs': 4}),
    Rule(When(algorithm='drail', off_policy=True, preset='default'), {'reward.reward_draws': 1}),
    Rule(When(algorithm='drail', agent='ppo', preset='published'), {
        'reward.width': 1024, 'reward.training_shared_noise': False,
        'reward.reward_shared_noise': False, 'reward.reward_draws': 1}),

    Rule(When(algorithm='drail_un', agent='ppo', preset='default'), {
        'reward.width': 256, 'reward.epochs': 4}),

    # Success ends an episode: rewards that only pay learn less where that is ignored.
    Rule(When(algorithm='diffail', preset='default'), {'terminations': 'absorbing'}),
    Rule(When(algorithm='diffail', agent='ppo', preset='default'), {
        'reward.learning_rate': 1e-3, 'reward.epochs': 4}),
    Rule(When(algorithm='diffail', off_policy=True, preset='default'), {
        'reward.learning_rate': 3e-4}),
    Rule(When(algorithm='diffail', preset='published'), {'terminations': 'ignore'}),
    Rule(When(algorithm='diffail', agent='ppo', preset='published'), {
        'reward.learning_rate': 1e-4}),

    Rule(When(algorithm='gail', agent='ppo', preset='default'), {
        'reward.learning_rate': 1e-4, 'reward.epochs': 4}),
    Rule(When(algorithm='gail', agent='ppo', preset='published'), {
        'learner.learning_rate': 2e-4, 'reward.learning_rate': 8e-6}),

    Rule(When(algorithm='gail_gp', agent='ppo', preset='default'), {
        'reward.learning_rate': 1e-4, 'reward.epochs': 4}),

    Rule(When(algorithm='wail', agent='ppo', preset='default'), {
        'reward.learning_rate': 8e-5, 'reward.epochs': 4}),
    Rule(When(algorithm='wail', agent='ppo', preset='published'), {'reward.learning_rate': 8e-5}),

    Rule(When(algorithm='airl', agent='ppo', preset='default'), {
        'learner.final_std': 0.0, 'reward.epochs': 4}),

    Rule(When(algorithm='smiling'), {'terminations': 'absorbing'}),
    Rule(When(algorithm='smiling', preset='default'), {'reward.batch_size': 1024}),

    Rule(When(algorithm='iq_learn', preset='default'), {'learner.actor_learning_rate': 3e-4}),

    Rule(When(algorithm='value_dice', preset='default'), {'learner.actor_learning_rate': 1e-4}),

    Rule(When(algorithm='bc', preset='default'), {
        'learner.learning_rate': 1e-3, 'learner.learning_rate_decay': True,
        'learner.epochs': 100}),

    Rule(When(algorithm='dbc', preset='default'), {
        'learner.learning_rate': 1e-3, 'learner.learning_rate_decay': True}),

    Rule(When(algorithm='diffusion_policy', preset='default'), {'learner.learning_rate': 3e-4}),
)

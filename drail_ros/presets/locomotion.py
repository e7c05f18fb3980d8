# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Settings that the planar robots share; the file of each robot builds on them.

The published ones are those of the released code of each method, on Hopper and HalfCheetah;
docs/published.md says in what they still differ from what was run.
"""

from __future__ import annotations

from drail_ros.presets.rule import Rule, When

LOCOMOTION = (
    # Four episodes of an expert that runs to the horizon of 1000 steps.
    Rule(When(), {'demonstrations': 4, 'evaluation_episodes': 10}),
    Rule(When(algorithm='true_reward'), {'demonstrations': 0}),

    # Experts never fall: whoever does must be able to learn what that is worth.
    Rule(When(learned_reward=True, preset='default'), {'terminations': 'absorbing'}),

    Rule(When(off_policy=True, preset='default'), {
        'total_steps': 100_000, 'evaluate_every': 10_000, 'learner.updates_per_step': 0.5}),
    Rule(When(off_policy=True, preset='published'), {
        'total_steps': 1_000_000, 'evaluate_every': 10_000}),

    Rule(When(algorithm='drail', off_policy=True, preset='default'), {
        'reward.width': 256, 'reward.reward_draws': 1}),

    Rule(When(algorithm='diffail', off_policy=True), {'learner.reward_scale': 2.0}),
    # 8 environments: updates follow each 1000 steps, as many of discriminator and agent.
    Rule(When(algorithm='diffail', agent='sac', preset='published'), {
        'rollout_steps': 125, 'learner.adam_momentum': 0.25, 'learner.target_entropy': 0.5}),

    Rule(When(algorithm='smiling', agent='sac', preset='published'), {
        'learner.learning_rate': 1e-4, 'learner.batch_size': 1024, 'learner.width': 1024,
        'learner.initial_temperature': 0.1, 'reward.expert_updates': 20_000,
        'reward.reward_draws': 500,
        # A hundred a step; published: 100,000 after each 1001 steps.
        'reward.agent_rows': 6400}),

    Rule(When(algorithm='dac', agent='sac', preset='published'), {
        'learner.learning_rate': 1e-3, 'learner.batch_size': 100, 'reward.batch_size': 100,
        'reward.reward_form': 'logit', 'reward.cross_entropies': 'sum'}),

    Rule(When(algorithm='cfil', agent='sac', preset='published'), {
        'total_steps': 320_000, 'rollout_steps': 125,
        'learner.learning_rate': 1e-3, 'learner.learn_temperature': False,
        'learner.initial_temperature': 0.2, 'learner.batch_size': 100,
        'learner.random_steps': 2000,
        # Ten updates in 1000 steps; the offset makes the reward 6 - 6 tanh(x / 15).
        'reward.batch_size': 100, 'reward.agent_rows': 1000, 'reward_offset': 6.0,
        'reward.width': 256, 'reward.blocks': 1, 'reward.squashed': 'ratio',
        'reward.smoothing': 0.5, 'reward.smoothing_of': 'value',
        'reward.likelihood_weight': 1.0}),

    Rule(When(algorithm='opolo', preset='published'), {
        'rollout_steps': 125, 'learner.batch_size': 100, 'learner.random_steps': 10_000,
        'learner.cloning_weight': 0.1, 'reward.batch_size': 100,
        'reward.penalty_weight': 10.0}),

    Rule(When(algorithm='iq_learn', preset='default'), {'learner.value_term': 'first'}),
    Rule(When(algorithm='iq_learn', preset='published'), {
        'learner.critics': 1, 'learner.random_steps': 0,
        'learner.steps_before_updates': 1280}),

    Rule(When(algorithm='value_dice', preset='default'), {
        'learner.actor_learning_rate': 1e-4, 'learner.updates_per_step': 2.0}),
    Rule(When(algorithm='value_dice', preset='published'), {
        'total_steps': 100_000, 'terminations': 'absorbing', 'learner.updates_per_step': 5.0,
        'learner.random_steps': 2000, 'learner.steps_before_updates': 1000}),
)

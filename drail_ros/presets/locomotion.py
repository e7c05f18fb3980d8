# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Settings that the planar robots share; the file of each robot builds on them."""

from __future__ import annotations

from drail_ros.presets.rule import Rule, When

LOCOMOTION = (
    # Four episodes of an expert that runs to the horizon of 1000 steps.
    Rule(When(), {'demonstrations': 4, 'evaluation_episodes': 10}),
    Rule(When(algorithm='true_reward'), {'demonstrations': 0}),

    # Experts never fall: whoever does must be able to learn what that is worth.
    Rule(When(learned_reward=True), {'terminations': 'absorbing'}),

    Rule(When(off_policy=True, preset='default'), {
        'total_steps': 100_000, 'evaluate_every': 10_000, 'learner.updates_per_step': 0.5}),
    Rule(When(off_policy=True, preset='published'), {
        'total_steps': 1_000_000, 'evaluate_every': 10_000}),

    Rule(When(algorithm='drail', off_policy=True, preset='default'), {
        'reward.width': 256, 'reward.reward_draws': 1}),

    Rule(When(algorithm='diffail', off_policy=True), {'learner.reward_scale': 2.0}),
    Rule(When(algorithm='diffail', preset='published'), {'terminations': 'ignore'}),

    Rule(When(algorithm='iq_learn', preset='default'), {'learner.value_term': 'first'}),

    Rule(When(algorithm='value_dice', preset='default'), {
        'learner.actor_learning_rate': 1e-4, 'learner.updates_per_step': 2.0}),
)

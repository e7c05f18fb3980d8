# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Settings on fetch_push; the published ones are those of Lai et al., DRAIL (NeurIPS 2024).

docs/published.md says in what they still differ from what was run.
"""

from __future__ import annotations

from drail_ros.presets.drail_experiments import DRAIL, PPO, RIVALS, step_sizes
from drail_ros.presets.rule import Rule, When

RULES = (
    Rule(When(), {'total_steps': 500_000}),

    Rule(When(agent='ppo', preset='default'), {
        'rollout_steps': 64, 'learner.minibatches': 8, 'learner.learning_rate': 2e-4,
        'learner.entropy_weight': 0.0, 'learner.initial_std': 0.4, 'learner.final_std': 0.05,
        'learner.std_steps': 300_000}),
    # Success ends an episode: without the value of what follows it, lingering is paid better. And
    # where drawn actions are judged, their mean lags behind: it comes to rest against the block
    # where noise still pushes on. So what is judged is what an action does, [s, s'].
    Rule(When(agent='ppo', learned_reward=True, preset='default'), {
        'total_steps': 300_000, 'warm_start': 3000, 'terminations': 'absorbing',
        'reward.inputs': 'state_pair'}),
    PPO,
    Rule(When(agent='ppo', learned_reward=True, preset='published'), {
        'total_steps': 5_000_000, 'learner.judged_actions': 'drawn'}),

    Rule(When(off_policy=True), {'total_steps': 50_000, 'evaluate_every': 10_000}),
    Rule(When(off_policy=True, preset='default'), {
        'learner.width': 128, 'learner.batch_size': 128, 'learner.updates_per_step': 0.5,
        'reward.batch_size': 128}),

    Rule(When(algorithm='drail', preset='default'), {'reward.width': 256}),
    Rule(When(algorithm='drail', agent='ppo', preset='default'), {'reward.epochs': 4}),
    Rule(When(algorithm='drail', off_policy=True, preset='default'), {'reward.reward_draws': 1}),
    DRAIL,
    Rule(When(algorithm='drail', agent='ppo', preset='published'), {
        'reward.learning_rate': 1e-3}),

    Rule(When(algorithm='drail_un', agent='ppo', preset='default'), {
        'reward.width': 256, 'reward.epochs': 4}),
    Rule(When(algorithm='drail_un', agent='ppo', preset='published'), {'reward.width': 1024}),
    *step_sizes('drail_un', {1.0: 1e-4, 1.25: 1e-4, 1.5: 1e-4, 1.75: 2e-4, 2.0: 5e-4}),

    # Success ends an episode: rewards that only pay learn less where that is ignored.
    Rule(When(algorithm='diffail', preset='default'), {'terminations': 'absorbing'}),
    Rule(When(algorithm='diffail', agent='ppo', preset='default'), {
        'reward.learning_rate': 1e-3, 'reward.epochs': 4}),
    Rule(When(algorithm='diffail', off_policy=True, preset='default'), {
        'reward.learning_rate': 3e-4}),
    Rule(When(algorithm='diffail', agent='ppo', preset='published'), {
        'reward.learning_rate': 1e-4}),

    Rule(When(algorithm='gail', agent='ppo', preset='default'), {
        'reward.learning_rate': 1e-4, 'reward.epochs': 4}),
    Rule(When(algorithm='gail', agent='ppo', preset='published'), RIVALS),
    *step_sizes('gail', {1.0: 1e-4, 1.25: 1e-4, 1.5: 8e-6, 1.75: 5e-6, 2.0: 2e-6}),

    Rule(When(algorithm='gail_gp', agent='ppo', preset='default'), {
        'reward.learning_rate': 1e-4, 'reward.epochs': 4}),
    Rule(When(algorithm='gail_gp', agent='ppo', preset='published'), {
        **RIVALS, 'reward.penalised': 'state'}),

    Rule(When(algorithm='wail', agent='ppo', preset='default'), {
        'reward.learning_rate': 8e-5, 'reward.epochs': 4}),
    Rule(When(algorithm='wail', agent='ppo', preset='published'), {
        **RIVALS, 'reward.regularisation': 0.01}),
    *step_sizes('wail', {1.0: 1e-4, 1.25: 1e-4, 1.5: 8e-5, 1.75: 1e-4, 2.0: 1e-4}),

    Rule(When(algorithm='airl', agent='ppo', preset='default'), {
        'learner.final_std': 0.0, 'reward.epochs': 4, 'reward.inputs': 'state'}),

    Rule(When(algorithm='smiling', preset='default'), {
        'terminations': 'absorbing', 'reward.batch_size': 1024}),

    Rule(When(algorithm='iq_learn', preset='default'), {'learner.actor_learning_rate': 3e-4}),

    Rule(When(algorithm='value_dice', preset='default'), {'learner.actor_learning_rate': 1e-4}),

    Rule(When(algorithm='bc', preset='default'), {
        'learner.learning_rate': 1e-3, 'learner.learning_rate_decay': True,
        'learner.epochs': 100}),
    # From all demonstrations; from fewer the passes rose in proportion.
    Rule(When(algorithm='bc', preset='published'), {
        'learner.learning_rate': 2e-4, 'learner.epochs': 1000, 'learner.width': 256,
        'learner.layers': 2}),

    Rule(When(algorithm='dbc', preset='default'), {
        'learner.learning_rate': 1e-3, 'learner.learning_rate_decay': True}),

    Rule(When(algorithm='diffusion_policy', preset='default'), {'learner.learning_rate': 3e-4}),
    Rule(When(algorithm='diffusion_policy', preset='published'), {
        'learner.learning_rate': 1e-4, 'learner.epochs': 15_000, 'learner.width': 1200,
        'learner.layers': 4}),
    Rule(When(algorithm='diffusion_policy', preset='published', noise_level=2.0), {
        'learner.epochs': 10_000}),
)

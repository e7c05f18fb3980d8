# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The published presets, value by value, with where each was published.

Literals, taken from nowhere in the package: a rule that changes by mistake is seen here. What the
sources do and the package does not is listed in docs/published.md.
"""

from __future__ import annotations

from typing import Any

import pytest

from drail_ros import settings
from drail_ros.learn.train.settings import make_run_settings

LAI = 'Lai et al., DRAIL, 2024'
"""By the released configurations; the same of step sizes in the paper's appendix."""
WANG = 'Wang et al., DiffAIL, 2024'
WU = 'Wu et al., SMILING, 2024'
KOSTRIKOV = 'Kostrikov et al., DAC, 2019'
KOSTRIKOV_DICE = 'Kostrikov et al., ValueDICE, 2020'
GARG = 'Garg et al., IQ-Learn, 2021'
FREUND = 'Freund et al., CFIL, 2023'
ZHU = 'Zhu et al., OPOLO, 2020'

PPO = {
    'agent': 'ppo', 'num_envs': 32, 'rollout_steps': 128, 'terminations': 'end',
    'time_limits': 'end', 'learner.learning_rate': 1e-4, 'learner.learning_rate_decay': True,
    'learner.epochs': 10, 'learner.minibatches': 32, 'learner.discount': 0.99,
    'learner.trace': 0.95, 'learner.clip': 0.2, 'learner.value_weight': 0.5,
    'learner.entropy_weight': 1e-3, 'learner.max_gradient_norm': 0.5,
    'learner.initial_std': 1.0, 'learner.final_std': 0.0, 'learner.width': 256,
    'learner.layers': 2, 'learner.normalise_reward': True, 'learner.mean_gain': 1.0,
    'learner.adam_epsilon': 1e-12, 'reward.epochs': 1, 'reward.batch_size': 128,
    'reward.agent_rows': 0, 'warm_start': 0}
ON_PUSH = {**PPO, 'total_steps': 5_000_000, 'demonstrations': 0, 'reward_offset': 0.0,
           'learner.judged_actions': 'drawn', 'reward.inputs': 'state_action'}
ON_WALKER = {**PPO, 'total_steps': 25_000_000, 'demonstrations': 5, 'reward_offset': 20.0,
             'learner.judged_actions': 'executed'}
DRAIL = {'reward.width': 1024, 'reward.layers': 3, 'reward.training_shared_noise': False,
         'reward.reward_shared_noise': False, 'reward.reward_draws': 1,
         'reward.training_draws': 1, 'reward.label_size': 10, 'reward.diffusion_steps': 1000,
         'reward.inputs': 'state_action'}
RIVAL = {'reward.width': 64, 'reward.layers': 5}
WAIL = {**RIVAL, 'reward.regularisation': 0.01, 'reward.one_sided': False}
FROM_STATES = {'reward.inputs': 'state'}
CLONING = {'learner.loss': 'mse', 'learner.width': 256, 'learner.layers': 2,
           'learner.batch_size': 128, 'learner.learning_rate_decay': True,
           'learner.epochs': 1000}
SINGLE_ACTION = {'learner.net': 'mlp', 'learner.horizon': 1, 'learner.history': 1,
                 'learner.chunk': 1, 'learner.diffusion_steps': 1000,
                 'learner.inference_steps': 1000, 'learner.learning_rate': 1e-4}

SAC = {'agent': 'sac', 'num_envs': 8, 'learner.width': 256, 'learner.layers': 2,
       'learner.updates_per_step': 1.0, 'learner.discount': 0.99, 'learner.target_share': 0.005,
       'time_limits': 'bootstrap', 'evaluate_every': 10_000, 'evaluation_episodes': 10,
       'demonstrations': 4, 'warm_start': 0}
DIFFAIL = {**SAC, 'rollout_steps': 125, 'terminations': 'ignore', 'learner.random_steps': 5000,
           'learner.steps_before_updates': 0, 'learner.learning_rate': 3e-4,
           'learner.adam_momentum': 0.25, 'learner.batch_size': 256,
           'learner.reward_scale': 2.0, 'learner.learn_temperature': True,
           'learner.initial_temperature': 0.2, 'learner.target_entropy': 0.5,
           'learner.replay_size': 1_000_000, 'reward.learning_rate': 3e-5,
           'reward.batch_size': 256, 'reward.layers': 3, 'reward.diffusion_steps': 10,
           'reward.epochs': 1, 'reward.reward_form': 'paper'}
SMILING = {**SAC, 'learner.width': 1024, 'learner.batch_size': 1024,
           'learner.learning_rate': 1e-4, 'learner.random_steps': 5000,
           'learner.initial_temperature': 0.1, 'learner.target_entropy': 1.0,
           'learner.learn_temperature': True, 'reward.learning_rate': 5e-3,
           'reward.batch_size': 1024, 'reward.width': 256, 'reward.layers': 1,
           'reward.expert_updates': 20_000, 'reward.reward_draws': 500,
           'reward.diffusion_steps': 5000, 'reward.reward_std': 0.1, 'reward.inputs': 'state',
           'rollout_steps': 8, 'reward.agent_rows': 6400}
DAC = {**SAC, 'total_steps': 1_000_000, 'terminations': 'absorbing', 'learner.batch_size': 100,
       'learner.learning_rate': 1e-3, 'reward.batch_size': 100, 'reward.width': 256,
       'reward.layers': 2, 'reward.reward_form': 'logit', 'reward.cross_entropies': 'sum',
       'reward.penalty_weight': 10.0}
IQ_LEARN = {'agent': 'iq_learn', 'terminations': 'end', 'time_limits': 'bootstrap',
            'learner.critics': 1, 'learner.width': 256, 'learner.layers': 2,
            'learner.actor_learning_rate': 3e-5, 'learner.learning_rate': 3e-4,
            'learner.temperature': 0.01, 'learner.regularisation': 0.5,
            'learner.regularise_agent': True, 'learner.target_share': 0.005,
            'learner.batch_size': 256, 'learner.updates_per_step': 1.0,
            'learner.random_steps': 0, 'learner.steps_before_updates': 1280}
VALUE_DICE = {'agent': 'value_dice', 'total_steps': 100_000, 'terminations': 'absorbing',
              'time_limits': 'bootstrap', 'learner.updates_per_step': 5.0,
              'learner.learning_rate': 1e-3, 'learner.actor_learning_rate': 1e-5,
              'learner.replay_weight': 0.1, 'learner.penalty_weight': 10.0,
              'learner.orthogonal_weight': 1e-4, 'learner.random_steps': 2000,
              'learner.steps_before_updates': 1000, 'learner.batch_size': 256}
CFIL = {**SAC, 'total_steps': 320_000, 'rollout_steps': 125, 'terminations': 'end',
        'learner.learning_rate': 1e-3, 'learner.learn_temperature': False,
        'learner.initial_temperature': 0.2, 'learner.batch_size': 100,
        'learner.random_steps': 2000, 'reward.blocks': 1, 'reward.width': 256,
        'reward.layers': 2, 'reward.learning_rate': 1e-3, 'reward.batch_size': 100,
        'reward.agent_rows': 1000, 'reward.squashed': 'ratio', 'reward.squash_height': 6.0,
        'reward.squash_width': 15.0, 'reward_offset': 6.0, 'reward.likelihood_weight': 1.0,
        'reward.smoothing': 0.5, 'reward.smoothing_of': 'value'}
OPOLO = {'agent': 'opolo', 'total_steps': 1_000_000, 'rollout_steps': 125, 'num_envs': 8,
         'learner.batch_size': 100, 'learner.random_steps': 10_000,
         'learner.updates_per_step': 1.0, 'reward.inputs': 'state_pair',
         'reward.penalty_weight': 10.0, 'reward.batch_size': 100}


def published(source: str, task: str, algorithm: str, values: dict[str, Any],
              **chosen: Any) -> Any:
    """Return a test of one run; ``chosen`` is what makes it up beside task and algorithm."""
    names = ', '.join(map(str, [task, algorithm, *chosen.values()]))
    return pytest.param({'task': task, 'algorithm': algorithm, **chosen}, values,
                        id=f'{source}: {names}')


def by_level(algorithm: str, values: dict[str, Any], step_sizes: dict[float, float]) -> list[Any]:
    return [published(LAI, 'fetch_push', algorithm,
                      {**ON_PUSH, **values, 'reward.learning_rate': step_size}, noise=noise)
            for noise, step_size in step_sizes.items()]


@pytest.mark.parametrize(('chosen', 'values'), [
    *by_level('drail', DRAIL, {1.0: 1e-3, 1.25: 1e-3, 1.5: 1e-3, 1.75: 1e-3, 2.0: 1e-3}),
    *by_level('gail', RIVAL, {1.0: 1e-4, 1.25: 1e-4, 1.5: 8e-6, 1.75: 5e-6, 2.0: 2e-6}),
    *by_level('wail', WAIL, {1.0: 1e-4, 1.25: 1e-4, 1.5: 8e-5, 1.75: 1e-4, 2.0: 1e-4}),
    *by_level('drail_un', {'reward.width': 1024, 'reward.layers': 3},
              {1.0: 1e-4, 1.25: 1e-4, 1.5: 1e-4, 1.75: 2e-4, 2.0: 5e-4}),
    published(LAI, 'fetch_push', 'gail_gp', {**ON_PUSH, **RIVAL, 'reward.penalty_weight': 1.0,
                                             'reward.penalised': 'state'}),
    published(LAI, 'fetch_push', 'diffail', {**ON_PUSH, 'reward.learning_rate': 1e-4},
              agent='ppo'),
    *(published(LAI, 'fetch_push', 'bc', {**CLONING, 'learner.learning_rate': 2e-4}, noise=noise)
      for noise in (1.0, 2.0)),
    *(published(LAI, 'fetch_push', 'diffusion_policy', {
        **SINGLE_ACTION, 'learner.width': 1200, 'learner.layers': 4,
        'learner.epochs': epochs}, noise=noise)
      for noise, epochs in ((1.0, 15_000), (1.5, 15_000), (1.75, 15_000), (2.0, 10_000))),

    published(LAI, 'walker2d', 'drail', {**ON_WALKER, **DRAIL, 'reward.learning_rate': 1e-4}),
    published(LAI, 'walker2d', 'gail', {**ON_WALKER, **RIVAL, **FROM_STATES,
                                        'reward.learning_rate': 5e-7}),
    published(LAI, 'walker2d', 'wail', {**ON_WALKER, **WAIL, **FROM_STATES,
                                        'reward.learning_rate': 8e-7}),
    published(LAI, 'walker2d', 'gail_gp', {**ON_WALKER, **RIVAL, **FROM_STATES,
                                           'reward.penalised': 'state'}),
    published(LAI, 'walker2d', 'diffail', {**ON_WALKER, 'reward.learning_rate': 1e-4},
              agent='ppo'),
    published(LAI, 'walker2d', 'bc', {**CLONING, 'demonstrations': 5,
                                      'learner.learning_rate': 1e-4}),
    published(LAI, 'walker2d', 'diffusion_policy', {
        **SINGLE_ACTION, 'demonstrations': 5, 'learner.width': 1024, 'learner.layers': 6,
        'learner.epochs': 10_000}),
    published(LAI, 'sine', 'drail', {
        **PPO, **DRAIL, 'total_steps': 5_000_000, 'learner.learning_rate': 1e-6,
        'learner.width': 64, 'reward.learning_rate': 1e-3, 'reward.width': 128,
        'reward.label_size': 1}),

    published(WANG, 'hopper', 'diffail', {
        **DIFFAIL, 'total_steps': 760_000, 'reward.width': 256, 'reward.penalty_weight': 0.0}),
    published(WANG, 'half_cheetah', 'diffail', {
        **DIFFAIL, 'total_steps': 510_000, 'reward.width': 128, 'reward.penalty_weight': 0.1}),
    published(WANG, 'walker2d', 'diffail', {
        **DIFFAIL, 'total_steps': 760_000, 'reward.width': 128, 'reward.penalty_weight': 1e-3}),
    published(WU, 'hopper', 'smiling', SMILING),
    *(published(KOSTRIKOV, task, 'dac', DAC) for task in ('hopper', 'half_cheetah')),
    published(GARG, 'hopper', 'iq_learn', {**IQ_LEARN, 'learner.value_term': 'first'}),
    published(GARG, 'half_cheetah', 'iq_learn', {**IQ_LEARN, 'learner.value_term': 'value'}),
    *(published(KOSTRIKOV_DICE, task, 'value_dice', VALUE_DICE)
      for task in ('hopper', 'half_cheetah')),
    *(published(FREUND, task, 'cfil', CFIL) for task in ('hopper', 'half_cheetah')),
    published(ZHU, 'hopper', 'opolo', {**OPOLO, 'learner.learning_rate': 1e-4,
                                       'learner.cloning_weight': 0.01}),
    published(ZHU, 'half_cheetah', 'opolo', {**OPOLO, 'learner.learning_rate': 3e-4,
                                             'learner.cloning_weight': 0.1}),
])
def test_the_published_values(chosen: dict[str, Any], values: dict[str, Any]) -> None:
    found = settings.values(make_run_settings({'preset': 'published', **chosen}))
    assert {name: found[name] for name in values} == values


@pytest.mark.parametrize('task', ['fetch_push', 'hopper', 'half_cheetah', 'walker2d', 'sine'])
@pytest.mark.parametrize('algorithm', ['drail', 'gail_gp', 'dac', 'cfil', 'iq_learn'])
def test_what_only_was_published_is_in_no_default(task: str, algorithm: str) -> None:
    found = settings.values(make_run_settings({'task': task, 'algorithm': algorithm}))
    ours = {'time_limits': 'bootstrap', 'learner.mean_gain': 0.01, 'learner.adam_epsilon': 1e-5,
            'learner.judged_actions': 'executed', 'learner.adam_momentum': 0.9,
            'learner.target_entropy': 1.0, 'learner.steps_before_updates': 0,
            'learner.critics': 2, 'reward.agent_rows': 0, 'reward.penalised': 'all',
            'reward.cross_entropies': 'mean', 'reward.squashed': 'densities',
            'reward.smoothing_of': 'std', 'reward.likelihood_weight': 0.0}
    assert {name: found[name] for name in ours.keys() & found.keys()} == {
        name: ours[name] for name in ours.keys() & found.keys()}

"""Settings of a run: what tasks, algorithms, agents and presets choose, and what they refuse."""

from __future__ import annotations

import pytest

from drail_ros import plugins, settings
from drail_ros.errors import UserError
from drail_ros.learn.train.names import PRESETS, agents, algorithms
from drail_ros.learn.train.settings import make_run_settings

TASKS = plugins.names(plugins.TASKS)
RUNS = [{'algorithm': name} for name in algorithms()] + [
    {'algorithm': name, 'agent': agent} for name in plugins.names(plugins.REWARDS)
    for agent in agents()]


@pytest.mark.parametrize('task', TASKS)
@pytest.mark.parametrize('preset', PRESETS)
def test_every_combination_has_settings(task: str, preset: str) -> None:
    for chosen in RUNS:
        run = make_run_settings({'task': task, 'preset': preset, **chosen})
        assert run.task == task


@pytest.mark.parametrize('task', TASKS)
def test_a_task_names_only_settings_that_some_run_has(task: str) -> None:
    words = {*algorithms(), *agents(), *PRESETS, '*', 'off_policy', 'learned_reward'}
    known = {name for chosen in RUNS
             for name in settings.specs(make_run_settings({'task': task, **chosen}))}
    for key, own in plugins.load(plugins.TASKS, task).training.items():
        assert set(key.split()) <= words, key
        assert own.keys() <= known, key


def test_the_special_comes_after_the_general() -> None:
    def epochs(**chosen: str) -> object:
        return settings.values(make_run_settings(chosen))['reward.epochs']

    assert epochs(algorithm='drail') == 4
    assert epochs(algorithm='drail', agent='sac') == 1
    assert epochs(algorithm='drail', preset='published') == 1


def test_the_published_preset_leaves_a_tasks_tuning_out() -> None:
    def said(algorithm: str, preset: str) -> tuple[object, object]:
        chosen = settings.values(make_run_settings({'algorithm': algorithm, 'preset': preset}))
        return chosen['learner.learning_rate'], chosen.get('total_steps')

    assert said('bc', 'default')[0] != said('bc', 'published')[0]
    _, defaults = plugins.load(plugins.OFFLINE, 'bc')
    assert said('bc', 'published')[0] == defaults().learning_rate
    assert said('gail', 'published') == (2e-4, 5_000_000)


def test_an_algorithm_brings_its_agent() -> None:
    found = {name: settings.values(make_run_settings({'algorithm': name}))['agent']
             for name in ('drail', 'dac', 'iq_learn')}
    assert found == {'drail': 'ppo', 'dac': 'sac', 'iq_learn': 'iq_learn'}


@pytest.mark.parametrize(('chosen', 'message'), [
    pytest.param({'algorithm': 'iq_learn', 'agent': 'ppo'}, 'is its own agent', id='own agent'),
    pytest.param({'algorithm': 'gail', 'agent': 'sacc'}, 'did you mean sac', id='agent'),
    pytest.param({'algorithm': 'true_reward', 'terminations': 'absorbing'},
                 'no reward of an absorbing', id='no learned reward'),
    pytest.param({'algorithm': 'gail', 'terminations': 'absorbing', 'learner.discount': 1.0},
                 'without a discount', id='discount'),
    pytest.param({'task': 'hopper', 'stop_at_success': 0.9}, 'has no success to stop at',
                 id='no success'),
])
def test_what_does_not_go_together_is_refused(chosen: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_run_settings(chosen)

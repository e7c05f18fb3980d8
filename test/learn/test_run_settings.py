# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Settings of a run: what tasks, algorithms, agents and presets choose, and what they refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
import json
from pathlib import Path

import pytest

from drail_ros import plugins, settings
from drail_ros.errors import UserError
from drail_ros.learn.agents.off_policy import OffPolicySettings
from drail_ros.learn.rewards.reward_model import RewardSettings
from drail_ros.learn.train.folder import RunFolder
from drail_ros.learn.train.names import agents, algorithms, CHOSEN_FIRST, PRESETS
from drail_ros.learn.train.settings import (
    make_run_settings,
    needs_demonstrations,
    OnlineSettings,
    plugins_of,
    resolve,
    RunSettings,
)
from drail_ros.presets import fetch_push as fetch_push_presets
from drail_ros.presets import sine as sine_presets
from drail_ros.presets.rule import Chosen, Rule, When

TASKS = plugins.names(plugins.TASKS)
RUNS = [{'algorithm': name} for name in algorithms()] + [
    {'algorithm': name, 'agent': agent} for name in plugins.names(plugins.REWARDS)
    for agent in agents()]


def chosen_by(run: RunSettings) -> Chosen:
    return Chosen(run.algorithm, getattr(run, 'agent', ''), run.preset,
                  isinstance(run.learner, OffPolicySettings),
                  isinstance(getattr(run, 'reward', None), RewardSettings), noise_level=1.0)


@pytest.fixture(scope='module')
def runs() -> list[tuple[Chosen, set[str]]]:
    """Return what can be chosen, with the names of the settings it has."""
    made = [make_run_settings({'task': 'sine', 'preset': preset, **chosen})
            for preset in PRESETS for chosen in RUNS]
    return [(chosen_by(run), set(settings.specs(run))) for run in made]


@pytest.mark.parametrize('task', TASKS)
@pytest.mark.parametrize('preset', PRESETS)
def test_every_combination_has_settings(task: str, preset: str) -> None:
    for chosen in RUNS:
        resolved = resolve({'test': {'task': task, 'preset': preset, **chosen}})
        assert resolved.settings.task == task
        assert resolved.origins.keys() == settings.values(resolved.settings).keys()


@pytest.mark.parametrize('task', plugins.names(plugins.RULES))
def test_rules_are_of_a_task_fit_something_and_name_what_it_has(
        task: str, runs: list[tuple[Chosen, set[str]]]) -> None:
    levels = plugins.load(plugins.TASKS, task).noise_levels
    for rule in plugins.load(plugins.RULES, task):
        fitting = [known for chosen, known in runs for level in levels
                   if rule.when.fits(replace(chosen, noise_level=level))]
        assert fitting, f'{rule.when} never fits'
        assert rule.settings, f'{rule.when} says nothing'
        assert not rule.settings.keys() & {*CHOSEN_FIRST}, f'{rule.when} comes too late'
        for name in rule.settings:
            has = [name in known for known in fitting]
            assert all(has) if rule.when.algorithm else any(has), f'{rule.when}: {name}'


@pytest.mark.parametrize(('wrong', 'told'), [
    pytest.param(Rule(When(algorithm='drial'), {'seed': 1}), 'never fits', id='algorithm'),
    pytest.param(Rule(When(agent='ppo', off_policy=True), {'seed': 1}), 'never fits',
                 id='together'),
    pytest.param(Rule(When(algorithm='gail'), {'reward.wdth': 1}), 'reward.wdth', id='setting'),
    pytest.param(Rule(When(algorithm='bc'), {'total_steps': 1}), 'total_steps', id='of others'),
    pytest.param(Rule(When(noise_level=1.5), {'seed': 1}), 'never fits', id='level'),
    pytest.param(Rule(When(), {'noise': 2.0}), 'comes too late', id='chosen first'),
])
def test_the_contract_of_rules_sees(wrong: Rule, told: str, monkeypatch: pytest.MonkeyPatch,
                                    runs: list[tuple[Chosen, set[str]]]) -> None:
    monkeypatch.setattr(sine_presets, 'RULES', (wrong,))
    with pytest.raises(AssertionError, match=told):
        test_rules_are_of_a_task_fit_something_and_name_what_it_has('sine', runs)


def test_the_rule_written_later_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    special = Rule(When(algorithm='gail', agent='ppo'), {'seed': 1, 'num_envs': 3})
    general = Rule(When(), {'seed': 2})
    for rules, seed in (((special, general), 2), ((general, special), 1)):
        monkeypatch.setattr(sine_presets, 'RULES', rules)
        run = make_run_settings({'task': 'sine', 'algorithm': 'gail'})
        assert (run.seed, run.num_envs) == (seed, 3)
        assert make_run_settings({'task': 'sine', 'algorithm': 'bc'}).seed == 2


def test_every_condition_counts() -> None:
    chosen = Chosen('drail', 'sac', 'default', off_policy=True, learned_reward=True,
                    noise_level=1.5)
    both = When(algorithm='drail', agent='sac', preset='default', off_policy=True,
                learned_reward=True, noise_level=1.5)
    assert When().fits(chosen) and both.fits(chosen)
    for wrong in ({'algorithm': 'gail'}, {'agent': 'ppo'}, {'preset': 'published'},
                  {'off_policy': False}, {'learned_reward': False}, {'noise_level': 2.0}):
        assert not replace(both, **wrong).fits(chosen)
    assert str(When()) == 'always'
    assert str(When(agent='ppo', off_policy=False)) == 'agent ppo, not off_policy'
    assert str(When(off_policy=True, noise_level=1.0)) == 'off_policy, noise_level 1.0'


@pytest.mark.parametrize(('noise', 'level'), [
    (0.0, 1.5), (1.0, 1.0), (1.125, 1.0), (1.13, 1.25), (1.37, 1.25), (1.6, 1.5), (2.0, 2.0)])
def test_rules_are_of_the_nearest_noise_level(noise: float, level: float, tmp_path: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_push_presets, 'RULES', tuple(
        Rule(When(noise_level=of), {'seed': round(100 * of)}) for of in (1, 1.25, 1.5, 1.75, 2)))
    file = tmp_path / 'mine.yaml'
    file.write_text(f'noise: {noise}')
    for resolved in (resolve({'test': {'noise': str(noise)}}), resolve({}, file),
                     resolve({'test': {'noise': noise}}, tmp_path / 'mine.yaml')):
        assert resolved.settings.seed == 100 * level
        assert resolved.settings.noise == (noise or 1.5)
        assert resolved.origins['seed'] == f'presets/fetch_push.py, noise_level {level:g}'


def test_a_task_without_presets_has_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    names = plugins.names
    monkeypatch.setattr(plugins, 'names', lambda kind: [] if kind is plugins.RULES
                        else names(kind))
    run = make_run_settings({'task': 'sine', 'algorithm': 'gail'})
    assert isinstance(run, OnlineSettings) and run.total_steps == OnlineSettings().total_steps


def test_the_published_preset_leaves_a_tasks_tuning_out() -> None:
    said = {preset: settings.values(make_run_settings({'algorithm': 'dbc', 'preset': preset}))
            for preset in PRESETS}
    _, defaults = plugins.load(plugins.OFFLINE, 'dbc')
    assert said['published']['learner.learning_rate'] == defaults().learning_rate
    assert said['default']['learner.learning_rate'] != defaults().learning_rate


def test_an_algorithm_brings_its_agent() -> None:
    found = {name: settings.values(make_run_settings({'algorithm': name}))['agent']
             for name in ('drail', 'dac', 'iq_learn')}
    assert found == {'drail': 'ppo', 'dac': 'sac', 'iq_learn': 'iq_learn'}


def test_an_algorithm_may_have_no_reward_model() -> None:
    for name, has_one in (('iq_learn', False), ('value_dice', False), ('opolo', True)):
        run = make_run_settings({'algorithm': name})
        assert isinstance(run, OnlineSettings) and needs_demonstrations(run)
        assert (plugins_of(run)[1] is not None) == has_one
        assert any(n.startswith('reward.') for n in settings.values(run)) == has_one


@pytest.mark.parametrize(('chosen', 'message'), [
    pytest.param({'algorithm': 'iq_learn', 'agent': 'ppo'}, 'is its own agent', id='own agent'),
    pytest.param({'algorithm': 'gail', 'agent': 'sacc'}, 'did you mean sac', id='agent'),
    pytest.param({'algorithm': 'true_reward', 'terminations': 'absorbing'},
                 'no reward of an absorbing', id='no learned reward'),
    pytest.param({'algorithm': 'gail', 'terminations': 'absorbing', 'learner.discount': 1.0},
                 'without a discount', id='discount'),
    pytest.param({'algorithm': 'gail', 'terminations': 'absorbing', 'time_limits': 'end'},
                 'leads into no absorbing', id='time limit'),
    pytest.param({'task': 'hopper', 'stop_at_success': 0.9}, 'has no success to stop at',
                 id='no success'),
])
def test_what_does_not_go_together_is_refused(chosen: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_run_settings(chosen)


@pytest.mark.parametrize(('name', 'origin'), [
    ('learner.width', 'default of SacSettings'),
    ('device', 'default of OnlineSettings'),
    ('agent', 'run_defaults of dac'),
    ('num_envs', 'run_defaults of sac'),
    ('total_steps', 'presets/fetch_push.py, off_policy'),
    ('learner.batch_size', 'presets/fetch_push.py, preset default, off_policy'),
    ('noise', 'task fetch_push'),
    ('seed', 'launch file'),
    ('output_dir', 'task, algorithm, agent and seed'),
    ('learner.layers', 'command line'),
])
def test_every_value_says_where_it_comes_from(name: str, origin: str, tmp_path: Path) -> None:
    file = tmp_path / 'mine.yaml'
    file.write_text('algorithm: dac\nlearner.width: 256\nlearner.layers: 4\n')
    resolved = resolve({'launch file': {'seed': '7', 'learner.layers': 5},
                        'command line': {'learner.layers': '6'}}, file)
    expected = str(file) if name == 'learner.width' else origin
    assert resolved.origins[name] == expected
    assert settings.values(resolved.settings)['learner.layers'] == 6
    line, = (row for row in str(resolved).splitlines() if row.split()[0] == name)
    assert line.endswith(f'  {expected}')
    assert repr(settings.values(resolved.settings)[name]) in line


@pytest.mark.parametrize('text', [
    'algorithm: gail\nreward.width: 8\nreward.learning_rate: 1e-3\nseed: 3\n',
    'algorithm: gail\nreward: {width: 8, learning_rate: 1.0e-3}\nseed: 3.0\n',
    'algorithm: gail\nreward:\n  width: "8"\nreward.learning_rate: 0.001\nseed: 3\n',
    '{"algorithm": "gail", "reward.width": 8, "reward": {"learning_rate": 1e-3}, "seed": 3}',
])
def test_a_file_holds_an_experiment(text: str, tmp_path: Path) -> None:
    file = tmp_path / ('e.json' if text[0] == '{' else 'e.yaml')
    file.write_text(text)
    assert resolve({}, file).settings == make_run_settings(
        {'algorithm': 'gail', 'reward.width': 8, 'reward.learning_rate': 1e-3, 'seed': 3})
    assert resolve({'command line': {'seed': '4'}}, file).settings.seed == 4


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / 'e.yaml'
    file.write_text('# nothing yet\n')
    assert resolve({}, file).settings == make_run_settings({})


@pytest.mark.parametrize('chosen', [{'algorithm': 'diffail', 'agent': 'ppo', 'seed': 3},
                                    {'algorithm': 'opolo', 'reward.width': 32},
                                    {'algorithm': 'value_dice', 'preset': 'published'},
                                    {'algorithm': 'diffusion_policy', 'noise': 2.0}])
def test_a_run_can_be_had_again_from_its_record(chosen: Mapping[str, object],
                                                tmp_path: Path) -> None:
    run = make_run_settings({**chosen, 'output_dir': str(tmp_path / 'run'), 'resume': 'auto'})
    RunFolder(run, '')
    for given in (tmp_path / 'run', tmp_path / 'run' / 'run.json'):
        again = resolve({}, given).settings
        assert again == replace(run, resume='false')
        elsewhere = resolve({'x': {'output_dir': 'there'}}, given).settings
        assert elsewhere == replace(run, resume='false', output_dir='there')


@pytest.mark.parametrize(('content', 'told'), [
    pytest.param(b'reward.wdth: 8', ['reward.wdth', 'did you mean reward.width'], id='unknown'),
    pytest.param(b'rewrd: {width: 8}', ["'rewrd.width'"], id='unknown group'),
    pytest.param(b'reward.width: eight', ['reward.width', "'eight'", 'int'], id='type'),
    pytest.param(b'seed: [1, 2]', ["'seed'", '[1, 2]', 'int'], id='list'),
    pytest.param(b'demo_path:', ["'demo_path'", 'None', 'str'], id='nothing'),
    pytest.param(b'output_dir: yes', ["'output_dir'", 'True', 'str'], id='bool for text'),
    pytest.param(b'learner.discount: 2', ['learner.discount', 'out of range'], id='range'),
    pytest.param(b'learner.learning_rate: .inf', ['learning_rate', 'not finite'], id='inf'),
    pytest.param(b'learner.learning_rate: .nan', ['learning_rate', 'not finite'], id='nan'),
    pytest.param(b'preset: publishd', ['preset', 'did you mean published'], id='choice'),
    pytest.param(b'algorithm: gial', ['gial', 'did you mean gail'], id='algorithm'),
    pytest.param(b'task: sinus', ['sinus', 'did you mean sine'], id='task'),
    pytest.param(b'agent: pppo', ['pppo', 'did you mean ppo'], id='agent'),
    pytest.param(b'seed: 1\nseed: 2', ["'seed' is given twice"], id='twice'),
    pytest.param(b'reward.width: 8\nreward: {width: 9}', ["'reward.width' is given twice", '8, 9'],
                 id='twice, nested'),
    pytest.param(b'a: &a {b: *a}', ['reference *a'], id='holds itself'),
    pytest.param(b'3: 4', ['no name', '3'], id='no name'),
    pytest.param(b'- seed', ['holds no settings', "['seed']"], id='no mapping'),
    pytest.param(b'seed: {', ['cannot be read'], id='broken'),
    pytest.param(b'\x00\xff\xfe\x93', ['cannot be read'], id='binary'),
    pytest.param(b'a: ' + b'[' * 10_000, ['cannot be read'], id='deep'),
])
def test_what_is_wrong_with_a_file_is_told(content: bytes, told: list[str],
                                           tmp_path: Path) -> None:
    file = tmp_path / 'mine.yaml'
    file.write_bytes(content)
    with pytest.raises(UserError) as caught:
        resolve({}, file)
    for part in [str(file), *told]:
        assert part in str(caught.value)


@pytest.mark.parametrize(('name', 'content', 'told'), [
    ('x.yaml', None, 'does not exist'),
    ('x.json', None, 'does not exist'),
    ('x.json', '{"seed": ', 'cannot be read'),
    ('run.json', '[1]', 'holds no settings'),
])
def test_a_file_that_is_no_such_file_is_told(name: str, content: str | None, told: str,
                                             tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=told):
        resolve({}, tmp_path / name)


@pytest.mark.parametrize('content', [None, '[]', '{}', '{"settings": {}}', '{"settings": 3, '
                                     '"demonstrations": "", "versions": {}}'])
def test_a_folder_without_a_record_is_no_run(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / 'run.json').write_text(content)
    with pytest.raises(UserError, match=r'run\.json'):
        resolve({}, tmp_path)
    if content is not None:
        with pytest.raises(UserError, match='is no record of a run'):
            RunFolder(make_run_settings({'output_dir': str(tmp_path), 'resume': 'auto'}), '')


def test_the_record_is_what_json_makes_of_the_settings(tmp_path: Path) -> None:
    run = make_run_settings({'output_dir': str(tmp_path)})
    RunFolder(run, 'abc')
    record = json.loads((tmp_path / 'run.json').read_text())
    assert record['settings'] == settings.values(run) and record['demonstrations'] == 'abc'

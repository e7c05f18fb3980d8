# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""What a comparison trains: each setting varied on its own, and nothing twice."""

from __future__ import annotations

from pathlib import Path
import shlex
from typing import Any

import pytest

from drail_ros import cli, compare
from drail_ros.compare import Comparison, Variant
from drail_ros.compare.trials import Case, is_factor, multiplied
from drail_ros.errors import UserError
from drail_ros.settings import Spec, values

OUTPUT = Path('somewhere')


def comparison(*algorithms: str, task: str = 'fetch_push', seeds: tuple[int, ...] = (0,),
               **more: Any) -> Comparison:
    return Comparison(task, algorithms, seeds, OUTPUT, **more)


def names(cases: list[Case]) -> list[str]:
    return [case.measurement.name for case in cases]


def test_settings_are_varied_one_at_a_time() -> None:
    what = comparison('drail', vary={'noise': ['1', '2'], 'demonstrations': ['100', '10']})
    assert names(what.cases()) == ['drail_noise=1_0', 'drail_noise=2_0',
                                   'drail_demonstrations=100_0', 'drail_demonstrations=10_0']
    found = [(trial.settings.noise, trial.settings.demonstrations) for trial in what.trials()]
    assert found == [(1.0, 0), (2.0, 0), (1.5, 100), (1.5, 10)]


def test_what_is_common_is_trained_once_and_keeps_its_name() -> None:
    what = comparison('drail', seeds=(0, 1), vary={
        'noise': ['1.50', '2'], 'demonstrations': ['333', '82'],
        'learner.learning_rate': ['x1', 'x2', 'x2']})
    assert names(what.cases())[:6] == [
        'drail_0', 'drail_noise=2_0', 'drail_0', 'drail_demonstrations=82_0', 'drail_0',
        'drail_learner.learning_rate=x2_0']
    assert len(what.trials()) == 2 * 4
    assert {trial.name for trial in comparison('drail').trials()} == {'drail_0'}
    assert what.cases()[0].value == '1.50', 'as it was written'


def test_a_folder_of_demonstrations_need_not_hold_as_many_as_the_expert_records() -> None:
    what = comparison('drail', common={'demo_path': 'mine'}, vary={'demonstrations': [0, 333]})
    assert [trial.name for trial in what.trials()] == ['drail_0', 'drail_demonstrations=333_0']


def test_factors_multiply_what_each_algorithm_has() -> None:
    what = comparison('drail', 'gail', vary={'reward.learning_rate': ['x0.2', 'x5']},
                      special={'gail': {'reward.learning_rate': 3e-3}})
    drail = values(comparison('drail').trials()[0].settings)['reward.learning_rate']
    found = {case.label + case.value: values(case.measurement.trial.settings)[
        'reward.learning_rate'] for case in what.cases()}
    assert found == {'drailx0.2': pytest.approx(0.2 * drail), 'drailx5': pytest.approx(5 * drail),
                     'gailx0.2': 0.0006, 'gailx5': 0.015}


@pytest.mark.parametrize(('factor', 'kind', 'now', 'product'), [
    pytest.param('x0.2', float, 3e-4, 6e-5, id='no stray digits'),
    pytest.param('x.5', int, 33, 16, id='to the nearest integer'),
    pytest.param('x1e1', int, 4, 40, id='exponent'),
    pytest.param('x2', str, 'tanh', 'x2', id='text is text'),
])
def test_a_product(factor: str, kind: type, now: Any, product: object) -> None:
    found = multiplied(factor, Spec('a', kind, now, ''))
    assert found == product and isinstance(found, kind)


@pytest.mark.parametrize(('value', 'expected'), [
    ('x2', True), ('x0.5', True), ('x', False), ('2', False), ('x2y', False), ('x-1', False)])
def test_factors_are_told_from_values(value: str, expected: bool) -> None:
    assert is_factor(value) is expected


def test_methods_that_do_not_see_the_noise_are_trained_once_and_judged_at_each() -> None:
    what = comparison('drail', 'bc', vary={'noise': ['1', '1.5', '2']})
    cases = [case for case in what.cases() if case.label == 'bc']
    assert {case.measurement.trial.name for case in cases} == {'bc_0'}
    assert [case.measurement.noise for case in cases] == [1.0, 1.5, 2.0]
    assert names(cases) == ['bc_noise=1_0', 'bc_0', 'bc_noise=2_0']
    assert [trial.settings.noise for trial in what.trials()] == [1.0, 1.5, 1.5, 2.0], (
        'at the unvaried noise')
    at_2, = comparison('bc', common={'noise': 2}).cases()
    assert at_2.measurement.noise == at_2.measurement.trial.settings.noise == 2.0


def test_who_does_not_have_a_setting_is_the_same_at_each_value() -> None:
    cases = comparison('drail', 'bc', vary={'reward.width': ['64', '32']}).cases()
    assert names(cases) == ['drail_reward.width=64_0', 'bc_0', 'drail_reward.width=32_0', 'bc_0']


def test_an_agent_can_be_varied_where_there_is_a_choice() -> None:
    what = comparison('gail', 'iq_learn', 'bc', task='hopper', vary={'agent': ['ppo', 'sac']},
                      common={'learner.minibatches': '2'})
    found = {trial.name: values(trial.settings) for trial in what.trials()}
    assert {name: run.get('agent') for name, run in found.items()} == {
        'gail_0': 'ppo', 'gail_agent=sac_0': 'sac', 'iq_learn_0': 'iq_learn', 'bc_0': None}
    assert found['gail_0']['learner.minibatches'] == 2
    assert 'learner.minibatches' not in found['gail_agent=sac_0']


def test_variants_are_algorithms_with_settings_of_their_own() -> None:
    what = comparison('drail', variants={
        'drail, one draw': Variant('drail', {'reward.reward_draws': '1'}),
        'the same': Variant('drail', {'reward.reward_draws': '1'})},
        special={'drail': {'reward.width': 64}}, vary={'noise': [1]})
    assert [case.label for case in what.cases()] == ['drail', 'drail, one draw', 'the same']
    drail, one_draw = what.trials()
    assert one_draw.name == 'drail_one_draw_noise=1_0'
    assert one_draw.folder == OUTPUT / 'runs' / 'drail_one_draw_noise=1_0'
    assert [values(trial.settings)['reward.reward_draws'] for trial in (drail, one_draw)] == [8, 1]
    assert values(one_draw.settings)['reward.width'] == 64


def test_settings_reach_the_trials_that_have_them() -> None:
    what = comparison('gail', 'iq_learn', 'bc', task='half_cheetah', seeds=(3, 3), common={
        'agent': 'sac', 'learner.batch_size': '64', 'total_steps': '1000'},
        special={'bc': {'learner.batch_size': '32'}})
    gail, iq_learn, bc = what.trials()
    assert [values(trial.settings)['learner.batch_size'] for trial in (gail, iq_learn, bc)] == [
        64, 64, 32]
    assert values(gail.settings)['agent'] == 'sac' and 'agent' not in bc.given
    assert values(iq_learn.settings)['total_steps'] == 1000 and bc.settings.seed == 3


@pytest.mark.parametrize(('wrong', 'told'), [
    pytest.param({'vary': {'noise': ['1', 'x2']}}, 'do not go together', id='mixed'),
    pytest.param({'vary': {'noise': []}}, 'none', id='no values'),
    pytest.param({'vary': {'noise': ['7']}}, 'noise level', id='out of range'),
    pytest.param({'vary': {'no_such': ['7']}}, 'no_such', id='unknown'),
    pytest.param({'vary': {'no_such': ['x7']}}, 'no_such', id='unknown factor'),
    pytest.param({'vary': {'seed': ['7']}}, "'seed' cannot be set", id='own'),
    pytest.param({'vary': {'demonstrations': ['x0.5']}}, 'no number to multiply', id='of 0'),
    pytest.param({'variants': {'bc': Variant('bc')}}, "'bc' is called like", id='label twice'),
    pytest.param({'variants': {'a': Variant('bcc')}}, 'did you mean bc', id='no algorithm'),
    pytest.param({'variants': {'a': Variant('bc', {'noises': 1})}}, 'noises', id='no setting'),
    pytest.param({'variants': {'bc?': Variant('bc', {'learner.epochs': 1}),
                               'bc!': Variant('bc', {'learner.epochs': 2})}},
                 "kept as 'bc__0'", id='one file'),
])
def test_wrong_comparisons_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told.replace('?', '[?]')):
        comparison('bc', **wrong).cases()


def test_something_has_to_be_compared() -> None:
    with pytest.raises(UserError, match='nothing to compare'):
        comparison().cases()


def test_the_command_told_is_the_command_given(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Comparison] = []
    monkeypatch.setattr(compare, 'compare', lambda what, say: asked.append(what) or 0)
    monkeypatch.setattr(compare, 'redraw', lambda what, say: 7)
    given = shlex.split(
        "drail compare --task fetch_push --algorithms drail gail --variant 'gail, few=gail:"
        "reward.width=8,demonstrations=9' --vary noise=1,2 --vary learner.learning_rate=x1,x2 "
        '--seeds 3 4 --episodes 9 --jobs 2 --output out --reference published.csv '
        '--set noise=1.5 gail:reward.epochs=7')
    assert cli.main(given[1:]) == 0
    assert shlex.split(asked[0].command()) == given
    assert cli.main([*given[1:], '--redraw']) == 7 and len(asked) == 1


def test_what_is_not_given_is_as_the_help_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Comparison] = []
    monkeypatch.setattr(compare, 'compare', lambda what, say: asked.append(what) or 0)
    assert cli.main(['compare', '--algorithms', 'bc']) == 0
    what, = asked
    assert (what.episodes, what.jobs, [*what.seeds]) == (300, 1, [0, 1, 2])
    assert what.output == Path('comparisons/fetch_push')
    assert Comparison('fetch_push', ['bc'], [0], OUTPUT).episodes == 300

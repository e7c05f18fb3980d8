# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Result files: all of a trial in a few kilobytes, refused where they are of something else."""

from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path
from typing import Any

import pytest

from drail_ros import settings
from drail_ros.compare import Comparison
from drail_ros.compare.result import Curve, Episodes, Final, Result
from drail_ros.compare.trials import Measurement
from drail_ros.episodes.evaluate import Evaluation
from drail_ros.errors import UserError

ROWS = [{'step': 65_536 * (i + 1), 'train/seconds': 12.3456789 * (i + 1),
         'reward/loss': 0.5, **({} if i % 2 else {
             'evaluation/success_rate': i / 7, 'evaluation_sampled/success_rate': i / 9})}
        for i in range(151)]
FINAL = Final(step=ROWS[-1]['step'], noise=1.5, seed=7000,
              mean=Episodes(320, 304, 24.123, -9.0, 1.0),
              sampled=Episodes(320, 80, 30.0, -12.0, 1.0))


def asked(algorithm: str = 'drail', **common: object) -> Measurement:
    case, = Comparison('fetch_push', [algorithm], [0], Path('out'), common=common).cases()
    return case.measurement


def result_of(asked: Measurement, final: Final = FINAL) -> Result:
    record = {'settings': settings.values(asked.trial.settings), 'demonstrations': 'a' * 64,
              'versions': {'drail_ros': '0.1.0', 'commit': 'b' * 40}}
    return Result.of(record, ROWS, 'success_rate', final)


def test_what_was_measured_is_rounded_and_nothing_else_is() -> None:
    result = result_of(asked(total_steps='10000001'))
    assert result.curve.step[:2] == (65_536, 196_608) and len(result.curve.step) == 76
    assert result.curve.mean[1] == 0.28571 and result.curve.sampled[1] == 0.22222
    assert result.curve.seconds[1] == 37.04 and result.seconds == 1864.2
    assert result.settings['total_steps'] == 10_000_001
    evaluation = Evaluation(3, 2, 17.123456, True, (1.0, 2.0, 3.456789))
    assert Episodes.of(evaluation) == Episodes(3, 2, 17.123, 2.1523, 1.0087)


def test_a_file_reads_back_as_written_and_is_small(tmp_path: Path) -> None:
    result = result_of(asked())
    result.write(tmp_path / 'results' / 'drail_0.json')
    assert Result.read(tmp_path / 'results' / 'drail_0.json') == result
    assert (tmp_path / 'results' / 'drail_0.json').stat().st_size < 5_000
    content = json.loads((tmp_path / 'results' / 'drail_0.json').read_text())
    assert not {'output_dir', 'demo_path', 'resume'} & content['settings'].keys()
    assert content['versions']['commit'] == 'b' * 40 and content['demonstrations'] == 'a' * 64


def test_plans_have_no_samples(tmp_path: Path) -> None:
    result = result_of(asked('diffusion_policy'), replace(FINAL, sampled=None))
    result.write(tmp_path / 'a.json')
    assert Result.read(tmp_path / 'a.json').final.sampled is None
    assert str(result) == 'success: mean action 95.0%; 320 episodes'


def test_what_is_compared_is_success_or_return() -> None:
    result = result_of(asked())
    assert result.score(FINAL.mean) == 0.95
    assert str(result) == 'success: mean action 95.0%, sampled 25.0%; 320 episodes'
    of_return = replace(result, curve=Curve.of_log([], 'return'))
    assert of_return.score(FINAL.mean) == -9.0
    assert str(of_return) == 'return: mean action -9.0, sampled -12.0; 320 episodes'


def test_how_often_a_run_was_looked_at_makes_no_other_result() -> None:
    asked_again = asked(evaluation_episodes='3', evaluate_every='77', checkpoint_every='5')
    result_of(asked()).check(asked_again, 1)
    with pytest.raises(UserError, match='evaluate_every'):  # there an evaluation may end it
        result_of(asked(stop_at_success='0.5')).check(
            asked(stop_at_success='0.5', evaluate_every='77'), 1)


@pytest.mark.parametrize(('recorded', 'now', 'told'), [
    pytest.param({'total_steps': 5}, {'total_steps': '6'}, 'total_steps: 5 then, 6 now',
                 id='changed'),
    pytest.param({'learner.gone': 3}, {}, 'learner.gone: 3 then, no such setting now',
                 id='a setting of before'),
    pytest.param({'stop_at_success': None}, {'stop_at_success': '0.5'},
                 'stop_at_success: 0.0 then, 0.5 now', id='a setting that is new'),
    pytest.param({}, {'noise': '2'}, 'noise: 1.5 then, 2.0 now; noise of the episodes: 1.5 then, '
                 '2.0 now', id='all are told'),
    pytest.param({}, {'demonstrations': '10'}, 'demonstrations: 333 then, 10 now', id='all'),
])
def test_a_result_of_other_settings_is_refused(recorded: dict[str, Any], now: dict[str, str],
                                               told: str) -> None:
    result = result_of(asked())
    old = {name: value for name, value in {**result.settings, **recorded}.items()
           if value is not None}
    with pytest.raises(UserError) as error:
        replace(result, settings=old).check(asked(**now), 300)
    assert 'drail_0.json is the result of other settings' in str(error.value)
    assert f'found:    {told}\n' in str(error.value)


def test_a_result_of_the_same_settings_is_taken() -> None:
    result = result_of(asked(demo_path='here', device='cpu'))
    result.check(asked(demo_path='there', device='auto'), 320)
    without = {name: value for name, value in result.settings.items()
               if name != 'stop_at_success'}
    replace(result, settings=without).check(asked(), 300)
    result_of(asked()).check(asked(demonstrations=333), 300)
    with pytest.raises(UserError, match='episodes: 320 then, 321 now'):
        result.check(asked(), 321)


def test_a_method_that_does_not_see_the_noise_may_have_been_trained_at_another() -> None:
    trained_at_2 = result_of(asked('bc', noise=2), FINAL)
    trained_at_2.check(asked('bc', noise=1.5), 300)
    with pytest.raises(UserError, match='found:    noise of the episodes: 1.5 then, 2.0 now'):
        trained_at_2.check(asked('bc', noise=2), 300)


@pytest.mark.parametrize('text', [
    '', '{broken', '[]', '{"task": "fetch_push"}', 'null'], ids=repr)
def test_what_is_no_result_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(UserError, match='a.json (is no result of a trial|cannot be read)'):
        Result.read(tmp_path / 'a.json')


@pytest.mark.parametrize('part', ['final', 'curve', 'settings'])
def test_a_result_without_a_part_is_no_result(part: str, tmp_path: Path) -> None:
    result_of(asked()).write(tmp_path / 'a.json')
    content = json.loads((tmp_path / 'a.json').read_text())
    del content[part]
    (tmp_path / 'a.json').write_text(json.dumps(content))
    with pytest.raises(UserError, match='is no result of a trial'):
        Result.read(tmp_path / 'a.json')

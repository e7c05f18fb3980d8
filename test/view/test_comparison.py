# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Figure and tables of a comparison, from outcomes made up."""

from __future__ import annotations

from collections.abc import Sequence
import csv
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
import pytest

from drail_ros.errors import UserError
from drail_ros.tasks.half_cheetah import TASK as HALF_CHEETAH
from drail_ros.tasks.point_reach import TASK as POINT_REACH
from drail_ros.view.comparison import write_comparison
from drail_ros.view.comparison_figure import comparison_figure
from drail_ros.view.outcomes import Outcome, panels_of
from drail_ros.view.published import Published, read_published

NINE = ['drail', 'drail, noise drawn for each label', 'gail', 'gail_gp', 'wail', 'airl',
        'diffail', 'bc', 'diffusion_policy']
LEVELS = ['1', '1.25', '1.5', '1.75', '2']


def outcome(label: str, seed: int, scores: Sequence[float], *, at: tuple[str, str] = ('', ''),
            online: bool = True, sampled: bool = True) -> Outcome:
    curve = tuple((1000 * (i + 1), score) for i, score in enumerate(scores))
    sampled_curve = tuple((step, score + 5) for step, score in curve) if sampled else ()
    return Outcome(name=f'{label}_{at}_{seed}', label=label, setting=at[0], value=at[1], seed=seed,
                   is_online=online, last_step=curve[-1][0], noise=1.0, score=scores[-1],
                   sampled_score=scores[-1] / 2 if sampled else None, episodes=320 + seed,
                   seconds=12.5, demonstrations='3f79839b36c5c24e', curve=curve,
                   sampled_curve=sampled_curve)


def sweep(labels: Sequence[str]) -> list[Outcome]:
    """Return outcomes of noise and of a factor: 2 seeds 1 percent apart."""
    return [outcome(label, seed, [90.0 - 10 * i - 5 * place + seed], at=(setting, value))
            for i, label in enumerate(labels) for seed in (0, 1)
            for setting, values in (('noise', LEVELS), ('learner.learning_rate', ['x0.2', 'x5']))
            for place, value in enumerate(values)]


VARIED = {'noise': LEVELS, 'learner.learning_rate': ['x0.2', 'x5']}


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open() as stream:
        return list(csv.DictReader(stream))


def test_rows_are_means_and_deviations_over_seeds_in_order_of_the_mean(tmp_path: Path) -> None:
    table = write_comparison([
        outcome('low', 0, [50, 25]), outcome('low', 1, [25, 75]),
        outcome('plans', 0, [75], online=False, sampled=False)],
        POINT_REACH, ['low', 'plans'], {}, 'drail compare', tmp_path)
    plans, low = table.splitlines()[2:]
    assert plans == '| plans | 1 | 0 (1000 epochs) | 75.0 | – | 75.0 | – | 0: 75.0 |'
    assert low == ('| low | 2 | 2,000 | 50.0 ± 25.0 | 25.0 ± 12.5 | 62.5 ± 12.5 | '
                   '0 of 2 seeds / 0 of 2 seeds | 0: 25.0, 1: 75.0 |')
    text = (tmp_path / 'comparison.md').read_text()
    assert 'in 320 episodes that training did not see' in text
    assert 'over 1 to 2 seeds. Trained for 2,000 environment steps.' in text
    plans_csv, low_csv = rows_of(tmp_path / 'comparison.csv')
    assert (low_csv['success [%]'], low_csv['std'], low_csv['best'], low_csv['seed 1']) == (
        '50.0', '25.0', '62.5', '75')
    assert (plans_csv['epochs'], plans_csv['sampled'], plans_csv['seed 1']) == ('1000', '', '')


def test_a_task_without_success_is_compared_by_return(tmp_path: Path) -> None:
    table = write_comparison(
        [outcome('a', 0, [-8.0, 4000.0]), outcome('b', 0, [5.0], online=False)],
        HALF_CHEETAH, ['a', 'b'], {}, 'drail compare', tmp_path)
    assert '| return |' in table and '| a | 1 | 2,000 | 4000.0 | 2000.0 | 4000.0 |' in table
    assert (tmp_path / 'comparison.png').read_bytes().startswith(b'\x89PNG')


def test_a_varied_setting_has_a_column_for_each_value(tmp_path: Path) -> None:
    published = [Published('drail', 'noise', '1.50', 95.8, 0.8)]
    tables = write_comparison(sweep(['gail', 'drail'])[::-1], POINT_REACH, ['gail', 'drail'],
                              VARIED, 'drail compare', tmp_path, published)
    noise, factors = tables.split('## ')[1:]
    assert noise.splitlines()[2:8] == [
        'success [%], mean action:', '',
        '| algorithm | 1 | 1.25 | 1.5 | 1.75 | 2 |', '| --- | --: | --: | --: | --: | --: |',
        '| gail | 90.5 ± 0.5 | 85.5 ± 0.5 | 80.5 ± 0.5 | 75.5 ± 0.5 | 70.5 ± 0.5 |',
        '| drail | 80.5 ± 0.5 | 75.5 ± 0.5 | 70.5 ± 0.5 | 65.5 ± 0.5 | 60.5 ± 0.5 |']
    assert 'sampled actions:' in noise and '| gail | 45.2 ± 0.2 |' in noise
    assert '| drail | – | – | 95.8 ± 0.8 | – | – |' in noise
    assert '| gail | 90.5 ± 0.5 | 85.5 ± 0.5 |\n' in factors and 'published' not in factors
    rows = rows_of(tmp_path / 'comparison.csv')
    assert rows[0] == {'setting': 'noise', 'score': 'mean action', 'algorithm': 'gail',
                       '1': '90.5 ± 0.5', '1.25': '85.5 ± 0.5', '1.5': '80.5 ± 0.5',
                       '1.75': '75.5 ± 0.5', '2': '70.5 ± 0.5', 'x0.2': '', 'x5': ''}
    assert [row['x5'] for row in rows if row['algorithm'] == 'drail'
            and row['score'] in ('mean action', 'sampled actions', 'published')] == [
        '', '', '', '75.5 ± 0.5', '37.8 ± 0.2']
    trials = rows_of(tmp_path / 'trials.csv')
    assert len(trials) == 2 * 2 * 7
    last, = (row for row in trials if row['value'] == '2' and row['seed'] == '1'
             and row['algorithm'] == 'gail')
    assert last == {
        'result': last['result'], 'algorithm': 'gail', 'setting': 'noise', 'value': '2',
        'seed': '1', 'noise': '1.0', 'environment steps': '1000', 'epochs': '',
        'success [%]': '71.0', 'sampled': '35.5', 'episodes': '321', 'training [s]': '12.5',
        'demonstrations': '3f79839b36c5'}


def test_how_soon_most_succeed_and_how_far_the_mean_action_lags(tmp_path: Path) -> None:
    """The first evaluation of 95 %; the worst of the second half, over seeds."""
    at = 'noise', '1'
    tables = write_comparison([
        outcome('quick', 0, [94.9, 95, 99, 90], at=at),
        outcome('quick', 1, [97, 50, 50, 99], at=at),
        outcome('one', 0, [90, 95, 95], at=at), outcome('one', 1, [89, 89, 89.5], at=at),
        outcome('plans', 0, [99], at=at, online=False, sampled=False)],
        POINT_REACH, ['quick', 'one', 'plans'], {'noise': LEVELS[:2]}, '', tmp_path)
    steps, lag = tables.split('steps to 95 % [1000], mean action / sampled actions:')[1].split(
        'mean action less sampled actions')
    assert '| quick | 2 ± 0 / 1 ± 0 | – |' in steps
    assert '| one | 1 of 2 seeds / 1 of 2 seeds | – |' in steps
    assert '| plans | – | – |' in steps and '| plans | – | – |' in lag
    assert '| quick | -5.0 | – |' in lag


def test_the_lag_is_of_the_second_half() -> None:
    run = outcome('a', 0, [0, 30, 40, 50])
    curve = ((1000, 0.0), (2000, 30.0), (3000, 40.0), (4000, 50.0))
    sampled = ((1000, 90.0), (2000, 37.0), (3000, 49.0), (4000, 40.0))
    assert Outcome(**{**vars(run), 'curve': curve, 'sampled_curve': sampled}).lag == -9
    sampled = ((1000, 90.0), (2000, 40.0), (3000, 49.0), (4000, 40.0))
    assert Outcome(**{**vars(run), 'curve': curve, 'sampled_curve': sampled}).lag == -10
    assert Outcome(**{**vars(run), 'sampled_curve': ()}).lag is None


def test_what_is_missing_is_shown_as_missing(tmp_path: Path) -> None:
    there = [run for run in sweep(['gail', 'drail'])
             if (run.label, run.setting) == ('drail', 'noise') and run.value != '1.25']
    table = write_comparison(there, POINT_REACH, ['gail', 'drail'], {'noise': LEVELS},
                             'drail compare', tmp_path)
    assert '| drail | 80.5 ± 0.5 | – | 70.5 ± 0.5 |' in table and 'gail' not in table


def test_who_has_no_such_setting_is_said(tmp_path: Path) -> None:
    runs = [*sweep(['drail']),
            *(Outcome(**{**vars(outcome('bc', 0, [50.0], at=('noise', value))), 'name': 'bc_0'})
              for value in LEVELS)]
    write_comparison(runs, POINT_REACH, ['drail', 'bc'], VARIED, 'drail compare', tmp_path)
    text = (tmp_path / 'comparison.md').read_text()
    assert 'bc has no noise: it is the same at each value.' in text and 'drail has no' not in text


def drawn(figure: Figure) -> Figure:
    figure.dpi = 150
    FigureCanvasAgg(figure).draw()
    return figure


def assert_all_fits(figure: Figure) -> None:
    """Legend and title lie within the figure, and the legend beside the panels."""
    legend = figure.legends[0].get_window_extent()
    titles = [title.get_window_extent() for axes in figure.axes
              for title in (axes.title, axes._left_title) if title.get_text()]
    assert len(titles) == 1
    for box in (legend, *titles):
        assert box.x0 >= 0 and box.y0 >= 0, box
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, box
    assert not titles[0].overlaps(legend)
    for axes in figure.axes:
        assert axes.get_window_extent().x1 < legend.x0
        assert axes.get_window_extent().width > 3.5 * figure.dpi, 'inches are left to draw'


@pytest.mark.parametrize('varied', [
    {}, {'noise': LEVELS}, VARIED, dict.fromkeys(['noise', 'a', 'b', 'c'], LEVELS)],
    ids=['curves', 'one', 'two', 'four'])
def test_nine_lines_and_their_legend_fit(varied: dict[str, list[str]], tmp_path: Path) -> None:
    runs = [outcome(label, seed, [20.0 + 3 * seed, 90 - 5 * i + seed], at=(setting, value))
            for i, label in enumerate(NINE) for seed in (0, 1, 2)
            for setting, values in (varied or {'': ['']}).items() for value in values]
    published = [Published(label, setting, values[-1], 80.0 - 7 * i, 2.0)
                 for i, label in enumerate(NINE[:3])
                 for setting, values in (varied or {'': ['']}).items()]
    panels = panels_of(runs, POINT_REACH, NINE, varied, published)
    figure = drawn(comparison_figure(panels, POINT_REACH))
    figure.savefig(tmp_path / 'nine.png')
    assert_all_fits(figure)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [text.split('  ')[0] for text in texts] == [*NINE, 'published']


@pytest.mark.parametrize(('lowest', 'published', 'bottom'), [
    (63.0, 70.0, 60), (61.0, 80.0, 50), (70.0, 55.0, 50), (41.0, 50.0, -2), (0.0, 10.0, -2)])
def test_where_all_are_high_the_axis_begins_below_them(lowest: float, published: float,
                                                       bottom: float) -> None:
    runs = [outcome('drail', seed, [score], at=('noise', '1'))
            for seed, score in enumerate([99.0, lowest])]
    panels = panels_of(runs, POINT_REACH, ['drail'], {'noise': ['1']},
                       [Published('drail', 'noise', '1', published, None)])
    assert comparison_figure(panels, POINT_REACH).axes[0].get_ylim()[0] == bottom


def test_values_stand_where_they_belong() -> None:
    values = {'noise': ['2', '1', '1.5'], 'demonstrations': ['333', '8'],
              'learner.learning_rate': ['x0.5', 'x1', 'x2'], 'preset': ['default', 'published']}
    runs = [outcome('drail', 0, [float(10 * i)], at=(setting, value))
            for setting, each in values.items() for i, value in enumerate(each)]
    published = [Published('drail', 'noise', '1.0', 33.0, None)]
    figure = comparison_figure(panels_of(runs, POINT_REACH, ['drail'], values, published),
                               POINT_REACH)
    axes = {each.get_xlabel(): each for each in figure.axes}
    assert [each.get_xscale() for each in axes.values()] == ['linear', 'log', 'log', 'linear']
    assert list(axes)[2] == "learner.learning_rate, times each one's own"
    ours, theirs = (line.get_xydata().tolist() for line in axes['noise'].get_lines()
                    if line.get_linestyle() in ('-', '--'))
    assert ours == [[1.0, 10.0], [1.5, 20.0], [2.0, 0.0]] and theirs == [[1.0, 33.0]]
    assert [label.get_text() for label in axes['preset'].get_xticklabels()] == values['preset']


def test_published_figures_stand_beside_ours(tmp_path: Path) -> None:
    table = write_comparison([outcome('drail', 0, [50.0]), outcome('bc', 0, [40.0], online=False)],
                             POINT_REACH, ['drail', 'bc'], {}, 'drail compare', tmp_path,
                             [Published('bc', '', '', 82.0, 21.0)])
    assert '| best while training | steps to 95 % [1000] | published | each seed |' in table
    assert '/ 0 of 1 seeds | – | 0: 50.0 |' in table
    assert '| 40.0 | – | 82.0 ± 21.0 | 0: 40.0 |' in table
    bc = rows_of(tmp_path / 'comparison.csv')[1]
    assert (bc['published'], bc['published std']) == ('82.0', '21.0')


def test_published_figures_are_read(tmp_path: Path) -> None:
    file = tmp_path / 'published.csv'
    file.write_text('algorithm,value,score,std\nbc,,82,21\ndrail,1.5,95.8,0.8\ngail,2,10,\n')
    assert read_published(file, []) == [Published('bc', '', '', 82.0, 21.0)]
    assert read_published(file, ['noise'])[1:] == [
        Published('drail', 'noise', '1.5', 95.8, 0.8), Published('gail', 'noise', '2', 10.0, None)]
    assert read_published(file, ['noise'])[0].setting == '', 'has no value'
    file.write_text('algorithm,setting,value,score\ndrail,noise,1.5,95.8\n')
    assert read_published(file, ['noise', 'demonstrations']) == [
        Published('drail', 'noise', '1.5', 95.8, None)]


@pytest.mark.parametrize(('text', 'told'), [
    pytest.param('algorithm,score\nbc,1\n', 'other columns', id='column missing'),
    pytest.param('algorithm,value,score,mean\n', 'other columns', id='unknown column'),
    pytest.param('algorithm,value,score\nbc,,much\n', 'line 2: a score', id='no number'),
    pytest.param('algorithm,value,score\nbc,1,1\n', 'noise or learner.width',
                 id='which of two'),
])
def test_published_figures_that_cannot_be_placed_are_refused(
        text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / 'published.csv').write_text(text)
    with pytest.raises(UserError, match=told):
        read_published(tmp_path / 'published.csv', ['noise', 'learner.width'])

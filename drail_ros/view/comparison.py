# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""A comparison told: tables as Markdown and CSV, beside the figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import csv
import io
from pathlib import Path

import numpy as np

from drail_ros.files import write_whole
from drail_ros.tasks.task import Task
from drail_ros.view.comparison_figure import comparison_figure
from drail_ros.view.outcomes import (
    Line,
    NOTHING,
    Outcome,
    Panel,
    panels_of,
    plus_minus,
    steps_to,
    told_seeds,
)
from drail_ros.view.published import Published

_OFTEN = 95.0
"""Success in percent of a policy that has learned its task."""
_LEARNED = f'steps to {_OFTEN:.0f} % [1000]'
_Scores = Callable[[Line, int], str]
"""A line at one value, and decimals → what stands in the table."""


def write_comparison(outcomes: Sequence[Outcome], task: Task, labels: Sequence[str],
                     varied: Mapping[str, Sequence[str]], command: str, output: Path,
                     published: Sequence[Published] = ()) -> str:
    """Write ``comparison.png``, ``.md`` and ``.csv`` and ``trials.csv``; return the tables.

    ``labels`` are algorithms and variants in order, ``varied`` the values of each varied setting;
    ``command`` is what repeats the comparison, told below the tables.
    """
    panels = panels_of(outcomes, task, labels, varied, published)
    tables = '\n'.join(_tables(panel) for panel in panels)
    write_whole(output / 'comparison.md', (
        f'# {task.name}\n\n{tables}\n{_explained(panels, outcomes, task)}\n\n'
        f'![{task.name}](comparison.png)\n\n```\n{command}\n```\n').encode())
    write_whole(output / 'comparison.csv', _csv(panels).encode())
    write_whole(output / 'trials.csv', _csv_of_trials(outcomes, panels[0].unit).encode())
    figure = comparison_figure(panels, task)
    image = io.BytesIO()
    figure.savefig(image, dpi=150)
    write_whole(output / 'comparison.png', image.getvalue())
    return tables


def _tables(panel: Panel) -> str:
    if not panel.setting:
        return _table_of_algorithms(panel)
    return f'## {panel.setting}\n\n' + '\n'.join(
        _table_of_values(panel, title.format(unit=panel.unit), scores)
        for title, scores in _kinds(panel).values())


def _table_of_algorithms(panel: Panel) -> str:
    """Return a row per algorithm, and what there is to say of it."""
    kinds = _kinds(panel)
    more = [kind for kind in (_LEARNED, 'published') if kind in kinds]
    columns = ['algorithm', 'seeds', 'environment steps', panel.unit, 'sampled actions',
               'best while training', *more, 'each seed']
    rows = []
    for line in panel.lines:
        each = ', '.join(f'{run.seed}: {run.score:.{panel.digits}f}' for run in line.runs)
        steps = max(run.last_step for run in line.runs)
        rows.append([line.label, str(len(line.runs)),
                     f'{steps:,}' if line.is_online else f'0 ({steps} epochs)',
                     *(plus_minus(values, panel.digits)
                       for values in (line.scores, line.sampled, line.best)),
                     *(kinds[kind][1](line, panel.digits) for kind in more), each])
    return _markdown(columns, rows, numbers=range(1, len(columns) - 1))


def _table_of_values(panel: Panel, title: str, scores: _Scores) -> str:
    """Return a row per algorithm, and a column per value of the varied setting."""
    rows = [[line.label, *(scores(line.at(value), panel.digits) for value in panel.values)]
            for line in panel.lines]
    return f'{title}:\n\n' + _markdown(['algorithm', *panel.values], rows,
                                       numbers=range(1, 1 + len(panel.values)))


def _mean(line: Line, digits: int) -> str:
    return plus_minus(line.scores, digits)


def _sampled(line: Line, digits: int) -> str:
    return plus_minus(line.sampled, digits)


def _published(line: Line, digits: int) -> str:
    if not line.published:
        return NOTHING
    first = line.published[0]
    return f'{first.score:.{digits}f}' + (
        '' if first.std is None else f' ± {first.std:.{digits}f}')


def _learned(line: Line, digits: int) -> str:
    """Return after how many thousand steps both succeed that often, or how many seeds ever do."""
    if not (line.runs and line.is_online):
        return NOTHING
    return ' / '.join(_thousands([steps_to(_OFTEN, curve) for curve in curves if curve])
                      for curves in zip(*((run.curve, run.sampled_curve) for run in line.runs)))


def _thousands(steps: Sequence[int | None]) -> str:
    there = [n / 1000 for n in steps if n is not None]
    return plus_minus(there, 0) if len(there) == len(steps) else (
        f'{len(there)} of {len(steps)} seeds')


def _lag(line: Line, digits: int) -> str:
    lags = [run.lag for run in line.runs if run.lag is not None]
    return f'{min(lags):.{digits}f}' if lags and line.is_online else NOTHING


def _kinds(panel: Panel) -> dict[str, tuple[str, _Scores]]:
    """Return by name what is told of every line: a title, and what stands in the table."""
    kinds: dict[str, tuple[str, _Scores]] = {
        'mean action': ('{unit}, mean action', _mean),
        'sampled actions': ('{unit}, sampled actions', _sampled)}
    if any(line.published for line in panel.lines):
        kinds['published'] = '{unit}, published', _published
    if panel.has_success and any(line.is_online for line in panel.lines):
        kinds[_LEARNED] = f'{_LEARNED}, mean action / sampled actions', _learned
        kinds['lag'] = ('mean action less sampled actions, the worst evaluation of all seeds '
                        'after half of the run [%]', _lag)
    return kinds


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: range) -> str:
    """Return a table; the columns of ``numbers`` are aligned to the right."""
    rule = ['--:' if i in numbers else '---' for i in range(len(columns))]
    return ''.join(f'| {" | ".join(row)} |\n' for row in (columns, rule, *rows))


def _explained(panels: Sequence[Panel], outcomes: Sequence[Outcome], task: Task) -> str:
    what = f'success: {task.success_help}; ' if task.has_success else ''
    steps = sorted({run.last_step for run in outcomes if run.is_online})
    trained = f' Trained for {" or ".join(f"{n:,}" for n in steps)} environment steps.'
    return ''.join([
        f'{what}of the last policy, in {min(run.episodes for run in outcomes)} episodes that '
        f'training did not see; mean ± standard deviation over {told_seeds(outcomes)}.',
        trained if steps else '',
        *(f' {line.label} has no {panel.setting}: it is the same at each value.'
          for panel in panels for line in panel.lines if _is_the_same_everywhere(line))])


def _is_the_same_everywhere(line: Line) -> bool:
    """Whether the varied setting is none of the algorithm's, so that no trial has another."""
    of_one_seed = [run for run in line.runs if run.seed == line.runs[0].seed]
    return len(of_one_seed) > 1 and len({run.name for run in of_one_seed}) == 1


def _csv(panels: Sequence[Panel]) -> str:
    """Return a row per algorithm, and a column per value of what is varied."""
    if not panels[0].setting:
        return _csv_of_algorithms(panels[0])
    values = list(dict.fromkeys(value for panel in panels for value in panel.values))
    rows = [[panel.setting, kind, line.label, *(
                scores(line.at(value), panel.digits) if value in panel.values else ''
                for value in values)]
            for panel in panels for kind, (_, scores) in _kinds(panel).items()
            for line in panel.lines if kind != 'published' or line.published]
    return _written(['setting', 'score', 'algorithm', *values], rows)


def _csv_of_algorithms(panel: Panel) -> str:
    """Return a row per algorithm; the columns after ``best std`` are named by seed."""
    seeds = sorted({run.seed for line in panel.lines for run in line.runs})
    rows: list[list[object]] = []
    for line in panel.lines:
        steps = max(run.last_step for run in line.runs)
        score_of = {run.seed: run.score for run in line.runs}
        first = line.published[0] if line.published else None
        rows.append([
            line.label, len(line.runs), *((steps, '') if line.is_online else (0, steps)),
            *(statistic(values) if values else '' for values in (
                line.scores, line.sampled, line.best) for statistic in (np.mean, np.std)),
            *((first.score, first.std) if first else ('', '')),
            *(score_of.get(seed, '') for seed in seeds)])
    return _written(['algorithm', 'seeds', 'environment steps', 'epochs', panel.unit, 'std',
                     'sampled', 'sampled std', 'best', 'best std', 'published', 'published std',
                     *(f'seed {seed}' for seed in seeds)], rows)


def _csv_of_trials(outcomes: Sequence[Outcome], unit: str) -> str:
    """Return a row for each trial at each of its places."""
    return _written(
        ['result', 'algorithm', 'setting', 'value', 'seed', 'noise', 'environment steps', 'epochs',
         unit, 'sampled', 'episodes', 'training [s]', 'demonstrations'],
        [[run.name, run.label, run.setting, run.value, run.seed, run.noise,
          *((run.last_step, '') if run.is_online else (0, run.last_step)), run.score,
          run.sampled_score, run.episodes, run.seconds, run.demonstrations[:12]]
         for run in outcomes])


def _written(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows([columns, *rows])
    return text.getvalue()

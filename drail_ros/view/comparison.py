# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The outcome of a comparison: one figure of learning curves, one table as Markdown and CSV."""

from __future__ import annotations

from collections.abc import Sequence
import csv
from dataclasses import dataclass
import io
import itertools
import math
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
import numpy as np

from drail_ros.files import write_whole
from drail_ros.tasks.task import Task
from drail_ros.view.curves import mean_and_spread

_COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000',
            '#999933', '#882255', '#44aa99', '#aa4499', '#661100', '#6699cc', '#888888')
"""Told apart by the colour-blind: Okabe & Ito's, then Tol's muted ones."""
_MARKERS = 'osD^vP*X<>hpd8'
_MANY_STEPS = 200_000
"""From here on the figure counts millions."""
_DASHES = ((0, (6, 3)), (0, (2, 2)), (0, (6, 2, 1, 2)), (0, (10, 4)))


@dataclass(frozen=True)
class Outcome:
    """What became of one run."""

    algorithm: str
    seed: int
    is_online: bool
    """Whether it counts environment steps; else passes over the demonstrations."""
    metrics: list[dict[str, float]]
    score: float
    """Of the last policy's actions; share of successes or return."""
    sampled_score: float | None
    """Of the last policy's samples, where it has any."""
    episodes: int
    """Of each of the two."""

    @property
    def last_step(self) -> int:
        """Environment steps, or passes over the demonstrations, in all."""
        return int(self.metrics[-1]['step'])

    def curve(self, name: str) -> list[dict[str, float]]:
        """Return the rows that hold a metric."""
        return [row for row in self.metrics if name in row]


@dataclass(frozen=True)
class Row:
    """One algorithm; scores in percent or as returns."""

    algorithm: str
    colour: str
    marker: str
    runs: tuple[Outcome, ...]
    scores: tuple[float, ...]
    sampled: tuple[float, ...]
    best: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean score over seeds."""
        return float(np.mean(self.scores))

    @property
    def is_online(self) -> bool:
        """Whether it learned in the environment."""
        return self.runs[0].is_online


def write_comparison(outcomes: Sequence[Outcome], task: Task, command: str, output: Path) -> str:
    """Write ``comparison.png``, ``.md`` and ``.csv``; return the Markdown table.

    ``command`` is what repeats the comparison, told below the table in the file.
    """
    rows = _rows(outcomes, task)
    unit = 'success [%]' if task.has_success else 'return'
    table = _markdown(rows, unit, _decimals(rows, task))
    write_whole(output / 'comparison.md', (
        f'# {task.name}\n\n{table}\n{_explained(rows, task)}\n\n'
        f'![learning curves](comparison.png)\n\n```\n{command}\n```\n').encode())
    write_whole(output / 'comparison.csv', _csv(rows, unit).encode())
    _draw(rows, task, unit, output / 'comparison.png')
    return table


def _metric(task: Task) -> tuple[str, float]:
    """Return the metric that measures a task, and its factor in the figure and tables."""
    return ('evaluation/success_rate', 100.0) if task.has_success else ('evaluation/return', 1.0)


def _rows(outcomes: Sequence[Outcome], task: Task) -> list[Row]:
    rows = []
    name, scale = _metric(task)
    for i, algorithm in enumerate(dict.fromkeys(run.algorithm for run in outcomes)):
        members = tuple(run for run in outcomes if run.algorithm == algorithm)
        rows.append(Row(algorithm, _COLOURS[i % len(_COLOURS)], _MARKERS[i % len(_MARKERS)],
                        members, tuple(scale * run.score for run in members),
                        tuple(scale * run.sampled_score for run in members
                              if run.sampled_score is not None),
                        tuple(scale * max(r[name] for r in run.curve(name)) for run in members)))
    return sorted(rows, key=lambda row: -row.mean)


def _markdown(rows: Sequence[Row], unit: str, digits: int) -> str:
    lines = [f'| algorithm | seeds | environment steps | {unit} | sampled actions | '
             'best while training | each seed |', '|---|--:|--:|--:|--:|--:|---|']
    for row in rows:
        each = ', '.join(f'{run.seed}: {s:.{digits}f}' for run, s in zip(row.runs, row.scores))
        steps = max(run.last_step for run in row.runs)
        lines.append(
            f'| {row.algorithm} | {len(row.runs)} | '
            f'{f"{steps:,}" if row.is_online else f"0 ({steps} epochs)"} | '
            f'{_plus_minus(row.scores, digits)} | {_plus_minus(row.sampled, digits)} | '
            f'{_plus_minus(row.best, digits)} | {each} |')
    return '\n'.join(lines) + '\n'


def _explained(rows: Sequence[Row], task: Task) -> str:
    episodes = min(run.episodes for row in rows for run in row.runs)
    what = f'success: {task.success_help}; ' if task.has_success else ''
    return (f'{what}of the last policy, in {episodes} episodes that training did not see; '
            'mean ± standard deviation over seeds.')


def _plus_minus(values: Sequence[float], digits: int) -> str:
    if not values:
        return '–'
    spread = f' ± {np.std(values):.{digits}f}' if len(values) > 1 else ''
    return f'{np.mean(values):.{digits}f}{spread}'


def _decimals(rows: Sequence[Row], task: Task) -> int:
    """Return one for percent; for returns as many as leave the largest three digits."""
    largest = max(abs(score) for row in rows for score in row.scores)
    if task.has_success or not 0 < largest < 10:
        return 1
    return 2 - math.floor(math.log10(largest))


def _csv(rows: Sequence[Row], unit: str) -> str:
    """Return a row per algorithm; the columns after ``seeds`` are named by seed."""
    seeds = sorted({run.seed for row in rows for run in row.runs})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['algorithm', 'seeds', 'environment steps', 'epochs', unit, 'std',
                     'sampled', 'sampled std', 'best', 'best std',
                     *(f'seed {seed}' for seed in seeds)])
    for row in rows:
        steps = max(run.last_step for run in row.runs)
        score_of = {run.seed: score for run, score in zip(row.runs, row.scores)}
        writer.writerow([
            row.algorithm, len(row.runs), *((steps, '') if row.is_online else (0, steps)),
            *(statistic(values) if values else '' for values in (
                row.scores, row.sampled, row.best) for statistic in (np.mean, np.std)),
            *(score_of.get(seed, '') for seed in seeds)])
    return text.getvalue()


def _draw(rows: Sequence[Row], task: Task, unit: str, path: Path) -> None:
    figure = Figure(figsize=(9, 5), layout='constrained')
    axes = figure.subplots()
    digits = _decimals(rows, task)
    online = [row for row in rows if row.is_online]
    offline = [row for row in rows if not row.is_online]
    last = max((run.last_step for row in online for run in row.runs), default=0)
    per, word = (1e6, 'million') if last >= _MANY_STEPS else (1e3, 'thousand')
    for row in online:
        _draw_curve(axes, row, task, per)
    for row, dashes in zip(offline, itertools.cycle(_DASHES)):
        _draw_level(axes, row, dashes)
    lines = {line.get_label(): line for line in axes.get_lines()}
    axes.set(xlabel=f'environment steps [{word}]', ylabel=unit, title=_title(rows, task))
    if task.has_success:
        axes.set_ylim(-2, 102)
    if online:
        axes.set_xlim(left=0)
    else:
        axes.set(xticks=[], xlabel='no environment steps')
    axes.grid(alpha=0.3)
    figure.legend([lines[row.algorithm] for row in rows], [
        f'{row.algorithm}  {_plus_minus(row.scores, digits)}' + '  (offline)' * (
            not row.is_online) for row in rows],
        loc='outside right upper', frameon=False, alignment='left',
        title=f'{unit} of the last policy')
    figure.savefig(path, dpi=150)


def _title(rows: Sequence[Row], task: Task) -> str:
    fewest, most = (choose(len(row.runs) for row in rows) for choose in (min, max))
    if most == 1:
        return task.name
    return f'{task.name}: mean ± std of {most if fewest == most else f"{fewest} to {most}"} seeds'


def _draw_curve(axes: Axes, row: Row, task: Task, per: float) -> None:
    name, scale = _metric(task)
    steps, mean, std = mean_and_spread([run.curve(name) for run in row.runs], name)
    steps, mean, std = steps / per, scale * mean, scale * std
    axes.plot(steps, mean, color=row.colour, marker=row.marker, markersize=4,
              label=row.algorithm)
    if len(row.runs) > 1:
        axes.fill_between(steps, mean - std, mean + std, alpha=0.15, color=row.colour,
                          linewidth=0)


def _draw_level(axes: Axes, row: Row, dashes: tuple) -> None:
    axes.axhline(row.mean, color=row.colour, linestyle=dashes, label=row.algorithm)
    if len(row.runs) > 1:
        std = float(np.std(row.scores))
        axes.axhspan(row.mean - std, row.mean + std, alpha=0.1, color=row.colour, linewidth=0)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""The figure of a comparison: learning curves, or the outcome over the values of a setting."""

from __future__ import annotations

from collections.abc import Sequence
import itertools

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
import numpy as np

from drail_ros.tasks.task import Task
from drail_ros.view.curves import mean_and_spread
from drail_ros.view.outcomes import Line, Panel, plus_minus, told_seeds
from drail_ros.view.published import position

_LIFTED = 40.0
"""Where all succeed more often, in percent, what lies below is not shown."""
_MANY_STEPS = 200_000
"""From here on the figure counts millions."""
_WIDE_RANGE = 4.0
"""Positive values that span so many times the smallest stand on a logarithmic axis."""
_DASHES = ((0, (6, 3)), (0, (2, 2)), (0, (6, 2, 1, 2)), (0, (10, 4)))
_MOST_COLUMNS = 3
_PANEL_IN, _ALONE_IN = (4.2, 4.2), (6.5, 5.0)
"""Width and height of one of several panels, and of a single one."""
_ENTRY_IN, _LETTER_IN = 0.24, 0.085
"""Height of an entry of the legend, width of its letters."""


def comparison_figure(panels: Sequence[Panel], task: Task) -> Figure:
    """Return learning curves where nothing was varied, else a panel for each varied setting."""
    runs = [run for panel in panels for line in panel.lines for run in line.runs]
    seeds = told_seeds(runs)
    title = f'{task.name}: mean ± std of {seeds}' if seeds != '1 seed' else task.name
    if not panels[0].setting:
        return _of_curves(panels[0], title, task)
    title += f'\n{min(run.episodes for run in runs)} episodes each'
    steps = {run.last_step for run in runs if run.is_online}
    if steps:
        title += f', {_range(steps)} environment steps'
    return _of_values(panels, title, task)


def _range(numbers: set[int]) -> str:
    return ' to '.join(f'{number:,}' for number in sorted({min(numbers), max(numbers)}))


def _figure(size: tuple[float, float], rows: int, columns: int,
            entries: Sequence[str]) -> Figure:
    """Return a figure of so many panels, with room for the legend to their right."""
    return Figure(figsize=(size[0] * columns + 0.7 + _LETTER_IN * max(map(len, entries)),
                           max(size[1] * rows, 1.0 + _ENTRY_IN * len(entries))),
                  layout='constrained')


def _of_values(panels: Sequence[Panel], title: str, task: Task) -> Figure:
    entries = _entries(panels)
    columns = min(len(panels), _MOST_COLUMNS)
    rows = -(-len(panels) // columns)
    figure = _figure(_ALONE_IN if columns == 1 else _PANEL_IN, rows, columns, list(entries))
    places = figure.subplots(rows, columns, squeeze=False, sharey=True).flatten().tolist()
    for axes, panel in itertools.zip_longest(places, panels):
        if panel is None:
            axes.remove()
        else:
            _draw_values(axes, panel)
    for axes in places[:len(panels):columns]:
        axes.set_ylabel(f'{panels[0].unit} of the last policy')
    if task.has_success:
        places[0].set_ylim(*_percent(panels))
    places[0].set_title(title, loc='left', fontsize=10)
    figure.legend(list(entries.values()), list(entries), loc='outside right upper', frameon=False,
                  alignment='left')
    return figure


def _percent(panels: Sequence[Panel]) -> tuple[float, float]:
    """Return limits of percent axes: from the ten below all there is, if high, else all."""
    lowest = min(itertools.chain.from_iterable(
        [*line.scores, *(each.score for each in line.published)]
        for panel in panels for line in panel.lines))
    bottom = 10.0 * ((lowest - 2) // 10)
    return (bottom, 101.0) if bottom >= _LIFTED else (-2.0, 102.0)


def _entries(panels: Sequence[Panel]) -> dict[str, Artist]:
    """Return what the legend shows by its text: highest first, by the first panel."""
    entries: dict[str, Artist] = {
        line.label: Line2D([], [], color=line.colour, marker=line.marker, markersize=5)
        for panel in panels for line in panel.lines}
    if any(line.published for panel in panels for line in panel.lines):
        entries['published'] = _published_entry()
    return entries


def _published_entry() -> Artist:
    return Line2D([], [], color='grey', marker='o', markersize=5, **_published_style())


def _published_style() -> dict:
    return {'linestyle': (0, (4, 2)), 'linewidth': 1.0, 'markerfacecolor': 'white', 'alpha': 0.65,
            'zorder': 3}


def _draw_values(axes: Axes, panel: Panel) -> None:
    """Draw the last policies' scores over the values of the varied setting."""
    for line in panel.lines:
        points = sorted((_place(value, panel), here.mean, float(np.std(here.scores)))
                        for value in panel.values if (here := line.at(value)).runs)
        x, mean, std = zip(*points)
        axes.errorbar(x, mean, yerr=std, color=line.colour, marker=line.marker, markersize=5,
                      capsize=3, elinewidth=1.0)
        published = sorted((_place(each.value, panel), each.score, each.std or 0.0)
                           for each in line.published)
        if published:
            x, mean, std = zip(*published)
            axes.errorbar(x, mean, yerr=std, color=line.colour, marker=line.marker, markersize=5,
                          elinewidth=0.5, **_published_style())
    places = [_place(value, panel) for value in panel.values]
    are_factors = panel.values[0].startswith('x')
    if min(places) > 0 and (are_factors or max(places) >= _WIDE_RANGE * min(places)):
        axes.set_xscale('log')
    axes.set_xticks(places, panel.values)
    axes.set_xticks([], minor=True)
    axes.set_xlabel(f"{panel.setting}, times each one's own" if are_factors else panel.setting)
    axes.grid(alpha=0.3)


def _place(value: str, panel: Panel) -> float:
    """Return where a value stands: numbers where they are, anything else in written order."""
    places = [position(each) for each in panel.values]
    here = position(value)
    return panel.values.index(value) if None in places or here is None else here


def _of_curves(panel: Panel, title: str, task: Task) -> Figure:
    told = {line.label: f'{line.label}  {plus_minus(line.scores, panel.digits)}' + (
        '' if line.is_online else '  (offline)') for line in panel.lines}
    if any(line.published for line in panel.lines):
        told['published'] = 'published'
    figure = _figure(_ALONE_IN, 1, 1, list(told.values()))
    axes = figure.subplots()
    online = [line for line in panel.lines if line.is_online]
    offline = [line for line in panel.lines if not line.is_online]
    last = max((run.last_step for line in online for run in line.runs), default=0)
    per, word = (1e6, 'million') if last >= _MANY_STEPS else (1e3, 'thousand')
    drawn: dict[str, Artist] = {line.label: _draw_curve(axes, line, per) for line in online}
    drawn |= {line.label: _draw_level(axes, line, dashes)
              for line, dashes in zip(offline, itertools.cycle(_DASHES))}
    for line in panel.lines:
        for each in line.published:
            drawn['published'] = _published_entry()
            axes.plot([0, 1], [each.score] * 2, color=line.colour, marker=line.marker,
                      markersize=5, clip_on=False, transform=axes.get_yaxis_transform(),
                      **_published_style())
    axes.set(xlabel=f'environment steps [{word}]', ylabel=panel.unit, title=title)
    if task.has_success:
        axes.set_ylim(-2, 102)
    if online:
        axes.set_xlim(left=0)
    else:
        axes.set(xticks=[], xlabel='no environment steps')
    axes.grid(alpha=0.3)
    figure.legend([drawn[label] for label in told], list(told.values()),
                  loc='outside right upper', frameon=False, alignment='left',
                  title=f'{panel.unit} of the last policy')
    return figure


def _draw_curve(axes: Axes, line: Line, per: float) -> Artist:
    rows = [[{'step': step, 'score': score} for step, score in run.curve] for run in line.runs]
    steps, mean, std = mean_and_spread(rows, 'score')
    steps = steps / per
    drawn, = axes.plot(steps, mean, color=line.colour, marker=line.marker, markersize=4)
    if len(line.runs) > 1:
        axes.fill_between(steps, mean - std, mean + std, alpha=0.15, color=line.colour,
                          linewidth=0)
    return drawn


def _draw_level(axes: Axes, line: Line, dashes: tuple) -> Artist:
    if len(line.runs) > 1:
        std = float(np.std(line.scores))
        axes.axhspan(line.mean - std, line.mean + std, alpha=0.1, color=line.colour, linewidth=0)
    return axes.axhline(line.mean, color=line.colour, linestyle=dashes)

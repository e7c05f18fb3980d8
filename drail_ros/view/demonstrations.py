# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A picture of demonstrations: what the expert did, from where to where, how long it took."""

from __future__ import annotations

from collections.abc import Iterable
import io
import os
from pathlib import Path
from typing import Any, TYPE_CHECKING

import matplotlib
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
import numpy as np

from drail_ros.data.demonstrations import component_names, Demonstrations
from drail_ros.files import write_whole
from drail_ros.tasks.task import Array, Field

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

INK, MUTED, GRID = '#22252a', '#6b7280', '#e5e7eb'
COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00')
"""Okabe and Ito: told apart also by the colour-blind."""
PATHS_DRAWN = 150
"""Episodes whose paths are drawn, evenly spread: more only blacken the page."""
ACTIONS_DRAWN = 6
STYLE: dict[Any, Any] = {
    'font.size': 9.0, 'axes.titlesize': 10.0, 'axes.titlelocation': 'left',
    'axes.titleweight': 'bold', 'axes.edgecolor': MUTED, 'axes.labelcolor': INK,
    'axes.spines.top': False, 'axes.spines.right': False, 'axes.grid': True,
    'axes.axisbelow': True, 'grid.color': GRID, 'xtick.color': MUTED, 'ytick.color': MUTED,
    'text.color': INK, 'legend.frameon': False, 'legend.fontsize': 8.0,
}


def plot_demonstrations(demonstrations: Demonstrations, png_path: str | os.PathLike[str]) -> None:
    """Draw paths in the plane where the task has positions, else action against observation.

    Beside them the distributions of episode length and of each action.

    Raises:
        UserError: the picture cannot be written.

    """
    demos = demonstrations
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11, 6.2), layout='constrained')
        figure.suptitle(f'{demos.layout.task}: {demos.num_episodes} demonstrations, '
                        f'{len(demos)} transitions', x=0.01, ha='left', fontsize=13, weight='bold')
        grid = figure.add_gridspec(1, 2, width_ratios=(1.25, 1))
        left, right = (figure.add_subfigure(cell) for cell in (grid[0], grid[1]))
        if position_fields(demos.layout.observation):
            _draw_paths(left.subplots(), demos)
        else:
            _draw_action_against_observation(left, demos)
        upper, lower = right.subplots(2, 1)
        _draw_lengths(upper, demos)
        _draw_actions(lower, demos)
        figure.savefig(buffer, format='png', dpi=130)
    write_whole(Path(png_path), buffer.getvalue())


def position_fields(fields: Iterable[Field]) -> dict[str, slice]:
    """Return the columns of x and y of the positions in the world among the fields."""
    found, column = {}, 0
    for field in fields:
        in_world = field.name.endswith('position') and 'relative' not in field.name
        if field.size in (2, 3) and field.unit == 'm' and in_world:
            name = field.name.removesuffix('position').replace('_', ' ').strip()
            found[name or 'robot'] = slice(column, column + 2)
        column += field.size
    return found


def _draw_paths(axes: Axes, demos: Demonstrations) -> None:
    starts, ends = demos.starts, demos.starts + demos.lengths
    drawn = np.unique(np.linspace(0, demos.num_episodes - 1, PATHS_DRAWN).astype(int))
    alpha = float(np.clip(30 / len(drawn), 0.25, 0.9))
    for (name, xy), colour in zip(position_fields(demos.layout.observation).items(), COLOURS):
        points = [np.vstack([demos.obs[starts[e]:ends[e], xy], demos.next_obs[ends[e] - 1, xy]])
                  for e in drawn]
        if all(np.ptp(p, axis=0).max() == 0 for p in points):
            x, y = np.array([p[0] for p in points]).T
            axes.scatter(x, y, s=34, facecolors='none', edgecolors=colour, linewidths=1.0,
                         alpha=max(alpha, 0.6), label=name, zorder=3)
            continue
        axes.add_collection(LineCollection(points, colors=colour, alpha=alpha, linewidths=0.9))
        x, y = np.array([p[0] for p in points]).T
        axes.scatter(x, y, s=11, color=colour, linewidths=0, alpha=0.8, zorder=3,
                     label=f'{name} (dot: start)')
    axes.autoscale()
    axes.margins(0.05)
    axes.set_aspect('equal', adjustable='datalim')
    shown = 'all' if len(drawn) == demos.num_episodes else f'{len(drawn)} of {demos.num_episodes}'
    axes.set(title=f'Paths seen from above, {shown} episodes', xlabel='x in m', ylabel='y in m')
    axes.legend(loc='upper center', bbox_to_anchor=(0.5, -0.1), ncols=4)


def _draw_action_against_observation(figure: SubFigure, demos: Demonstrations) -> None:
    """One panel for each of the first observations, colours as in ``_draw_actions``."""
    names = component_names(demos.layout.observation)
    units = [f.unit for f in demos.layout.observation for _ in range(f.size)]
    shown = min(len(names), 4)
    rows = 1 if shown == 1 else 2
    panels = figure.subplots(rows, -(-shown // rows), squeeze=False).ravel()
    size = float(np.clip(6e4 / len(demos), 1, 14))
    for i, axes in enumerate(panels):
        axes.set_visible(i < shown)
        for _, action, colour in _actions(demos):
            axes.scatter(demos.obs[:, min(i, shown - 1)], action, s=size, color=colour,
                         linewidths=0, alpha=0.5)
        unit = f' in {units[i]}' if i < shown and units[i] else ''
        axes.set(xlabel=f'{names[min(i, shown - 1)]}{unit}', ylim=(-1.08, 1.08))
    panels[0].set(title='Action against observation', ylabel='action, normalised')


def _draw_lengths(axes: Axes, demos: Demonstrations) -> None:
    """Stacked by noise level, lowest at the bottom and darkest."""
    lengths, noise = demos.lengths, np.array(demos.noise)
    low, high = int(lengths.min()), int(lengths.max())
    width = max((high - low) // 30, 1)
    bins = [edge - 0.5 for edge in range(low, high + width + 1, width)]
    groups = [lengths[noise == level] for level in demos.noise_levels]
    labels = [f'noise {level:g}x' for level in demos.noise_levels]
    if np.isnan(noise).any():
        groups.append(lengths[np.isnan(noise)])
        labels.append('noise unknown')
    shades = matplotlib.colormaps['viridis'](np.linspace(0.1, 0.9, len(groups)))
    axes.hist(groups, bins=bins, stacked=True, color=list(shades), label=labels)
    axes.axvline(lengths.mean(), color=INK, linewidth=1, linestyle='--')
    axes.annotate(f' mean {lengths.mean():.1f}', (lengths.mean(), 1), va='top',
                  xycoords=('data', 'axes fraction'), fontsize=8)
    axes.set(title='Length of episodes', ylabel='episodes',
             xlabel=f'transitions kept, at {demos.layout.rate_hz:g} Hz',
             xlim=(low - 3, high + 3))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    if len(groups) > 1:
        handles, names = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], names[::-1], loc='upper left', bbox_to_anchor=(1.0, 1.0))


def _draw_actions(axes: Axes, demos: Demonstrations) -> None:
    bins = np.linspace(-1, 1, 51)
    for name, action, colour in _actions(demos):
        share = np.histogram(action, bins)[0] / len(action)
        axes.stairs(share, bins, color=colour, linewidth=1.6, label=name)
        axes.stairs(share, bins, color=colour, fill=True, alpha=0.10)
    # One action at its limit all the time would flatten the others.
    axes.set_yscale('symlog', linthresh=0.02)
    ticks = (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)
    top = axes.get_ylim()[1]
    axes.set_yticks([tick for tick in ticks if tick <= top],
                    [f'{tick:.0%}' for tick in ticks if tick <= top], minor=False)
    axes.set_yticks([], minor=True)
    axes.set(title='Actions', xlabel='normalised: ±1 is the limit of the command',
             ylabel='share of transitions', ylim=(0, None))
    axes.legend(loc='upper center', bbox_to_anchor=(0.5, -0.2), ncols=3)


def _actions(demos: Demonstrations) -> Iterable[tuple[str, Array, str]]:
    return zip(component_names(demos.layout.action)[:ACTIONS_DRAWN], demos.action.T, COLOURS)

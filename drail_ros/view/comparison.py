"""The outcome of a comparison: one figure of learning curves, one table as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from drail_ros.files import write_whole
from drail_ros.view.curves import mean_and_spread

_COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000',
            '#999933', '#882255', '#44aa99', '#aa4499', '#661100', '#6699cc', '#888888')
"""Told apart by the colour-blind: Okabe & Ito's, then Tol's muted ones."""
_MARKERS = 'osD^vP*X<>hpd8'


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


@dataclass(frozen=True)
class Row:
    """One algorithm; scores in percent or as returns."""

    algorithm: str
    runs: tuple[Outcome, ...]
    scores: tuple[float, ...]
    sampled: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean score over seeds."""
        return float(np.mean(self.scores))


def write_comparison(outcomes: Sequence[Outcome], has_success: bool, output: Path) -> str:
    """Write ``comparison.png``, ``.md`` and ``.csv``; return the Markdown table."""
    rows = _rows(outcomes, 100.0 if has_success else 1.0)
    unit = 'success [%]' if has_success else 'return'
    markdown = _markdown(rows, unit)
    write_whole(output / 'comparison.md', markdown.encode())
    write_whole(output / 'comparison.csv', _csv(rows, unit).encode())
    _draw(rows, unit, has_success, output / 'comparison.png')
    return markdown


def _rows(outcomes: Sequence[Outcome], scale: float) -> list[Row]:
    rows = []
    for algorithm in dict.fromkeys(run.algorithm for run in outcomes):
        members = tuple(run for run in outcomes if run.algorithm == algorithm)
        rows.append(Row(algorithm, members, tuple(scale * run.score for run in members),
                        tuple(scale * run.sampled_score for run in members
                              if run.sampled_score is not None)))
    return sorted(rows, key=lambda row: -row.mean)


def _steps(row: Row) -> str:
    last = int(max(run.metrics[-1]['step'] for run in row.runs))
    return f'{last:,}' if row.runs[0].is_online else f'– ({last} epochs)'


def _markdown(rows: Sequence[Row], unit: str) -> str:
    lines = [f'| algorithm | environment steps | {unit}, deterministic | {unit}, sampled | '
             'each seed |', '|---|---|---|---|---|']
    for row in rows:
        each = ', '.join(f'{run.seed}: {score:.1f}' for run, score in zip(row.runs, row.scores))
        lines.append(f'| {row.algorithm} | {_steps(row)} | {_plus_minus(row.scores)} | '
                     f'{_plus_minus(row.sampled)} | {each} |')
    return '\n'.join(lines) + '\n'


def _plus_minus(values: Sequence[float]) -> str:
    return f'{np.mean(values):.1f} ± {np.std(values):.1f}' if values else '–'


def _csv(rows: Sequence[Row], unit: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(['algorithm', 'seed', 'steps', unit, f'{unit} of samples'])
    for row in rows:
        sampled = row.sampled or [''] * len(row.runs)
        for run, score, sample in zip(row.runs, row.scores, sampled):
            steps = int(run.metrics[-1]['step'])
            writer.writerow([row.algorithm, run.seed, steps, score, sample])
    return text.getvalue()


def _draw(rows: Sequence[Row], unit: str, percent: bool, path: Path) -> None:
    figure = Figure(figsize=(9, 5), layout='constrained')
    axes = figure.subplots()
    name = 'evaluation/success_rate' if percent else 'evaluation/return'
    for row, colour, marker in zip(rows, _COLOURS * 3, _MARKERS * 3):
        label = f'{row.algorithm}  {_plus_minus(row.scores)}'
        if row.runs[0].is_online:
            curves = [[r for r in run.metrics if name in r] for run in row.runs]
            steps, mean, spread = mean_and_spread(curves, name)
            scale = 100.0 if percent else 1.0
            axes.plot(steps, scale * mean, color=colour, marker=marker, markersize=4, label=label)
            axes.fill_between(steps, scale * (mean - spread), scale * (mean + spread), alpha=0.15,
                              color=colour, linewidth=0)
        else:
            std = float(np.std(row.scores))
            axes.axhline(row.mean, color=colour, linestyle='--', label=f'{label} (offline)')
            axes.axhspan(row.mean - std, row.mean + std, alpha=0.08, color=colour,
                         linewidth=0)
    seeds = max(len(row.runs) for row in rows)
    axes.set(xlabel='environment steps [million]',
             ylabel=f'{unit}, deterministic; mean ± std of {seeds} seeds')
    if percent:
        axes.set_ylim(-2, 102)
    axes.grid(alpha=0.3)
    figure.legend(loc='outside right upper', frameon=False, title=f'at the end, {unit}')
    figure.savefig(path, dpi=150)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""The outcomes of trials, gathered to what figures and tables of a comparison show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math

import numpy as np

from drail_ros.tasks.task import Task
from drail_ros.view.published import Published

_COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000',
            '#999933', '#882255', '#44aa99', '#aa4499', '#661100', '#6699cc', '#888888')
"""Told apart by the colour-blind: Okabe & Ito's, then Tol's muted ones."""
_MARKERS = 'osD^vP*X<>hpd8'
NOTHING = '–'


@dataclass(frozen=True)
class Outcome:
    """What became of one trial, at one place of the comparison; scores in percent or returns."""

    name: str
    """Of its result file."""
    label: str
    """Algorithm, or name of a variant."""
    setting: str
    """The varied one; empty where none is."""
    value: str
    """Of the varied setting, as it was written."""
    seed: int
    is_online: bool
    """Whether it counts environment steps; else passes over the demonstrations."""
    last_step: int
    """Environment steps, or passes over the demonstrations, in all."""
    noise: float
    """At which the last policy was judged."""
    score: float
    """Of the last policy's mean action."""
    sampled_score: float | None
    """Of the last policy's samples, where it has any."""
    episodes: int
    """Of each of the two."""
    seconds: float
    """That training took."""
    demonstrations: str
    """Hash of what was learned from."""
    curve: tuple[tuple[int, float], ...]
    """Steps and scores of the mean action while training."""
    sampled_curve: tuple[tuple[int, float], ...]
    """The same of sampled actions; empty where none were evaluated."""

    @property
    def lag(self) -> float | None:
        """Mean action less sampled at the worst evaluation after half of the run, if any."""
        return min((mean - sampled for (step, mean), (_, sampled) in zip(
            self.curve, self.sampled_curve) if 2 * step >= self.last_step), default=None)


@dataclass(frozen=True)
class Line:
    """All outcomes of one label, in one colour."""

    label: str
    colour: str
    marker: str
    runs: tuple[Outcome, ...]
    published: tuple[Published, ...]

    @property
    def is_online(self) -> bool:
        """Whether it learned in the environment."""
        return self.runs[0].is_online

    @property
    def mean(self) -> float:
        """Mean score over all runs."""
        return float(np.mean(self.scores))

    @property
    def scores(self) -> tuple[float, ...]:
        """Of the mean action, each run."""
        return tuple(run.score for run in self.runs)

    @property
    def sampled(self) -> tuple[float, ...]:
        """Of samples, each run that has any."""
        return tuple(run.sampled_score for run in self.runs if run.sampled_score is not None)

    @property
    def best(self) -> tuple[float, ...]:
        """Of the mean action, the best evaluation while training, each run."""
        return tuple(max(score for _, score in run.curve) for run in self.runs)

    def at(self, value: str) -> Line:
        """Return what there is of it at one value of the varied setting."""
        return Line(self.label, self.colour, self.marker,
                    tuple(run for run in self.runs if run.value == value),
                    tuple(each for each in self.published
                          if each.stands_at(each.setting, value)))


@dataclass(frozen=True)
class Panel:
    """What was varied, and all lines over its values."""

    setting: str
    """Empty where nothing was varied."""
    values: tuple[str, ...]
    lines: tuple[Line, ...]
    """The highest first."""
    unit: str
    digits: int
    """Decimals of scores."""
    has_success: bool
    """Whether scores are success in percent."""


def panels_of(outcomes: Sequence[Outcome], task: Task, labels: Sequence[str],
              varied: Mapping[str, Sequence[str]],
              published: Sequence[Published] = ()) -> list[Panel]:
    """Return a panel for each varied setting, and in it a line for each label with outcomes.

    Where nothing was varied, there is one panel of one value, both nameless.
    """
    panels = []
    for setting, values in (varied or {'': ('',)}).items():
        lines = []
        for i, label in enumerate(labels):
            runs = tuple(run for run in outcomes if (run.label, run.setting) == (label, setting))
            if runs:
                lines.append(Line(label, _COLOURS[i % len(_COLOURS)], _MARKERS[i % len(_MARKERS)],
                                  runs, tuple(each for each in published if (
                                      each.label, each.setting) == (label, setting))))
        panels.append(Panel(setting, tuple(values),
                            tuple(sorted(lines, key=lambda line: -line.mean)),
                            'success [%]' if task.has_success else 'return',
                            _decimals(outcomes, task), task.has_success))
    return panels


def plus_minus(values: Sequence[float], digits: int) -> str:
    """Return mean ± standard deviation of what there is."""
    if not values:
        return NOTHING
    spread = f' ± {np.std(values):.{digits}f}' if len(values) > 1 else ''
    return f'{np.mean(values):.{digits}f}{spread}'


def steps_to(score: float, curve: Sequence[tuple[int, float]]) -> int | None:
    """Return the steps at the first evaluation of at least ``score``; None where none was."""
    return next((step for step, reached in curve if reached >= score), None)


def told_seeds(outcomes: Sequence[Outcome]) -> str:
    """Return of how many seeds each mean is."""
    counts = Counter((run.label, run.setting, run.value) for run in outcomes).values()
    fewest, most = min(counts), max(counts)
    number = f'{most}' if fewest == most else f'{fewest} to {most}'
    return f'{number} seed{"s" * (most > 1)}'


def _decimals(outcomes: Sequence[Outcome], task: Task) -> int:
    """Return one for percent; for returns as many as leave the largest three digits."""
    largest = max(abs(run.score) for run in outcomes)
    if task.has_success or not 0 < largest < 10:
        return 1
    return 2 - math.floor(math.log10(largest))

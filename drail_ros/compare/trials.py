# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""From what is compared to what is trained, and at which noise each training is judged.

What would be learned twice with the same settings is one trial. Trains nothing, reads no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
import re

from drail_ros import plugins, settings
from drail_ros.errors import unknown_name, UserError
from drail_ros.learn.train.settings import (
    make_run_settings,
    number_of_demonstrations,
    OnlineSettings,
    RunSettings,
)
from drail_ros.settings import Scalar, Spec

RESULTS, RUNS = 'results', 'runs'
"""Folders in that of a comparison: small files to keep, and the heavy folders of the runs."""
Learned = frozenset[tuple[str, Scalar]]
_FACTOR = re.compile(r'x(\d*\.?\d+(e[+-]?\d+)?)')


@dataclass(frozen=True)
class Variant:
    """An algorithm with settings of its own."""

    algorithm: str
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Trial:
    """One training."""

    name: str
    folder: Path
    given: Mapping[str, object]
    """What ``drail train`` is told."""
    settings: RunSettings

    @property
    def is_online(self) -> bool:
        """Whether it counts environment steps; else passes over the demonstrations."""
        return isinstance(self.settings, OnlineSettings)


@dataclass(frozen=True, eq=False)
class Measurement:
    """The last policy of a trial judged at a noise level; kept in one result file."""

    name: str
    path: Path
    trial: Trial
    noise: float


@dataclass(frozen=True)
class Point:
    """A varied setting at one of its values, both as written; empty where nothing is varied."""

    setting: str = ''
    value: str = ''


UNVARIED = Point()


@dataclass(frozen=True)
class Case:
    """A place of a measurement in figure and tables; it may have several."""

    label: str
    """Algorithm, or name of a variant."""
    setting: str
    """The varied one; empty where none is."""
    value: str
    """Of the varied setting, as it was written."""
    seed: int
    measurement: Measurement


class Expansion:
    """Turns labels, seeds and varied settings into cases, and makes every trial once.

    ``common`` and varied settings pass by the algorithms that do not have them; those of an entry
    do not.
    """

    def __init__(self, task: str, entries: Mapping[str, Variant], common: Mapping[str, object],
                 output: Path) -> None:
        self._task, self._entries, self._common = task, entries, common
        self._output = output
        self._known: dict[tuple[str, object], frozenset[str]] = {}
        """Settings there are, by algorithm and agent."""
        self._runs: dict[tuple[str, int, Point], RunSettings] = {}
        self._trials: dict[Learned, Trial] = {}
        self._measurements: dict[tuple[str, float], Measurement] = {}

    def cases(self, seeds: Sequence[int], vary: Mapping[str, Sequence[object]]) -> list[Case]:
        """Return a case for each seed, value of each varied setting, and label.

        Each setting is varied while all others are as they are: lines through one point.

        Raises:
            UserError: a setting is unknown or its value wrong, or two trials get one name.

        """
        points = [Point(name, value) for name, values in vary.items()
                  for value in dict.fromkeys(map(str, values))] or [UNVARIED]
        for entry in self._entries.values():
            for point in (UNVARIED, *points):
                self._add_known(entry, point)
        return [Case(label, point.setting, point.value, seed, self._measured(label, seed, point))
                for seed in seeds for point in points for label in self._entries]

    def _measured(self, label: str, seed: int, point: Point) -> Measurement:
        base, asked = (self._resolved(label, seed, p) for p in (UNVARIED, point))
        if learned_from(asked) != learned_from(base):
            trial = self._trial(label, seed, point)
        else:
            trial = self._trial(label, seed, UNVARIED)
            point = UNVARIED if asked.noise == base.noise else point
        key = trial.name, asked.noise
        if key not in self._measurements:
            name = _new_name(label, seed, point, self._measurements.values())
            self._measurements[key] = Measurement(
                name, self._output / RESULTS / f'{name}.json', trial, asked.noise)
        return self._measurements[key]

    def _trial(self, label: str, seed: int, point: Point) -> Trial:
        run = self._resolved(label, seed, point)
        key = learned_from(run)
        if key not in self._trials:
            name = _new_name(label, seed, point, self._trials.values())
            folder = self._output / RUNS / name
            its_folder = {'output_dir': str(folder)}
            self._trials[key] = Trial(name, folder, self._given(label, seed, point) | its_folder,
                                      settings.replace(run, its_folder))
        return self._trials[key]

    def _resolved(self, label: str, seed: int, point: Point) -> RunSettings:
        key = label, seed, point
        if key not in self._runs:
            self._runs[key] = _settings(self._given(label, seed, point))
        return self._runs[key]

    def _given(self, label: str, seed: int, point: Point) -> dict[str, object]:
        """Return what a run is told, a factor multiplied."""
        entry = self._entries[label]
        foreign = (frozenset({'agent'}).union(*self._known.values())
                   - self._known[entry.algorithm, self._agent(entry, point)])
        common = {name: value for name, value in self._common.items() if name not in foreign}
        given = {'task': self._task, 'algorithm': entry.algorithm, 'seed': seed, **common,
                 **entry.settings}
        if not point.setting or point.setting in foreign:
            return given
        if not is_factor(point.value):
            return given | {point.setting: point.value}
        specs = settings.specs(self._resolved(label, seed, UNVARIED))
        if point.setting not in specs:
            raise unknown_name('setting to vary', point.setting, specs)
        return given | {point.setting: multiplied(point.value, specs[point.setting])}

    def _add_known(self, entry: Variant, point: Point) -> None:
        agent = self._agent(entry, point)
        names = frozenset(settings.specs(_settings({
            'task': self._task, 'algorithm': entry.algorithm, **(
                {} if agent is None else {'agent': agent})})))
        self._known[entry.algorithm, agent] = (
            names if _leaves_agent_open(entry.algorithm) else names - {'agent'})

    def _agent(self, entry: Variant, point: Point) -> object:
        """Return the agent that is asked for; None where none is, or there is no choice."""
        asked = {**self._common, **entry.settings, point.setting: point.value}
        return asked.get('agent') if _leaves_agent_open(entry.algorithm) else None


def learned_from(run: RunSettings) -> Learned:
    """Return all settings on which it depends what a run learns: equal ones learn the same."""
    values = settings.values(run)
    for name in ('output_dir', 'resume', *(() if run.learns_at_noise else ('noise',))):
        del values[name]
    values['demonstrations'] = number_of_demonstrations(run)
    return frozenset(values.items())


def is_factor(value: object) -> bool:
    """Whether a value to vary is written as a factor, such as ``x0.5``."""
    return _FACTOR.fullmatch(str(value)) is not None


def multiplied(factor: str, spec: Spec) -> object:
    """Return a factor times the number that ``spec`` has by default; text of other settings.

    Raises:
        UserError: that number is 0, which has no multiples.

    """
    if spec.type not in (int, float):
        return factor
    if not spec.default:
        raise UserError(f'setting {spec.name!r} has no number to multiply', found=spec.default,
                        do='vary it by values')
    assert isinstance(spec.default, (int, float))
    product = float(f'{float(factor[1:]) * spec.default:.15g}')  # 0.2 x 0.0003 is 0.00006
    return round(product) if spec.type is int else product


def _settings(given: Mapping[str, object]) -> RunSettings:
    return make_run_settings(given, 'drail compare')


def _leaves_agent_open(algorithm: str) -> bool:
    return algorithm in plugins.names(plugins.REWARDS)


def _new_name(label: str, seed: int, point: Point, named: Iterable[Trial | Measurement]) -> str:
    """Return a name for files.

    Raises:
        UserError: it is one of ``named`` already.

    """
    varied = [f'{point.setting}={point.value}'] if point.setting else []
    name = re.sub(r'[^\w.=+-]+', '_', '_'.join([label, *varied, str(seed)]))
    if any(name == other.name for other in named):
        raise UserError(f'two trials of other settings would both be kept as {name!r}',
                        do='give variants names that differ in letters or digits')
    return name

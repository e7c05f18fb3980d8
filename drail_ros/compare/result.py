# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""The result of a trial: one small JSON file that says all there is to know of it, and stays.

Figures and tables are made of these files alone, on any machine and years later. So each holds the
settings it was made with, and is refused where others are asked for. A setting that a file does
not know yet counts as having the default of its settings class, which is how things were before
there was a setting; one that it knows and we no longer do is a difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
import json
import math
from pathlib import Path
from typing import Any

from drail_ros import settings
from drail_ros.compare.trials import Measurement
from drail_ros.episodes.evaluate import Evaluation
from drail_ros.errors import UserError
from drail_ros.files import read_json, write_whole
from drail_ros.learn.train.settings import FREE_TO_CHANGE, RunSettings, task_of, WATCHING
from drail_ros.settings import Scalar

_NOT_KEPT = ('output_dir', 'demo_path', 'resume')
"""Settings that say where things were on one machine; demonstrations are told by their hash."""
_DIGITS = 5
"""Significant ones of measured numbers."""


@dataclass(frozen=True)
class Curve:
    """The evaluations while training, equally many of each."""

    of: str
    """What was measured: ``success_rate`` or ``return``."""
    step: tuple[int, ...]
    """Environment steps, or passes over the demonstrations."""
    mean: tuple[float, ...]
    """Of the mean action."""
    sampled: tuple[float, ...]
    """Of sampled actions; empty where none were evaluated."""
    seconds: tuple[float, ...]
    """That training had taken, with its evaluations, without pauses."""

    @classmethod
    def of_log(cls, rows: Sequence[Mapping[str, float]], of: str) -> Curve:
        """Gather what was evaluated from the log of a run."""
        def column(name: str, digits: int = _DIGITS) -> tuple[float, ...]:
            return tuple(_rounded(row[name], digits) for row in evaluated if name in row)
        evaluated = [row for row in rows if f'evaluation/{of}' in row]
        return cls(of, tuple(int(row['step']) for row in evaluated), column(f'evaluation/{of}'),
                   column(f'evaluation_sampled/{of}'), column('train/seconds', 4))


@dataclass(frozen=True)
class Episodes:
    """How a policy fared in some episodes."""

    episodes: int
    successes: int
    mean_length: float
    mean_return: float
    std_return: float

    @classmethod
    def of(cls, evaluation: Evaluation) -> Episodes:
        """Round what was measured."""
        return cls(evaluation.episodes, evaluation.successes, *map(_rounded, (
            evaluation.mean_length, evaluation.mean_return, evaluation.std_return)))


@dataclass(frozen=True)
class Final:
    """How the last policy of a trial fared, in episodes that training did not see."""

    step: int
    noise: float
    """Of these episodes; where a method learns at a noise, also of its training."""
    seed: int
    mean: Episodes
    """By its mean action, or by its plans."""
    sampled: Episodes | None
    """By sampled actions, where it has any."""


@dataclass(frozen=True)
class Result:
    """What is kept of a trial."""

    task: str
    algorithm: str
    seed: int
    versions: Mapping[str, str]
    """Of packages; ``commit`` of this one's sources."""
    settings: Mapping[str, Scalar]
    demonstrations: str
    """Hash of what was learned from; empty where nothing was."""
    seconds: float
    """That training took, with its evaluations, without pauses."""
    curve: Curve
    final: Final

    @classmethod
    def of(cls, record: Mapping[str, Any], rows: Sequence[Mapping[str, float]], of: str,
           final: Final) -> Result:
        """Put together the record and the log of a run, and how its last policy fared."""
        given = {k: v for k, v in record['settings'].items() if k not in _NOT_KEPT}
        return cls(given['task'], given['algorithm'], given['seed'], record['versions'], given,
                   record['demonstrations'], _rounded(rows[-1]['train/seconds']),
                   Curve.of_log(rows, of), final)

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        write_whole(path, (_laid_out(asdict(self)) + '\n').encode())

    @classmethod
    def read(cls, path: Path) -> Result:
        """Read what ``write`` wrote.

        Raises:
            UserError: it cannot be read, or is no result.

        """
        content = read_json(path)
        try:
            final = content['final']
            sampled = final['sampled'] and Episodes(**final['sampled'])
            curve: dict[str, Any] = {name: value if name == 'of' else tuple(value)
                                     for name, value in content['curve'].items()}
            return cls(**{
                **content, 'curve': Curve(**curve),
                'final': Final(**{**final, 'mean': Episodes(**final['mean']),
                                  'sampled': sampled})})
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(f'{path} is no result of a trial', found=repr(error),
                            expected=', '.join(field.name for field in fields(cls)),
                            do='restore it, or delete it and the trial is run again') from error

    def score(self, episodes: Episodes) -> float:
        """Return what is compared: the share of successes, or the mean return."""
        if self.curve.of == 'success_rate':
            return episodes.successes / episodes.episodes
        return episodes.mean_return

    def __str__(self) -> str:
        """How the last policy fared, in one line."""
        final = self.final
        of = {'mean action': final.mean} | ({'sampled': final.sampled} if final.sampled else {})
        form = '.1%' if self.curve.of == 'success_rate' else '.1f'
        told = ', '.join(f'{name} {self.score(each):{form}}' for name, each in of.items())
        return f'{self.curve.of.replace("_rate", "")}: {told}; {final.mean.episodes} episodes'

    def check(self, asked: Measurement, episodes: int) -> None:
        """Refuse a result of something else than is asked for, or of fewer ``episodes``.

        Raises:
            UserError: naming every difference.

        """
        different = _differences(self.settings, asked.trial.settings)
        if self.final.noise != asked.noise:
            different.append(f'noise of the episodes: {self.final.noise!r} then, '
                             f'{asked.noise!r} now')
        if self.final.mean.episodes < episodes:
            different.append(f'episodes: {self.final.mean.episodes} then, {episodes} now')
        if different:
            raise UserError(f'{asked.path} is the result of other settings',
                            found='; '.join(different), expected='the same settings',
                            do='compare with those settings, or choose another --output; or '
                               'delete the file and what it is made of is made again')


def _differences(recorded: Mapping[str, object], now: RunSettings) -> list[str]:
    current: dict[str, object] = {**settings.values(now)}
    ignored = {*FREE_TO_CHANGE, *(() if now.learns_at_noise else ('noise',)),
               *(() if current.get('stop_at_success') else WATCHING)}
    before = {**settings.defaults(now), **recorded}
    if not now.demo_path:  # all of those there are
        for values in (current, before):
            values['demonstrations'] = values['demonstrations'] or task_of(now).demonstrations
    return [f'{name}: {before[name]!r} then, '
            f'{repr(current[name]) if name in current else "no such setting"} now'
            for name in before if name not in ignored and before[name] != current.get(name)]


def _rounded(value: float, digits: int = _DIGITS) -> float:
    return float(f'{value:.{digits}g}') if math.isfinite(value) else value


def _laid_out(value: object, depth: int = 0) -> str:
    """Return JSON with a line for each entry, but lists of numbers on one."""
    if not isinstance(value, Mapping):
        return json.dumps(value)
    indent = ' ' * (depth + 1)
    entries = [f'{indent}{json.dumps(name)}: {_laid_out(inner, depth + 1)}'
               for name, inner in value.items()]
    return '{\n' + ',\n'.join(entries) + f'\n{" " * depth}}}'

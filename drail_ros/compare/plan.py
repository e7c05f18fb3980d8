# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""What is to be compared, as a person says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
import shlex

from drail_ros.compare.trials import Case, Expansion, is_factor, Trial, Variant
from drail_ros.errors import unknown_name, UserError

OWN = ('task', 'algorithm', 'seed', 'output_dir', 'resume')
"""Settings that the comparison itself gives to each trial."""


@dataclass(frozen=True)
class Comparison:
    """What is to be compared."""

    task: str
    algorithms: Sequence[str]
    seeds: Sequence[int]
    output: Path
    episodes: int = 300
    """Of the mean action of each last policy, and as many of samples."""
    jobs: int = 1
    """Trials at a time."""
    common: Mapping[str, object] = field(default_factory=dict)
    """Settings of all trials that have them."""
    special: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Settings of the trials of one algorithm, and of its variants."""
    variants: Mapping[str, Variant] = field(default_factory=dict)
    """By their names, compared beside the algorithms."""
    vary: Mapping[str, Sequence[object]] = field(default_factory=dict)
    """Values of settings that are varied one at a time, in all trials that have them; ``'x2'`` is
    twice what a setting is otherwise."""
    reference: Path | None = None
    """File of published figures; see ``drail_ros.view.published``."""

    def cases(self) -> list[Case]:
        """Return all that is drawn, seed by seed: few seeds are complete before the next begins.

        Raises:
            UserError: a name or value is wrong.

        """
        self._check()
        return Expansion(self.task, self.entries(), self.common, self.output).cases(
            tuple(dict.fromkeys(self.seeds)), self.vary)

    def trials(self) -> list[Trial]:
        """Return what is trained, each once; see ``cases``."""
        return list(dict.fromkeys(case.measurement.trial for case in self.cases()))

    def command(self) -> str:
        """Return what to type for the same comparison."""
        words = ['drail', 'compare', '--task', self.task]
        if self.algorithms:
            words += ['--algorithms', *self.algorithms]
        for label, variant in self.variants.items():
            own = ','.join(_assignments(variant.settings))
            words += ['--variant', f'{label}={variant.algorithm}{":" if own else ""}{own}']
        for name, values in self.vary.items():
            words += ['--vary', f'{name}={",".join(map(str, values))}']
        words += ['--seeds', *map(str, self.seeds), '--episodes', str(self.episodes),
                  '--jobs', str(self.jobs), '--output', str(self.output)]
        if self.reference:
            words += ['--reference', str(self.reference)]
        assignments = _assignments(self.common) + [
            f'{algorithm}:{assignment}' for algorithm, own in self.special.items()
            for assignment in _assignments(own)]
        return shlex.join([*words, *(['--set', *assignments] if assignments else [])])

    def entries(self) -> dict[str, Variant]:
        """Return algorithms and variants by label, each with all settings of its own."""
        asked = {**{name: Variant(name) for name in self.algorithms}, **self.variants}
        return {label: Variant(entry.algorithm, {**self.special.get(entry.algorithm, {}),
                                                 **entry.settings})
                for label, entry in asked.items()}

    def _check(self) -> None:
        for name in ('episodes', 'jobs'):
            if getattr(self, name) < 1:
                raise UserError(f'--{name} is out of range', found=getattr(self, name),
                                expected='1 or more')
        if not (self.algorithms or self.variants):
            raise UserError('there is nothing to compare', do='give --algorithms or --variant')
        for label in self.variants:
            if label in self.algorithms:
                raise UserError(f'variant {label!r} is called like an algorithm beside it',
                                do='give it another name')
        used = [*self.algorithms, *(variant.algorithm for variant in self.variants.values())]
        for name in self.special:
            if name not in used:
                raise unknown_name('algorithm in --set', name, used)
        for group in (self.common, self.vary, *self.special.values(),
                      *(variant.settings for variant in self.variants.values())):
            for name in group:
                if name in OWN:
                    raise UserError(f'setting {name!r} cannot be set for a comparison',
                                    do='give --task, --algorithms, --seeds, --output')
        for name, values in self.vary.items():
            if len({is_factor(value) for value in values}) != 1:
                raise UserError(f'values of --vary {name} do not go together',
                                found=','.join(map(str, values)) or 'none',
                                expected='all values, or all factors such as x0.5,x1,x2')


def _assignments(values: Mapping[str, object]) -> list[str]:
    return [f'{name}={value}' for name, value in values.items()]

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What ``drail demos info`` prints about demonstrations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from drail_ros.data.demonstrations import component_names, Demonstrations
from drail_ros.tasks.task import Array, Field

SATURATED = 0.999
"""An action of this magnitude counts as being at its limit."""


def describe(demonstrations: Demonstrations) -> str:
    """Size, success, lengths, statistics of every number with its unit, noise levels, hash."""
    demos, layout = demonstrations, demonstrations.layout
    lengths, starts = demos.lengths, demos.starts
    ends = starts + lengths - 1
    seconds = (demos.step[ends] + 1) / layout.rate_hz
    cut = int((~demos.terminated[ends] & ~demos.truncated[ends]).sum())
    facts = {
        'task': f'{layout.task} at {layout.rate_hz:g} Hz',
        'episodes': f'{demos.num_episodes}, {demos.success[ends].sum()} ended in success, '
                    f'{demos.terminated[ends].sum()} terminated, '
                    f'{demos.truncated[ends].sum()} truncated'
                    + f', {cut} kept without their last step' * bool(cut),
        'transitions': f'{len(demos)}',
        'length': f'{lengths.min()} to {lengths.max()}, mean {lengths.mean():.1f} transitions '
                  f'({seconds.min():.2f} to {seconds.max():.2f} s)',
        'noise': _counts(Counter('unknown' if n != n else f'{n:g}x'
                                 for n in sorted(demos.noise))),
        'source': _counts(Counter(source or 'unknown' for source in demos.sources)),
        'recorded': f'{demos.created or "unknown"} by drail_ros {demos.version}',
        'hash': demos.content_hash(),
    }
    lines = [f'{name + ":":<13}{fact}' for name, fact in facts.items()]
    lines += ['', *_table('observation', layout.observation, demos.obs, demos.obs[starts])]
    at_limit = (np.abs(demos.action) >= SATURATED).mean(axis=0)
    commands = _table('action', layout.action, demos.action, demos.action[starts])
    lines += ['', commands[0] + '  at limit  command at -1 to 1']
    limits = [f'{f.low:g} to {f.high:g} {f.unit}'.rstrip() for f in layout.action
              for _ in range(f.size)]
    lines += [f'{row}  {share:8.1%}  {limit}'
              for row, share, limit in zip(commands[1:], at_limit, limits)]
    return '\n'.join(lines)


def _table(title: str, fields: Iterable[Field], values: Array, first: Array) -> list[str]:
    fields = list(fields)
    names = component_names(fields)
    units = [field.unit for field in fields for _ in range(field.size)]
    if title == 'action':
        units = [''] * len(names)
    width = max(len(name) for name in [title, *names])
    lines = [f'{title:<{width}}  {"unit":4}' + ''.join(
        f'{word:>10}' for word in ('mean', 'std', 'min', 'max')) + f'{"episode starts":>22}']
    # Means in float64: float32 loses digits over a million rows.
    means, spreads = values.mean(axis=0, dtype=float), values.std(axis=0, dtype=float)
    for i, (name, unit) in enumerate(zip(names, units)):
        numbers = (means[i], spreads[i], values[:, i].min(), values[:, i].max())
        start = f'{_short(first[:, i].min())} to {_short(first[:, i].max())}'
        lines.append(f'{name:<{width}}  {unit:4}' + ''.join(f'{_short(n):>10}' for n in numbers)
                     + f'{start:>22}')
    return lines


def _short(number: float) -> str:
    """Three decimals, or an exponent where these would show nothing."""
    small = 0 < abs(number) < 5e-4
    return f'{number:.1e}' if small or abs(number) >= 1e5 else f'{number:.3f}'


def _counts(words: Counter[str]) -> str:
    return ', '.join(f'{word} ({count} episodes)' for word, count in words.items())

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Datasets made of datasets: several joined, one divided, a part of one.

All give new demonstrations and leave the old ones alone; checked again as a whole, like any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
import re

from drail_ros.data.demonstrations import arrays_of, Demonstrations, digest, Episode
from drail_ros.errors import UserError

_RANGE = re.compile(r'(\d+)(?:-(\d+))?')


def merge(datasets: Sequence[tuple[Path, Demonstrations]]) -> Demonstrations:
    """Join datasets in their order, episodes numbered anew from 0.

    Raises:
        UserError: they differ in task, rate or fields; all differences are named.

    """
    (first, demonstrations), *others = datasets
    layout = demonstrations.layout
    different = [f'{path}: {what} is {found}, expected {expected}' for path, other in others
                 for what, found, expected in other.layout.differences(layout)]
    if different:
        raise UserError('these datasets cannot be merged', found='\n            '.join(different),
                        expected=f'the task, rate and fields of {first}')
    return Demonstrations.join([e for _, demos in datasets for e in demos.episodes()])


def split(demonstrations: Demonstrations, at: str) -> tuple[Demonstrations, Demonstrations]:
    """Divide a dataset in two, episodes in their order, none divided.

    Args:
        demonstrations: at least two episodes.
        at: how many of them go first, or the share that does: ``30`` or ``0.8``.

    Raises:
        UserError: one of the two would be empty.

    """
    total = demonstrations.num_episodes
    try:
        count = round(float(at) * total) if '.' in at else int(at)
    except (ValueError, OverflowError):
        count = 0
    if not 0 < count < total:
        raise UserError(f'cannot split {total} episodes', found=f'--at {at}',
                        expected=f'1 to {total - 1} episodes, or a share such as 0.8 that leaves '
                                 'some on both sides')
    chosen = range(count), range(count, total)
    first, second = (_part(demonstrations, positions) for positions in chosen)
    return first, second


def trim(demonstrations: Demonstrations, episodes: str = '', first: int = 0) -> Demonstrations:
    """Keep some episodes, and of each the first steps; they keep their numbers.

    Args:
        demonstrations: what to take from.
        episodes: their numbers, such as ``0-9,12``; all if empty.
        first: how many transitions of each; 0 is all.

    Raises:
        UserError: there are no such episodes, or nothing would be left.

    """
    if first < 0:
        raise UserError('cannot keep so few transitions', found=first, expected='at least 1')
    numbers = demonstrations.numbers
    wanted = _numbers(episodes, numbers) if episodes else set(numbers)
    kept = _part(demonstrations, [i for i, number in enumerate(numbers) if number in wanted])
    if not first:
        return kept
    shorter = [_beginning(episode, first) for episode in kept.episodes()]
    return Demonstrations.join(shorter, kept.numbers, kept.created, kept.version)


def repeated(demonstrations: Demonstrations) -> int:
    """Count the episodes whose arrays are those of an earlier one."""
    counts = Counter(digest(arrays_of(episode), '') for episode in demonstrations.episodes())
    return sum(counts.values()) - len(counts)


def _part(demonstrations: Demonstrations, positions: Sequence[int]) -> Demonstrations:
    episodes, numbers = demonstrations.episodes(), demonstrations.numbers
    return Demonstrations.join([episodes[i] for i in positions], [numbers[i] for i in positions],
                               demonstrations.created, demonstrations.version)


def _beginning(episode: Episode, transitions: int) -> Episode:
    arrays = {name: array[:transitions] for name, array in arrays_of(episode).items()}
    return Episode(episode.layout, **arrays, noise=episode.noise, source=episode.source)


def _numbers(text: str, known: Sequence[int]) -> set[int]:
    """Return the episodes that ``0-9,12`` names, all of which there must be."""
    wanted: set[int] = set()
    for part in text.split(','):
        match = _RANGE.fullmatch(part.strip())
        first = int(match[1]) if match else 0
        last = int(match[2] or match[1]) if match else -1
        named = {number for number in known if first <= number <= last}
        if first not in named or last not in named:
            raise UserError(f'no such episodes: {part.strip() or text!r}',
                            found=f'{len(known)} episodes, {known[0]} to {known[-1]}',
                            expected='numbers of theirs and ranges, such as 0-9,12')
        wanted |= named
    return wanted

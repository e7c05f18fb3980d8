# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Arrays of any origin to demonstrations: the one place that casts, scales and checks them.

Nothing is believed and nothing is invented: a number that does not fit is a problem that is
named, and what a file does not say is told in a note.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drail_ros.data.demonstrations import (
    Demonstrations,
    Episode,
    Layout,
    problems,
    UNKNOWN_NOISE,
)
from drail_ros.data.formats.format import Loaded, NORMALISED, plural, UNITS, unusable
from drail_ros.tasks.task import Array, Task

_ENDS = ('terminated', 'truncated')
_FLAGS = (*_ENDS, 'success')


@dataclass
class Recorded:
    """One episode of L steps as another program stored it; None is what the file has not."""

    where: str
    """Its name in the file, such as ``demo_3``."""
    obs: Any = None
    """``[L, O]``, or ``[L]`` where O is 1; any numbers."""
    action: Any = None
    """``[L, A]``, or ``[L]`` where A is 1."""
    next_obs: Any = None
    """``[L, O]``; without it the last step, whose end is not known, is left out."""
    terminated: Any = None
    """``[L]``: bool, or numbers that are 0 and 1; so are the following."""
    truncated: Any = None
    done: Any = None
    """Either of them; where the file does not tell them apart."""
    success: Any = None
    step: Any = None
    """``[L]`` integers; without it 0, 1, 2 …"""
    number: int | None = None
    noise: float = UNKNOWN_NOISE
    source: str = ''


def from_arrays(path: Path, task: Task, episodes: Sequence[Recorded], actions: str = NORMALISED,
                found: Sequence[str] = (), notes: Sequence[str] = (),
                history: Mapping[str, str] | None = None) -> Loaded:
    """Check and convert episodes.

    Args:
        path: the file they are from, for errors.
        task: what they are of.
        episodes: what the file holds.
        actions: ``normalised``, or ``units`` where they are commands in the task's units.
        found: what is wrong with the file already.
        notes: what is to be told already.
        history: ``created`` and ``version``, where the file says.

    Raises:
        UserError: anything is wrong; all of it is named.

    """
    found, counts = list(found), Counter[str]()
    layout = Layout.of(task)
    converted = []
    for recorded in episodes:
        wrong: list[str] = []
        arrays = _converted(recorded, task, actions, wrong, counts)
        wrong = wrong or list(problems(arrays, layout))
        found += [f'{recorded.where}: {problem}' for problem in wrong]
        if not wrong:
            converted.append(Episode(layout, **arrays, noise=recorded.noise,
                                     source=recorded.source))
    if not episodes and not found:
        found.append('no episodes, expected at least one')
    if found:
        do = (f'say --actions {UNITS} if actions are commands in the units of the task'
              if any('action' in problem and 'expected [-1, 1]' in problem for problem in found)
              else None)
        raise unusable(path, found, do)
    numbers = [recorded.number for recorded in episodes]
    known = [number for number in numbers if number is not None]
    return Loaded(Demonstrations.join(converted, known if len(known) == len(numbers) else None,
                                      **(history or {})),
                  [*notes, *(f'{what} ({plural(count, "episode")})'
                             for what, count in counts.items())])


def _converted(recorded: Recorded, task: Task, actions: str, wrong: list[str],
               notes: Counter[str]) -> dict[str, Array]:
    """Return the arrays of an episode; add to ``wrong`` and ``notes``."""
    size = len(recorded.obs) if np.ndim(recorded.obs) else 0
    arrays: dict[str, Array] = {}
    rounded = False
    for name, width in (('obs', task.observation_size), ('action', task.action_size),
                        ('next_obs', task.observation_size)):
        value = getattr(recorded, name)
        if value is None and name == 'next_obs':
            continue
        value = _numbers(name, value, (size, width), wrong)
        if name == 'action' and actions == UNITS and value is not None:
            value = _normalised(value, task, wrong)
        single, changed = _single(name, value, wrong)
        rounded |= changed
        if single is not None:
            arrays[name] = single
    for name in (*_FLAGS, 'done'):
        value = _flags(name, getattr(recorded, name), size, wrong)
        if value is not None:
            arrays[name] = value
    arrays['step'] = _steps(recorded.step, size, wrong)
    if wrong:
        return arrays
    if rounded:
        notes['float64 rounded to float32'] += 1
    if 'next_obs' not in arrays:
        if size < 2:
            wrong.append('one step and no next_obs, expected at least two steps')
        arrays['next_obs'] = arrays['obs'][1:]
        arrays |= {name: array[:size - 1] for name, array in arrays.items()}
        notes['no observation after the last step, which was left out with its end'] += 1
    _complete(arrays, task, notes)
    return arrays


def _complete(arrays: dict[str, Array], task: Task, notes: Counter[str]) -> None:
    """Derive the flags that a file does not tell apart, and say so."""
    size = len(arrays['obs'])
    none = np.zeros(size, bool)
    done = arrays.pop('done', None)
    missing = [name for name in _ENDS if name not in arrays]
    if done is None:
        if missing:
            notes[f'no {" or ".join(missing)} in the file: no step is marked so'] += 1
        arrays |= dict.fromkeys(missing, none)
    elif len(missing) == 2:
        notes['done taken as terminated, at the time limit as truncated'] += 1
        limit = arrays['step'] + 1 >= task.horizon
        arrays |= {'terminated': done & ~limit, 'truncated': done & limit}
    elif missing:
        known, = set(_ENDS) - set(missing)
        arrays[missing[0]] = done & ~arrays[known]
    if 'success' not in arrays:
        if task.has_success:
            notes['no success in the file: no step is marked as one'] += 1
        arrays['success'] = none


def _numbers(name: str, value: Any, shape: tuple[int, int], wrong: list[str]) -> Array | None:
    """Return a column or a matrix of real numbers as ``[L, width]``, or None."""
    if value is None:
        wrong.append(f'{name} is missing')
        return None
    array = np.asarray(value)
    if array.dtype.kind not in 'fiu' or array.dtype.itemsize > 8:
        wrong.append(f'{name} is {array.dtype}, expected numbers of at most 64 bits')
        return None
    if shape[1] == 1 and array.ndim == 1:
        array = array[:, None]
    if array.shape != shape or not array.size:
        wrong.append(f'{name} has shape {array.shape}, expected {shape}' if shape[0]
                     else f'{name} has shape {array.shape}, expected at least one row')
        return None
    return array


def _single(name: str, array: Array | None, wrong: list[str]) -> tuple[Array | None, bool]:
    """Return float32, and whether that rounded anything; NaN is left for ``problems`` to name."""
    if array is None:
        return None, False
    with np.errstate(over='ignore'):
        single = array.astype(np.float32)
    lost = np.isfinite(array) & ~np.isfinite(single)
    if lost.any():
        wrong.append(f'{name} has numbers such as {array[lost][0]:g}, expected float32')
        return None, False
    return single, bool(((single != array) & np.isfinite(array)).any())


def _normalised(command: Array, task: Task, wrong: list[str]) -> Array | None:
    """Commands in the task's units to actions; outside the limits is a problem."""
    low, high = (limit.astype(np.float32) for limit in task.command_limits())
    outside = np.flatnonzero(((command.astype(np.float32) < low)
                              | (command.astype(np.float32) > high)).any(axis=1))
    if outside.size:
        wrong.append(f'command is {command[outside[0]].tolist()} in row {outside[0]}, expected '
                     f'{low.tolist()} to {high.tolist()} ({outside.size} such rows)')
        return None
    # At a limit, the float32 of the limit may lie beyond it by its rounding, and by no more.
    action: Array = np.clip(task.command_scale().action(command.astype(float)), -1.0, 1.0)
    return action.astype(np.float32)


def _flags(name: str, value: Any, size: int, wrong: list[str]) -> Array | None:
    if value is None:
        return None
    array = np.asarray(value)
    if array.shape == (size, 1):
        array = array[:, 0]
    if (array.shape != (size,) or array.dtype.kind not in 'bfiu'
            or not ((array == 0) | (array == 1)).all()):
        wrong.append(f'{name} is {array.dtype} of shape {array.shape}, expected bool, or numbers '
                     f'that are 0 or 1, of shape {(size,)}')
        return None
    return array.astype(bool)


def _steps(value: Any, size: int, wrong: list[str]) -> Array:
    if value is None:
        return np.arange(size, dtype=np.int64)
    array = np.asarray(value)
    if array.shape == (size, 1):
        array = array[:, 0]
    if array.shape != (size,) or array.dtype.kind not in 'iu':
        wrong.append(f'step is {array.dtype} of shape {array.shape}, expected integers of shape '
                     f'{(size,)}')
        return np.arange(size, dtype=np.int64)
    return array.astype(np.int64)

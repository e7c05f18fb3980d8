# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Demonstrations in memory: frozen, checked transitions, and the layout that gives them meaning.

Owns what a valid episode is, and says so of arrays from any source: a file, a recorder, a
simulator, an import. Does not read or write files (``storage.py``). Arrays are read-only; a
learner copies them: ``torch.tensor(demonstrations.obs)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
import hashlib

import numpy as np

import drail_ros
from drail_ros.errors import UserError
from drail_ros.tasks.task import Array, Field, Task

ARRAYS: dict[str, type] = {
    'obs': np.float32, 'action': np.float32, 'next_obs': np.float32, 'terminated': np.bool_,
    'truncated': np.bool_, 'success': np.bool_, 'step': np.int64,
}
"""The arrays of an episode and their types, in the order in which they are hashed."""
UNKNOWN_NOISE = float('nan')
"""Noise level of an episode that was not simulated."""


@dataclass(frozen=True)
class Layout:
    """What the numbers mean: two sets of episodes may be joined only if these are equal."""

    task: str
    rate_hz: float
    observation: tuple[Field, ...]
    action: tuple[Field, ...]
    """Command fields: an action of ±1 is a command at the field's limit."""

    @classmethod
    def of(cls, task: Task) -> Layout:
        """Layout of a task; help texts are left out, so that rewording one changes nothing."""
        def bare(fields: Iterable[Field]) -> tuple[Field, ...]:
            return tuple(Field(f.name, f.size, f.unit, f.low, f.high) for f in fields)
        return cls(task.name, task.rate_hz, bare(task.observation), bare(task.command_fields))

    @property
    def observation_size(self) -> int:
        """Length O of an observation."""
        return sum(field.size for field in self.observation)

    @property
    def action_size(self) -> int:
        """Length A of an action."""
        return sum(field.size for field in self.action)

    def differences(self, expected: Layout) -> Iterator[tuple[str, object, object]]:
        """Yield (what, found, expected) for all that differs."""
        for what in ('task', 'rate_hz'):
            if getattr(self, what) != getattr(expected, what):
                yield what, getattr(self, what), getattr(expected, what)
        for what in ('observation', 'action'):
            found, wanted = getattr(self, what), getattr(expected, what)
            if [f.name for f in found] != [f.name for f in wanted]:
                yield (f'{what} fields', ', '.join(f.name for f in found),
                       ', '.join(f.name for f in wanted))
            else:
                for f, w in zip(found, wanted):
                    if f != w:
                        yield f'{what} field {f.name}', _describe(f), _describe(w)


@dataclass(frozen=True, eq=False)
class Episode:
    """One demonstrated episode of L kept steps, checked against its layout at construction.

    Raises:
        UserError: an array has another type or shape, a number is not finite, an action lies
            outside [-1, 1], or the rows are no steps of one episode; all that is wrong is named.

    """

    layout: Layout
    obs: Array
    """``[L, O]`` float32."""
    action: Array
    """``[L, A]`` float32, normalised to [-1, 1]."""
    next_obs: Array
    """``[L, O]`` float32: what followed, never the first observation after a reset."""
    terminated: Array
    """``[L]`` bool."""
    truncated: Array
    """``[L]`` bool."""
    success: Array
    """``[L]`` bool."""
    step: Array
    """``[L]`` int64: control step within the episode; gaps where steps were not kept."""
    noise: float = UNKNOWN_NOISE
    """The simulator's noise level."""
    source: str = ''
    """Who or what acted, such as ``scripted expert``."""

    def __post_init__(self) -> None:
        """Check and freeze."""
        found = list(problems(arrays_of(self), self.layout))
        if found:
            raise UserError(f'episode of task {self.layout.task!r} is not valid',
                            found='; '.join(found))
        _freeze(self)

    def __len__(self) -> int:
        return len(self.obs)


@dataclass(frozen=True, eq=False)
class Demonstrations:
    """T transitions of E whole episodes, one after the other; checked as an ``Episode`` is.

    Raises:
        UserError: the arrays are no such episodes, or their facts are not those of E episodes.

    """

    layout: Layout
    obs: Array
    """``[T, O]`` float32."""
    action: Array
    """``[T, A]`` float32, normalised to [-1, 1]."""
    next_obs: Array
    """``[T, O]`` float32."""
    terminated: Array
    """``[T]`` bool."""
    truncated: Array
    """``[T]`` bool."""
    success: Array
    """``[T]`` bool."""
    step: Array
    """``[T]`` int64: control step within the episode."""
    episode: Array
    """``[T]`` int64: number of the episode, increasing; gaps where episodes were deleted."""
    noise: tuple[float, ...]
    """Noise level of each of the E episodes."""
    sources: tuple[str, ...]
    """Who or what acted in each of the E episodes."""
    created: str = ''
    """When the dataset was begun, ISO 8601 with time zone."""
    version: str = drail_ros.__version__
    """The drail_ros that wrote it."""

    def __post_init__(self) -> None:
        """Check and freeze."""
        found = list(problems(arrays_of(self), self.layout, self.episode))
        if not found and not self.num_episodes == len(self.noise) == len(self.sources):
            found = [f'{self.num_episodes} episodes, {len(self.noise)} noise levels and '
                     f'{len(self.sources)} sources']
        if found:
            raise UserError(f'demonstrations of task {self.layout.task!r} are not valid',
                            found='; '.join(found))
        _freeze(self)

    @classmethod
    def join(cls, episodes: Sequence[Episode], numbers: Sequence[int] | None = None,
             created: str = '', version: str = drail_ros.__version__) -> Demonstrations:
        """Put episodes of one layout one after the other, numbered from 0 unless told.

        Raises:
            UserError: there are none, they differ in their layout, or the numbers do not increase.

        """
        if not episodes:
            raise UserError('no episodes', expected='at least one')
        layout = episodes[0].layout
        for what, found, expected in (d for e in episodes for d in e.layout.differences(layout)):
            raise UserError(f'episodes differ in {what}', found=found, expected=expected)
        lengths = [len(e) for e in episodes]
        return cls(layout=layout, created=created, version=version,
                   episode=np.repeat(np.array(numbers or range(len(episodes)), np.int64), lengths),
                   noise=tuple(e.noise for e in episodes),
                   sources=tuple(e.source for e in episodes),
                   **{name: np.concatenate([getattr(e, name) for e in episodes])
                      for name in ARRAYS})

    def __len__(self) -> int:
        return len(self.obs)

    @property
    def starts(self) -> Array:
        """Row of the first transition of each episode, ``[E]``."""
        return np.flatnonzero(np.diff(self.episode, prepend=self.episode[:1] - 1))

    @property
    def lengths(self) -> Array:
        """Transitions of each episode, ``[E]``."""
        return np.diff(self.starts, append=len(self))

    @property
    def num_episodes(self) -> int:
        """E."""
        return len(self.starts)

    @property
    def noise_levels(self) -> tuple[float, ...]:
        """The different noise levels, sorted; unknown ones left out."""
        return tuple(sorted({n for n in self.noise if n == n}))

    @property
    def numbers(self) -> list[int]:
        """Number of each of the E episodes."""
        return [int(number) for number in self.episode[self.starts]]

    def episodes(self) -> list[Episode]:
        """Return the E episodes one by one."""
        ends = self.starts + self.lengths
        return [Episode(self.layout, **{name: getattr(self, name)[start:end] for name in ARRAYS},
                        noise=noise, source=source)
                for start, end, noise, source in zip(self.starts, ends, self.noise, self.sources)]

    def first(self, episodes: int) -> Demonstrations:
        """Return the first so many episodes.

        Raises:
            UserError: there are fewer.

        """
        if episodes > len(self.lengths):
            raise UserError('fewer demonstrations than asked for',
                            found=f'{len(self.lengths)} episodes', expected=f'{episodes}',
                            do='record more, or ask for fewer')
        rows = slice(0, int(np.sum(self.lengths[:episodes])))
        return Demonstrations(layout=self.layout, episode=self.episode[rows],
                              noise=self.noise[:episodes], sources=self.sources[:episodes],
                              created=self.created, version=self.version,
                              **{name: getattr(self, name)[rows] for name in ARRAYS})

    def content_hash(self) -> str:
        """SHA-256 of what is learned from: task, arrays and where episodes begin.

        The same on every machine, however the episodes are numbered and whenever they were made.
        """
        return digest(arrays_of(self), f'{self.layout.task} {self.starts.tolist()}').hex()


def problems(arrays: Mapping[str, Array], layout: Layout,
             episode: Array | None = None) -> Iterator[str]:
    """Yield all that is wrong with the arrays of one episode, or of several.

    ``arrays`` holds those of an ``Episode`` by name; ``episode``, ``[T]`` int64, tells several
    apart.
    """
    shapes = list(_shape_problems(arrays, layout))
    if shapes:
        yield from shapes
        return
    size = len(arrays['obs'])
    if episode is None:
        episode = np.zeros(size, np.int64)
    elif episode.shape != (size,) or episode.dtype != np.int64 or (np.diff(episode) < 0).any():
        yield f'episode is {_kind(episode)}, expected increasing int64 of shape {(size,)}'
        return
    for name in ('obs', 'action', 'next_obs'):
        bad = np.flatnonzero(~np.isfinite(arrays[name]).all(axis=1))
        if bad.size:
            yield (f'{name} is {arrays[name][bad[0]].tolist()} in row {bad[0]}, expected '
                   f'finite numbers ({bad.size} such rows)')
    outside = np.flatnonzero((np.abs(arrays['action']) > 1).any(axis=1))
    if outside.size:
        yield (f'action is {arrays["action"][outside[0]].tolist()} in row {outside[0]}, expected '
               f'[-1, 1] ({outside.size} such rows)')
    yield from _order_problems(arrays, episode)


def _shape_problems(arrays: Mapping[str, Array], layout: Layout) -> Iterator[str]:
    widths = {'obs': (layout.observation_size,), 'action': (layout.action_size,),
              'next_obs': (layout.observation_size,)}
    size = next((len(a) for a in arrays.values() if a.ndim), 0)
    if not size:
        yield 'no transitions, expected at least one'
        return
    for name, dtype in ARRAYS.items():
        expected = (size, *widths.get(name, ()))
        if name not in arrays:
            yield f'array {name} is missing'
        elif arrays[name].shape != expected or arrays[name].dtype != dtype:
            yield (f'{name} is {_kind(arrays[name])}, expected {np.dtype(dtype)} of shape '
                   f'{expected}')


def _order_problems(arrays: Mapping[str, Array], episode: Array) -> Iterator[str]:
    step = arrays['step']
    inside = episode[1:] == episode[:-1]
    first = np.concatenate([[True], ~inside])
    if (step[first] < 0).any() or (np.diff(step)[inside] <= 0).any():
        yield 'step does not increase from 0 or more within an episode'
    ended = np.flatnonzero((arrays['terminated'] | arrays['truncated'])[:-1] & inside)
    if ended.size:
        yield f'the episode goes on after its end in row {ended[0]}'
    follows = inside & (np.diff(step) == 1)
    same = (arrays['next_obs'][:-1] == arrays['obs'][1:]).all(axis=1)
    finite = np.isfinite(arrays['next_obs'][:-1]).all(axis=1) & np.isfinite(
        arrays['obs'][1:]).all(axis=1)
    broken = np.flatnonzero(follows & finite & ~same)
    if broken.size:
        yield (f'next_obs in row {broken[0]} is not the obs of the step after it '
               f'({broken.size} such rows)')


def digest(arrays: Mapping[str, Array], text: str) -> bytes:
    """SHA-256 of a text and of named arrays in the order of ``ARRAYS``, little-endian."""
    sha = hashlib.sha256(text.encode())
    for name in ARRAYS:
        array = np.ascontiguousarray(arrays[name])
        array = array.astype(array.dtype.newbyteorder('<'), copy=False)
        sha.update(f'\n{name} {array.dtype.str} {array.shape}\n'.encode())
        sha.update(array.tobytes())
    return sha.digest()


def arrays_of(owner: Episode | Demonstrations) -> dict[str, Array]:
    """Return the arrays of an episode or of demonstrations by name."""
    return {name: getattr(owner, name) for name in ARRAYS}


def component_names(layout_fields: Iterable[Field]) -> list[str]:
    """One name for each number of a vector: ``gripper_position.x``, ``fingers.0``, ``state``.

    A plural (``finger_positions``) is several things, not the axes of one.
    """
    names: list[str] = []
    for field in layout_fields:
        axes = field.size in (2, 3) and field.unit in ('m', 'm/s') and field.name[-1] != 's'
        parts = 'xyz' if axes else [str(i) for i in range(field.size)]
        names += [field.name] if field.size == 1 else [
            f'{field.name}.{part}' for part in parts[:field.size]]
    return names


def _freeze(owner: Episode | Demonstrations) -> None:
    for field in fields(owner):
        value = getattr(owner, field.name)
        if isinstance(value, np.ndarray):
            value = np.array(value, order='C')
            value.setflags(write=False)
            object.__setattr__(owner, field.name, value)


def _kind(array: Array) -> str:
    return f'{array.dtype} of shape {array.shape}'


def _describe(field: Field) -> str:
    return f'{field.size} × [{field.low:g}, {field.high:g}] {field.unit}'.rstrip()

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""One .npz file of numpy arrays, for one's own scripts: nothing is lost, nothing is unpickled.

Written: ``obs action next_obs terminated truncated success step episode`` with T rows each,
``noise source`` of the E episodes and ``drail_ros``, JSON that says what the numbers mean. Read:
``obs action next_obs``, either ``terminated`` and ``truncated`` or ``done``, and what there is of
the others; without ``episode``, one ends where ``terminated``, ``truncated`` or ``done`` says so.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
import zipfile
import zlib

import numpy as np

from drail_ros.data.demonstrations import arrays_of, Demonstrations, UNKNOWN_NOISE
from drail_ros.data.formats.format import (
    facts,
    Format,
    LARGEST,
    Loaded,
    OURS,
    read_facts,
    refuse_existing,
    unsaid,
    unusable,
)
from drail_ros.data.formats.from_arrays import from_arrays, Recorded
from drail_ros.files import write_whole
from drail_ros.tasks.task import Array, Task

ROWS = ('obs', 'action', 'next_obs', 'terminated', 'truncated', 'done', 'success', 'step')
"""What has a row for each transition."""
_NAMES = {*ROWS, 'episode', 'noise', 'source', OURS}
_BROKEN = (OSError, ValueError, KeyError, EOFError, RuntimeError, NotImplementedError,
           zipfile.BadZipFile, zlib.error)
"""What zipfile and numpy raise on bytes that are no npz file."""


def export(demonstrations: Demonstrations, path: Path) -> list[str]:
    """Write one file; all that a dataset holds has a place in it."""
    refuse_existing(path)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays_of(demonstrations),
             episode=demonstrations.episode, noise=np.array(demonstrations.noise),
             source=np.array(demonstrations.sources), **{OURS: np.array(facts(demonstrations))})
    write_whole(path, buffer.getvalue())
    return []


def load(path: Path, task: Task, actions: str) -> Loaded:
    """Read one file.

    Raises:
        UserError: it is no npz file of such episodes; all that is wrong is named.

    """
    arrays, found = _read(path)
    history = read_facts(str(arrays[OURS]), task, found) if OURS in arrays else {}
    notes = [] if OURS in arrays else [unsaid(task)]
    notes += [f'{name} not taken over' for name in sorted(arrays.keys() - _NAMES)]
    rows = {name: arrays[name] for name in ROWS if name in arrays}
    if found:
        raise unusable(path, found)
    if 'obs' not in rows or not rows['obs'].ndim:
        raise unusable(path, [f'no array obs with a row for each transition, only '
                              f'{", ".join(sorted(arrays)) or "nothing"}'])
    episode = arrays.get('episode')
    if episode is None:
        episode = numbered(rows, found)
    size = len(rows['obs'])
    if episode.shape != (size,) or episode.dtype.kind not in 'iu' or not size or (
            np.diff(episode.astype(np.int64), prepend=0) < 0).any():
        found.append(f'episode is {episode.dtype} of shape {episode.shape}, expected increasing '
                     f'integers of shape {(size,)}')
    found += [f'{name} has shape {array.shape}, expected {size} rows'
              for name, array in rows.items() if array.shape[:1] != (size,)]
    if found:
        raise unusable(path, found)
    starts = np.flatnonzero(np.diff(episode.astype(np.int64), prepend=-1))
    about = _about(arrays, len(starts), found)
    episodes = [Recorded(f'episode {episode[start]}', number=int(episode[start]), noise=noise,
                         source=source, **{name: array[start:end] for name, array in rows.items()})
                for start, end, (noise, source) in zip(starts, [*starts[1:], size], about)]
    return from_arrays(path, task, episodes, actions, found, notes, history)


def numbered(rows: dict[str, Array], found: list[str]) -> Array:
    """Return the episode of each row, ``[T]``, of rows in which only ends are marked."""
    size = len(rows['obs'])
    ends = np.zeros(size, bool)
    for name in ('terminated', 'truncated', 'done'):
        if name in rows and rows[name].shape in ((size,), (size, 1)) and (
                rows[name].dtype.kind in 'biuf'):
            ends |= rows[name].reshape(size) == 1
    if not ends.any():
        found.append('neither an episode ends nor is there an array episode, expected either')
    number: Array = np.concatenate([[0], np.cumsum(ends)[:-1]]).astype(np.int64)
    return number


def _about(arrays: dict[str, Array], episodes: int,
           found: list[str]) -> list[tuple[float, str]]:
    """Return noise level and source of each episode."""
    noise = arrays.get('noise', np.full(episodes, UNKNOWN_NOISE))
    source = arrays.get('source', np.full(episodes, ''))
    if noise.shape != (episodes,) or noise.dtype.kind not in 'fiu' or (
            np.isinf(noise) | (noise < 0)).any():
        found.append(f'noise is {noise.dtype} of shape {noise.shape}, expected {episodes} numbers')
    if source.shape != (episodes,) or source.dtype.kind != 'U':
        found.append(f'source is {source.dtype} of shape {source.shape}, expected {episodes} '
                     'texts')
    return [(float(n), str(s)) for n, s in zip(noise, source)] if not found else [
        (UNKNOWN_NOISE, '')] * episodes


def _read(path: Path) -> tuple[dict[str, Array], list[str]]:
    """Return the arrays of a file, and what is wrong with it."""
    try:
        with zipfile.ZipFile(path) as archive:
            read, found = {}, []
            for entry in archive.infolist():
                name = entry.filename.removesuffix('.npy')
                try:
                    read[name] = _read_array(archive, entry)
                except _BROKEN as error:
                    found.append(f'array {name}: {error}')
            return read, found
    except _BROKEN as error:
        return {}, [f'missing, truncated or damaged ({error}), expected an npz file']


def _read_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Array:
    """Read an array whose header declares neither Python objects nor more than there is."""
    if entry.file_size > LARGEST:
        raise ValueError(f'{entry.file_size} bytes, expected at most {LARGEST}')
    member = io.BytesIO(archive.read(entry))
    version = np.lib.format.read_magic(member)
    readers = {(1, 0): np.lib.format.read_array_header_1_0,
               (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f'npy format {version}, expected 1.0 or 2.0')
    shape, _, dtype = readers[version](member)
    if dtype.hasobject:
        raise ValueError('pickled Python objects, which are never read; expected numbers')
    there = len(member.getbuffer()) - member.tell()
    if math.prod(shape) * dtype.itemsize != there:
        raise ValueError(f'declared as {dtype} of shape {shape}, but {there} bytes')
    member.seek(0)
    array: Array = np.lib.format.read_array(member, allow_pickle=False)
    return array


FORMAT = Format(load, export)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""LeRobotDataset v3.0, states and actions only: a folder of parquet files.

::

    <folder>/meta/info.json  stats.json  tasks.parquet      features, their statistics, the task
             meta/episodes/chunk-000/file-000.parquet       a row for each episode
             meta/drail_ros.json                            layout and history, ours
             data/chunk-000/file-000.parquet                a row for each step

LeRobot's own layout has neither the observation after the last step nor steps left out, so
columns of ours beside the usual ones hold them: ``next.observation.state`` and ``step``; policies
of LeRobot pass over both. Where a file has no ``next.observation.state``, the last step of each
episode is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from drail_ros.data.demonstrations import (
    component_names,
    Demonstrations,
    Episode,
    Layout,
    UNKNOWN_NOISE,
)
from drail_ros.data.formats import parquet
from drail_ros.data.formats.format import (
    facts,
    Format,
    library,
    Loaded,
    OURS,
    plural,
    read_facts,
    unusable,
)
from drail_ros.data.formats.from_arrays import from_arrays, Recorded
from drail_ros.errors import UserError
from drail_ros.files import flush_folder, read_json, whole_folder, write_json, write_whole
from drail_ros.tasks.task import Array, Field, Task

VERSION = 'v3.0'
STATE, ACTION, NEXT_STATE = 'observation.state', 'action', 'next.observation.state'
NOISE, SOURCE = f'{OURS}/noise', f'{OURS}/source'
"""Columns of ours in the table of episodes."""
TIMESTAMP_TOLERANCE_S = 1e-4
"""LeRobot's own."""
_FLAGS = {'next.terminated': 'terminated', 'next.truncated': 'truncated', 'next.done': 'done',
          'next.success': 'success'}
_INDICES = ('frame_index', 'episode_index', 'index')
_FILE = 'chunk-000/file-000.parquet'
_QUANTILES = {'q01': 0.01, 'q10': 0.1, 'q50': 0.5, 'q90': 0.9, 'q99': 0.99}
_PANDAS_TASKS = {
    'index_columns': ['task'], 'column_indexes': [], 'creator': {'library': OURS, 'version': '1'},
    'columns': [{'name': name, 'field_name': name, 'pandas_type': kind, 'numpy_type': stored,
                 'metadata': None} for name, kind, stored in (
                     ('task_index', 'int64', 'int64'), ('task', 'unicode', 'object'))],
    'pandas_version': '2.0.0'}
"""LeRobot reads the tasks with pandas, by their index; so pandas says it in a parquet file."""


def export(demonstrations: Demonstrations, path: Path) -> list[str]:
    """Write a folder, and tell what LeRobot has no place for."""
    layout = demonstrations.layout
    if layout.rate_hz != int(layout.rate_hz):
        raise UserError(f'task {layout.task} cannot be exported to LeRobot',
                        found=f'{layout.rate_hz:g} Hz', expected='whole frames per second')
    library('pyarrow')
    episodes, start, frames, rows = demonstrations.episodes(), 0, [], []
    for i, episode in enumerate(episodes):
        frames.append(_frames(episode, i, start))
        rows.append({'episode_index': i, 'tasks': [layout.task], 'length': len(episode),
                     'data/chunk_index': 0, 'data/file_index': 0, 'dataset_from_index': start,
                     'dataset_to_index': start + len(episode), 'meta/episodes/chunk_index': 0,
                     'meta/episodes/file_index': 0, NOISE: episode.noise, SOURCE: episode.source,
                     **{f'stats/{name}/{what}': number
                        for name, values in frames[-1].items()
                        for what, number in _statistics(values).items()}})
        start += len(episode)
    together = {name: np.concatenate([frame[name] for frame in frames]) for name in frames[0]}
    with whole_folder(path) as folder:
        write_json(folder / 'meta/info.json', _info(layout, together, len(episodes)))
        write_json(folder / 'meta/stats.json',
                   {name: _statistics(values) for name, values in together.items()})
        write_json(folder / f'meta/{OURS}.json', json.loads(facts(demonstrations)))
        tasks = parquet.table({'task_index': np.zeros(1, np.int64), 'task': [layout.task]})
        tasks = tasks.replace_schema_metadata({'pandas': json.dumps(_PANDAS_TASKS)})
        write_whole(folder / 'meta/tasks.parquet', parquet.encoded([tasks]))
        of_episodes = parquet.table({name: [row[name] for row in rows] for name in rows[0]})
        write_whole(folder / 'meta/episodes' / _FILE, parquet.encoded([of_episodes]))
        write_whole(folder / 'data' / _FILE, parquet.encoded(map(parquet.table, frames)))
        for part in ('meta', 'meta/episodes', 'data'):
            flush_folder(folder / part)
    lost = []
    gaps = sum(bool((np.diff(episode.step) > 1).any()) for episode in episodes)
    if gaps:
        lost.append(f'the time of steps after those left out ({plural(gaps, "episode")}; the '
                    'column step has it)')
    if demonstrations.numbers != list(range(len(episodes))):
        lost.append('numbers of episodes that are not 0, 1, 2 …')
    return lost


def _frames(episode: Episode, number: int, start: int) -> dict[str, Array]:
    """Return the columns of an episode, ``[L]`` or ``[L, n]`` each."""
    size = len(episode)
    vectors = {STATE: episode.obs, ACTION: episode.action, NEXT_STATE: episode.next_obs}
    return {
        **{name: array[:, 0] if array.shape[1] == 1 else array
           for name, array in vectors.items()},
        'next.terminated': episode.terminated, 'next.truncated': episode.truncated,
        'next.done': episode.terminated | episode.truncated, 'next.success': episode.success,
        'step': episode.step,
        'timestamp': (np.arange(size) / episode.layout.rate_hz).astype(np.float32),
        'frame_index': np.arange(size), 'episode_index': np.full(size, number),
        'index': start + np.arange(size), 'task_index': np.zeros(size, np.int64),
    }


def _statistics(values: Array) -> dict[str, list[float] | list[int]]:
    numbers = values.reshape(len(values), -1).astype(float)
    found = {'min': numbers.min(axis=0), 'max': numbers.max(axis=0), 'mean': numbers.mean(axis=0),
             'std': numbers.std(axis=0),
             **dict(zip(_QUANTILES, np.quantile(numbers, list(_QUANTILES.values()), axis=0)))}
    return {**{what: row.tolist() for what, row in found.items()}, 'count': [len(values)]}


def _info(layout: Layout, columns: Mapping[str, Array], episodes: int) -> dict[str, Any]:
    names: dict[str, list[str]] = {
        name: component_names(fields) for name, fields in _vectors(layout).items()}
    features = {name: {'dtype': str(values.dtype), 'shape': list(values.shape[1:] or (1,)),
                       'names': names.get(name)} for name, values in columns.items()}
    return {'codebase_version': VERSION, 'robot_type': None, 'fps': int(layout.rate_hz),
            'total_episodes': episodes, 'total_frames': len(columns['index']), 'total_tasks': 1,
            'chunks_size': 1000, 'data_files_size_in_mb': 100, 'video_files_size_in_mb': 200,
            'splits': {'train': f'0:{episodes}'}, 'video_path': None,
            'data_path': 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet',
            'features': features}


def _vectors(layout: Layout) -> dict[str, tuple[Field, ...]]:
    return {STATE: layout.observation, ACTION: layout.action, NEXT_STATE: layout.observation}


def load(path: Path, task: Task, actions: str) -> Loaded:
    """Read a folder.

    Raises:
        UserError: it holds no such episodes of the task; all that is wrong is named.

    """
    layout, found = Layout.of(task), list[str]()
    info = read_json(path / 'meta/info.json')
    if not isinstance(info, dict) or str(info.get('codebase_version'))[:3] != VERSION[:3]:
        version = info.get('codebase_version') if isinstance(info, dict) else None
        raise unusable(path, [f'meta/info.json: codebase_version is {version}, expected '
                              f'{VERSION}'])
    notes = _check_info(info, layout, found)
    ours = path / f'meta/{OURS}.json'
    history = read_facts(json.dumps(read_json(ours)), task, found) if ours.is_file() else {}
    columns = _read_rows(path, layout, found)
    if found:
        raise unusable(path, found)
    starts = _check_order(columns, info, found)
    about = _read_about(path, len(starts), found)
    if found:
        raise unusable(path, found)
    names = {STATE: 'obs', ACTION: 'action', NEXT_STATE: 'next_obs', 'step': 'step', **_FLAGS}
    ends = [*starts[1:], len(columns['index'])]
    episodes = [Recorded(f'episode {i}', number=i, noise=noise, source=source, **{
        names[name]: array[start:end] for name, array in columns.items() if name in names})
        for i, (start, end, (noise, source)) in enumerate(zip(starts, ends, about))]
    return from_arrays(path, task, episodes, actions, notes=notes, history=history)


def _check_info(info: dict[str, Any], layout: Layout, found: list[str]) -> list[str]:
    """Add what does not fit the task to ``found``, and return what is to be told."""
    if info.get('fps') != layout.rate_hz:
        found.append(f'fps is {info.get("fps")}, expected {layout.rate_hz:g}')
    features = info.get('features')
    if not isinstance(features, dict):
        found.append('meta/info.json: no features')
        return []
    notes = []
    for name, fields in _vectors(layout).items():
        feature, expected = features.get(name), component_names(fields)
        names = feature.get('names') if isinstance(feature, dict) else None
        if isinstance(names, dict) and len(names) == 1:
            names = next(iter(names.values()))
        if feature is not None and names is None:
            notes.append(f'the file does not name the parts of {name}')
        elif feature is not None and names != expected:
            found.append(f'{name} is {names}, expected {expected}')
    known = {STATE, ACTION, NEXT_STATE, 'step', 'timestamp', 'task_index', *_FLAGS, *_INDICES}
    return notes + [f'{name} not taken over' for name in sorted(features.keys() - known)]


def _read_rows(path: Path, layout: Layout, found: list[str]) -> dict[str, Array]:
    """Return the columns of all data files, one after the other."""
    sizes = {name: sum(field.size for field in fields)
             for name, fields in _vectors(layout).items()}
    needed = (STATE, ACTION, 'timestamp', *_INDICES)
    wanted: dict[str, int | None] = {**sizes, **dict.fromkeys(
        ('timestamp', *_INDICES, 'step', *_FLAGS), 1)}
    files = sorted((path / 'data').glob('chunk-*/file-*.parquet'))
    read = [parquet.columns(file, str(file.relative_to(path)), wanted, found) for file in files]
    if not files:
        found.append('data/: no chunk-…/file-….parquet, expected at least one')
    for file, columns in zip(files, read):
        missing = [name for name in needed if name not in columns]
        if missing and not any(problem.startswith(f'{file.relative_to(path)}')
                               for problem in found):
            found.append(f'{file.relative_to(path)}: column {", ".join(missing)} is missing')
        if columns.keys() != read[0].keys():
            found.append(f'{file.relative_to(path)}: other columns than the first file')
    return {} if found else {name: np.concatenate([columns[name] for columns in read])
                             for name in read[0]}


def _check_order(columns: dict[str, Array], info: dict[str, Any], found: list[str]) -> list[int]:
    """Return the row in which each episode begins; rows must stand in their order."""
    frame, episode, index = (columns[name] for name in _INDICES)
    rows = np.arange(len(index))
    starts = np.flatnonzero(np.diff(episode, prepend=-1))
    expected = {'index': rows, 'episode_index': np.searchsorted(starts, rows, side='right') - 1,
                'frame_index': rows - starts[np.searchsorted(starts, rows, side='right') - 1]
                if len(starts) else rows}
    for name, numbers in zip(_INDICES, (frame, episode, index)):
        wrong = np.flatnonzero(numbers != expected[name])
        if wrong.size:
            found.append(f'{name} is {numbers[wrong[0]]} in row {wrong[0]}, expected '
                         f'{expected[name][wrong[0]]} ({wrong.size} such rows): rows must stand '
                         'in their order')
    if not found:
        off = np.abs(columns['timestamp'] - frame / float(info['fps']))
        late = np.flatnonzero(~(off <= TIMESTAMP_TOLERANCE_S))
        if late.size:
            found.append(f'timestamp is {columns["timestamp"][late[0]]:g} s in row {late[0]}, '
                         f'expected {frame[late[0]] / info["fps"]:g} s ({late.size} such rows)')
    for name, count in (('total_frames', len(rows)), ('total_episodes', len(starts))):
        if info.get(name) != count:
            found.append(f'meta/info.json: {name} is {info.get(name)}, but there are {count}')
    return [int(start) for start in starts]


def _read_about(path: Path, episodes: int, found: list[str]) -> list[tuple[float, str]]:
    """Return noise level and source of each episode, where the file has our columns."""
    unknown = [(UNKNOWN_NOISE, '')] * episodes
    about: list[tuple[float, str]] = []
    for file in sorted((path / 'meta/episodes').glob('chunk-*/file-*.parquet')):
        columns = parquet.columns(file, str(file.relative_to(path)), {NOISE: 1, SOURCE: None},
                                  found)
        if columns.keys() != {NOISE, SOURCE}:
            return unknown
        about += [(UNKNOWN_NOISE if math.isinf(noise) else float(noise), str(source))
                  for noise, source in zip(columns[NOISE], columns[SOURCE])]
    if about and len(about) != episodes:
        found.append(f'meta/episodes: {plural(len(about), "episode")}, but {episodes} in data')
    return about or unknown


FORMAT = Format(load, export)

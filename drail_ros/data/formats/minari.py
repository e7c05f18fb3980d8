# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Minari's HDF5 folder: one more observation than actions in each episode.

::

    <folder>/data/metadata.json    spaces, totals, drail_ros (layout, history)
    <folder>/data/main_data.hdf5   episode_<i>, attributes: id, total_steps, noise, source
      observations [L + 1, O]  actions [L, A]  rewards  terminations  truncations
      infos/success  infos/step   [L + 1]: after each observation, so that the first is 0

So steps that were left out have no place: an episode is cut in two where some are missing.
Put the folder, under its own name, where ``MINARI_DATASETS_PATH`` points, and
``minari.load_dataset(name)`` finds it. ``rewards`` are 1 where a step succeeds, and never read.
"""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
import re
from typing import Any

import numpy as np

from drail_ros.data.demonstrations import Demonstrations, Episode, Layout, UNKNOWN_NOISE
from drail_ros.data.formats.format import (
    facts,
    Format,
    library,
    Loaded,
    OURS,
    plural,
    read_facts,
    unsaid,
    unusable,
)
from drail_ros.data.formats.from_arrays import from_arrays, Recorded
from drail_ros.data.formats.hdf5 import Node, opened
from drail_ros.data.formats.vectors import read_vectors, unused
from drail_ros.errors import UserError
from drail_ros.files import flush_folder, read_json, whole_folder, write_json, write_whole
from drail_ros.tasks.task import Array, Field, Task

WRITTEN_AS = '0.5.4'
"""Minari's version whose layout is written."""
_NAME = re.compile(r'\w[-\w]*-v\d+')
_EPISODE = re.compile(r'episode_(\d{1,12})')


def export(demonstrations: Demonstrations, path: Path) -> list[str]:
    """Write a folder, and tell what Minari has no place for."""
    h5py = library('h5py')
    name = path.absolute().name
    if not _NAME.fullmatch(name):
        raise UserError(f'{name!r} is no name of a Minari dataset',
                        expected='letters, digits, _ and -, then a version: fetch_push-v0')
    whole = demonstrations.episodes()
    episodes = [piece for episode in whole for piece in _pieces(episode)]
    buffer = io.BytesIO()
    with h5py.File(buffer, 'w') as file:
        for i, episode in enumerate(episodes):
            _write(file.create_group(f'episode_{i}'), i, episode)
    with whole_folder(path) as folder:
        data = folder / 'data'
        write_whole(data / 'main_data.hdf5', buffer.getvalue())
        write_json(data / 'metadata.json', {
            'dataset_id': name, 'minari_version': WRITTEN_AS, 'data_format': 'hdf5',
            'jpeg_encoding': False, 'total_episodes': len(episodes),
            'total_steps': len(demonstrations),
            'dataset_size': round(len(buffer.getvalue()) / 1e6, 1),
            **_spaces(demonstrations.layout), OURS: facts(demonstrations)})
        flush_folder(folder)
    lost = []
    if len(episodes) > len(whole):
        lost.append(f'{plural(len(whole), "episode")} cut into {len(episodes)} where steps are '
                    'left out')
    if demonstrations.numbers != list(range(len(whole))):
        lost.append('numbers of episodes that are not 0, 1, 2 …')
    return lost


def _pieces(episode: Episode) -> list[Episode]:
    """Cut an episode where steps were left out, for an observation can be there only once."""
    cuts = [0, *(np.flatnonzero(np.diff(episode.step) > 1) + 1), len(episode)]
    return [Episode(episode.layout, noise=episode.noise, source=episode.source, **{
        name: getattr(episode, name)[start:end] for name in (
            'obs', 'action', 'next_obs', 'terminated', 'truncated', 'success', 'step')})
            for start, end in zip(cuts, cuts[1:])]


def _write(group: Any, number: int, episode: Episode) -> None:
    group.attrs['id'] = number
    group.attrs['total_steps'] = len(episode)
    group.attrs['noise'] = episode.noise
    group.attrs['source'] = episode.source
    group['observations'] = np.concatenate([episode.obs, episode.next_obs[-1:]])
    group['actions'] = episode.action
    group['rewards'] = episode.success.astype(np.float32)
    group['terminations'] = episode.terminated
    group['truncations'] = episode.truncated
    group['infos/success'] = np.concatenate([[False], episode.success])
    group['infos/step'] = np.concatenate([episode.step, episode.step[-1:] + 1])


def _spaces(layout: Layout) -> dict[str, str]:
    """Return the spaces as the JSON texts that Minari keeps."""
    def box(fields: tuple[Field, ...], low: list[float], high: list[float]) -> str:
        size = sum(field.size for field in fields)
        return json.dumps({'type': 'Box', 'dtype': 'float32', 'shape': [size], 'low': low,
                           'high': high})
    ends = [[limit for f in layout.observation for limit in [getattr(f, end)] * f.size]
            for end in ('low', 'high')]
    size = layout.action_size
    return {'observation_space': box(layout.observation, *ends),
            'action_space': box(layout.action, [-1.0] * size, [1.0] * size)}


def load(path: Path, task: Task, actions: str) -> Loaded:
    """Read a folder.

    Raises:
        UserError: it holds no such episodes of the task; all that is wrong is named.

    """
    data = path / 'data' if (path / 'data').is_dir() else path
    metadata = read_json(data / 'metadata.json')
    if not isinstance(metadata, dict) or metadata.get('data_format', 'hdf5') != 'hdf5':
        kind = metadata.get('data_format') if isinstance(metadata, dict) else type(metadata)
        raise unusable(path, [f'metadata.json: data_format is {kind}, expected hdf5'])
    found: list[str] = []
    history = read_facts(str(metadata[OURS]), task, found) if OURS in metadata else {}
    notes = [] if OURS in metadata else [unsaid(task)]
    with opened(data / 'main_data.hdf5') as file:
        matches = [(_EPISODE.fullmatch(name), name) for name in file.names()]
        file.found += [f'{name}: expected a name such as episode_0' for match, name in matches
                       if not match]
        numbers = sorted(int(match[1]) for match, _ in matches if match)
        if metadata.get('total_episodes', len(numbers)) != len(numbers):
            file.found.append(f'{plural(len(numbers), "episode")}, but metadata.json counts '
                              f'{metadata["total_episodes"]}')
        groups = [file.group(f'episode_{number}') for number in numbers]
        episodes = [_read(group, task) for group in groups if group]
        if groups and groups[0]:
            notes += [f'observations/{key} not taken over' for key in sorted(
                unused(groups[0], 'observations', task.observation))]
        found += file.found
    if found:
        raise unusable(path, found)
    return from_arrays(path, task, episodes, actions, notes=notes, history=history)


def _read(group: Node, task: Task) -> Recorded:
    obs = read_vectors(group, 'observations', task.observation)
    action, noise = group.array('actions'), group.number('noise')
    if obs is not None and action is not None and len(obs) != len(action) + 1:
        group.found.append(f'{group.name}: {len(obs)} observations and {len(action)} actions, '
                           'expected one observation more')
    infos = group.group('infos') if group.is_group('infos') else None
    success, step = (_info(infos, name, after) for name, after in (('success', True),
                                                                   ('step', False)))
    return Recorded(
        group.name, obs=None if obs is None else obs[:-1],
        next_obs=None if obs is None else obs[1:], action=action,
        terminated=group.array('terminations'), truncated=group.array('truncations'),
        success=success, step=step, source=group.text('source') or '',
        noise=UNKNOWN_NOISE if noise is None or math.isinf(noise) else noise)


def _info(infos: Node | None, name: str, after: bool) -> Array | None:
    """Return what is said with the observation after each step, or before it."""
    array = infos.array(name) if infos and name in infos else None
    return None if array is None else array[1:] if after else array[:-1]


FORMAT = Format(load, export)

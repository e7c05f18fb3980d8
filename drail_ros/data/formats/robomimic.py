# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""robomimic's HDF5: a group for each episode, an observation for each field.

::

    data                      attributes: total, env_args (JSON), drail_ros (JSON: layout, history)
    data/demo_<number>        attributes: num_samples, noise, source
      obs/<field>  next_obs/<field>  actions  rewards  dones
      terminated  truncated  success  step      which robomimic passes over

Actions lie in [-1, 1], as robomimic demands. ``rewards`` are 1 where a step succeeds, and never
read, for demonstrations have none. Of files that others wrote, ``dones`` counts in the last step
of an episode only: before that robomimic marks success with it.
"""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
import re
from typing import Any

import numpy as np

from drail_ros.data.demonstrations import Demonstrations, Episode, UNKNOWN_NOISE
from drail_ros.data.formats.format import (
    facts,
    Format,
    library,
    Loaded,
    OURS,
    plural,
    read_facts,
    refuse_existing,
    unsaid,
    unusable,
)
from drail_ros.data.formats.from_arrays import from_arrays, Recorded
from drail_ros.data.formats.hdf5 import Node, opened
from drail_ros.data.formats.vectors import parts, read_vectors, unused
from drail_ros.files import write_whole
from drail_ros.tasks.task import Array, Task

GYM = 2
"""robomimic's number for environments that are made by name."""
_EPISODE = re.compile(r'demo_(\d{1,12})')
_OWN = ('terminated', 'truncated', 'success', 'step')


def export(demonstrations: Demonstrations, path: Path) -> list[str]:
    """Write one file; what robomimic would take otherwise than it is meant is told."""
    refuse_existing(path)
    h5py = library('h5py')
    buffer = io.BytesIO()
    with h5py.File(buffer, 'w') as file:
        data = file.create_group('data')
        data.attrs['total'] = len(demonstrations)
        data.attrs['env_args'] = json.dumps({
            'env_name': demonstrations.layout.task, 'env_type': GYM, 'env_kwargs': {}})
        data.attrs[OURS] = facts(demonstrations)
        for number, episode in zip(demonstrations.numbers, demonstrations.episodes()):
            _write(data.create_group(f'demo_{number}'), episode)
    write_whole(path, buffer.getvalue())
    gaps = sum(bool((np.diff(episode.step) > 1).any()) for episode in demonstrations.episodes())
    return [f'{plural(gaps, "episode")} with steps left out, which robomimic takes for '
            'consecutive'] if gaps else []


def _write(group: Any, episode: Episode) -> None:
    group.attrs['num_samples'] = len(episode)
    group.attrs['noise'] = episode.noise
    group.attrs['source'] = episode.source
    for name, vectors in (('obs', episode.obs), ('next_obs', episode.next_obs)):
        for field, array in parts(episode.layout.observation, vectors).items():
            group[f'{name}/{field}'] = array
    group['actions'] = episode.action
    group['rewards'] = episode.success.astype(np.float32)
    group['dones'] = (episode.terminated | episode.truncated).astype(np.int64)
    for name in _OWN:
        group[name] = getattr(episode, name)


def load(path: Path, task: Task, actions: str) -> Loaded:
    """Read one file.

    Raises:
        UserError: it is no such file of the task's episodes; all that is wrong is named.

    """
    with opened(path) as file:
        found = file.found
        data = file.group('data')
        if data is None:
            raise unusable(path, found)
        about = data.text(OURS)
        history = read_facts(about, task, found) if about is not None else {}
        matches = [(_EPISODE.fullmatch(name), name) for name in data.names()]
        found += [f'data/{name}: expected a name such as demo_0' for match, name in matches
                  if not match]
        named = sorted((int(match[1]), name) for match, name in matches if match)
        notes = [unsaid(task)] if about is None else []
        early = 0
        episodes = []
        for number, name in named:
            group = data.group(name)
            if group is None:
                continue
            episode, before_end = _read(group, number, task)
            episodes.append(episode)
            early += before_end
            notes += [f'obs/{key} not taken over' for key in sorted(
                unused(group, 'obs', task.observation)) if f'obs/{key} not taken over'
                not in notes]
    if found:
        raise unusable(path, found)
    if early:
        notes.append(f'{plural(early, "done")} before the last step of an episode, taken for no '
                     'end')
    return from_arrays(path, task, episodes, actions, notes=notes, history=history)


def _read(group: Node, number: int, task: Task) -> tuple[Recorded, int]:
    """Return an episode, and in how many steps before its last one ``dones`` is not 0."""
    own = {name: group.array(name) for name in _OWN if name in group}
    early, done = 0, None
    if 'terminated' not in own or 'truncated' not in own:
        done, early = _at_the_end(group.array('dones')) if 'dones' in group else (None, 0)
    noise = group.number('noise')
    recorded = Recorded(
        group.name.removeprefix('data/'), number=number, done=done,
        obs=read_vectors(group, 'obs', task.observation),
        next_obs=read_vectors(group, 'next_obs', task.observation) if 'next_obs' in group
        else None,
        action=group.array('actions'), source=group.text('source') or '',
        noise=UNKNOWN_NOISE if noise is None or math.isinf(noise) else noise, **own)
    samples = group.number('num_samples')
    if samples is not None and recorded.action is not None and samples != len(recorded.action):
        group.found.append(f'{group.name}: num_samples is {samples:g}, but there are '
                           f'{len(recorded.action)} actions')
    return recorded, early


def _at_the_end(dones: Array | None) -> tuple[Array | None, int]:
    if dones is None or dones.ndim != 1:
        return dones, 0
    before = int(np.count_nonzero(dones[:-1]))
    return np.where(np.arange(len(dones)) == len(dones) - 1, dones, 0), before


FORMAT = Format(load, export)

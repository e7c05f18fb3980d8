# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Demonstrations on disk: a folder with one small JSON file and one npz file an episode.

::

    my_demos/
      dataset.json                  format, task, rate, fields with units and limits
      episodes/episode_000000.npz   obs next_obs action terminated truncated success step,
      episodes/episode_000001.npz   info (JSON: noise, source), sha256

Why so: an episode is on disk, whole, the moment it ends, whatever happens afterwards to the
process or the power; no footer or index has to be completed, none can disagree with the files. An
episode is appended by writing a file and discarded by deleting one. Nothing is unpickled, and
numpy is all that is needed. Uncompressed, because compression saves a seventh and triples the
time to write.

``obs`` and ``next_obs`` both have L rows, as in robomimic. With L + 1 observations (Minari) the
kept steps of an episode could have no gaps, but a task may demonstrate only some states; with L
(LeRobot) the last observation, on which success rests, would be lost. Where there are no gaps the
three convert into each other; the check that ``next_obs`` then repeats ``obs`` finds recorders
that store the observation after a reset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
import dataclasses
from datetime import datetime, UTC
import fcntl
import io
import json
import math
import os
from pathlib import Path
import re
from types import TracebackType
from typing import Any
import zipfile
import zlib

import numpy as np

import drail_ros
from drail_ros.data.demonstrations import (
    ARRAYS,
    arrays_of,
    Demonstrations,
    digest,
    Episode,
    Layout,
    problems,
    UNKNOWN_NOISE,
)
from drail_ros.errors import UserError
from drail_ros.files import flush_folder, remove_leftovers, replace_file, whole_folder
from drail_ros.tasks.task import Array, Field, Task

FORMAT = 'drail_ros demonstrations'
VERSION = 1
INDEX = 'dataset.json'
EPISODES = 'episodes'

_EPISODE_FILE = re.compile(r'episode_(\d{6,})\.npz')
_BROKEN_FILE = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile,
                zlib.error)
"""What numpy and zipfile raise on bytes that are no npz file."""


class DatasetWriter:
    """Begins a dataset or adds to one; each appended episode is on disk when the call returns.

    One writer at a time: a second one is refused, and the lock goes with the process.

    Raises:
        UserError: the folder holds something else or another task's demonstrations, another
            process writes to it, or it cannot be written.

    """

    def __init__(self, path: str | os.PathLike[str], task: Task) -> None:
        self.path = Path(path)
        self.layout = Layout.of(task)
        self._episodes = self.path / EPISODES
        self._stored = 0
        self._lock = -1
        numbers = [number for number, _ in _episode_files(self.path)]
        self._stored = len(numbers)
        with self._reporting_full_disk():
            self.path.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            try:
                self._begin()
            except BaseException:
                self.close()
                raise
        numbers = [number for number, _ in _episode_files(self.path)]
        self._stored, self._next = len(numbers), max(numbers, default=-1) + 1

    @property
    def num_episodes(self) -> int:
        """Episodes in the dataset."""
        return self._stored

    def append(self, episode: Episode) -> int:
        """Store an episode and return its number.

        Raises:
            UserError: it belongs to another task, or the disk is full. Then nothing of it is
                stored, all earlier episodes are, and the same call may be tried again.

        """
        _check_layout(self.path, episode.layout, self.layout)
        number = self._next
        with self._reporting_full_disk():
            replace_file(self._episodes / f'episode_{number:06d}.npz', _encode(episode))
        self._next, self._stored = number + 1, self._stored + 1
        return number

    def close(self) -> None:
        """Let another writer in; there is nothing left to be written."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def _begin(self) -> None:
        index = self.path / INDEX
        if index.is_file():
            layout, _, found = _read_index(index)
            if layout is None:
                raise _unusable(self.path, found)
            _check_layout(self.path, layout, self.layout)
        elif any(not file.name.startswith('.') for file in self.path.iterdir()):
            raise UserError(f'{self.path} is not a dataset of demonstrations',
                            found=f'a folder with other files and no {INDEX}',
                            expected='a dataset, an empty folder, or a name not yet taken',
                            do='choose another name')
        else:
            flush_folder(self.path.parent)
            replace_file(index, _encode_index(self.layout))
        self._episodes.mkdir(exist_ok=True)
        flush_folder(self.path)
        for folder in (self.path, self._episodes):
            remove_leftovers(folder)

    def _take_lock(self) -> None:
        self._lock = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise UserError(f'{self.path} is being written by another process',
                            do='stop the other recorder, or choose another name') from None

    @contextmanager
    def _reporting_full_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f'cannot write to {self.path}', found=error.strerror or error,
                expected='a folder that can be written, with free space',
                do=f'make room and try again; the {self._stored} episodes stored so far are safe',
            ) from error


def load(path: str | os.PathLike[str], task: Task | None = None) -> Demonstrations:
    """Read a dataset, and check that it is one of ``task`` where that is given.

    Raises:
        UserError: it is no dataset, one of another task, or an episode of it is damaged or not
            valid; all that is wrong is named.

    """
    path = Path(path)
    layout, index, found = _read_index(path / INDEX)
    if layout is None:
        raise _unusable(path, found)
    if task is not None:
        found += [f'{INDEX}: {what} is {was}, expected {wanted}'
                  for what, was, wanted in layout.differences(Layout.of(task))]
    files = _episode_files(path)
    folder = path / EPISODES
    if folder.is_dir():
        named = {file for _, file in files}
        found += [f'{EPISODES}/{file.name}: not the name of an episode, expected '
                  'episode_ and six digits' for file in sorted(folder.glob('[!.]*.npz'))
                  if file not in named]
    episodes = []
    for _, file in files:
        episode, wrong = _read_episode(file, layout)
        found += [f'{EPISODES}/{file.name}: {problem}' for problem in wrong]
        episodes += [episode] if episode else []
    if not files:
        found.append(f'{EPISODES}/: no episodes, expected at least one')
    if found:
        raise _unusable(path, found, len(episodes))
    return Demonstrations.join(episodes, [number for number, _ in files], index['created'],
                               index['drail_ros'])


def save(demonstrations: Demonstrations, path: str | os.PathLike[str]) -> None:
    """Write a dataset, whole or not at all; numbers of episodes and its history are kept.

    Raises:
        UserError: there is something of that name already, or it cannot be written.

    """
    with whole_folder(Path(path)) as folder:
        (folder / EPISODES).mkdir()
        for number, episode in zip(demonstrations.numbers, demonstrations.episodes()):
            replace_file(folder / EPISODES / f'episode_{number:06d}.npz', _encode(episode))
        replace_file(folder / INDEX, _encode_index(
            demonstrations.layout, demonstrations.created, demonstrations.version))


def _episode_files(path: Path) -> list[tuple[int, Path]]:
    folder = path / EPISODES
    if not folder.is_dir():
        return []
    matches = ((_EPISODE_FILE.fullmatch(file.name), file) for file in folder.iterdir())
    return sorted((int(match[1]), file) for match, file in matches if match)


def _encode(episode: Episode) -> bytes:
    info = json.dumps({'noise': None if math.isnan(episode.noise) else episode.noise,
                       'source': episode.source})
    arrays = arrays_of(episode)
    checksum = np.frombuffer(digest(arrays, info), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays, info=np.array(info), sha256=checksum)
    return buffer.getvalue()


def _read_episode(file: Path, layout: Layout) -> tuple[Episode | None, list[str]]:
    """Return the episode, or None and what is wrong with its file."""
    try:
        with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as archive:
            arrays = {name.removesuffix('.npy'): _read_array(archive, name)
                      for name in archive.namelist()}
    except _BROKEN_FILE as error:
        return None, [f'truncated or damaged ({error}), expected an npz file']
    missing = [f'array {name} is missing' for name in (*ARRAYS, 'info', 'sha256')
               if name not in arrays]
    if missing:
        return None, missing
    info, checksum = str(arrays.pop('info')), arrays.pop('sha256').tobytes()
    found = list(problems(arrays, layout))
    if digest(arrays, info) != checksum:
        found.append('checksum mismatch: changed after it was recorded')
    try:
        about = json.loads(info)
        noise = UNKNOWN_NOISE if about['noise'] is None else float(about['noise'])
        source = str(about['source'])
    except (ValueError, KeyError, TypeError):
        found.append(f'info is {info!r}, expected JSON with noise and source')
    if found:
        return None, found
    return Episode(layout, **{name: arrays[name] for name in ARRAYS}, noise=noise,
                   source=source), []


def _read_array(archive: zipfile.ZipFile, name: str) -> Array:
    if archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError('unknown compression')
    # Reading all of it compares the CRC, before the header in it is believed.
    member = io.BytesIO(archive.read(name))
    array: Array = np.lib.format.read_array(member, allow_pickle=False)
    return array


def _encode_index(layout: Layout, created: str = '',
                  version: str = drail_ros.__version__) -> bytes:
    content = {'format': FORMAT, 'version': VERSION, **encode_layout(layout),
               'drail_ros': version,
               'created': created or datetime.now(UTC).isoformat(timespec='seconds')}
    return (json.dumps(content, indent=2, allow_nan=False) + '\n').encode()


def encode_layout(layout: Layout) -> dict[str, Any]:
    """Layout as what JSON can say."""
    return {'task': layout.task, 'rate_hz': layout.rate_hz,
            'observation': [_encode_field(f) for f in layout.observation],
            'action': [_encode_field(f) for f in layout.action]}


def decode_layout(content: Mapping[str, Any]) -> Layout:
    """Inverse of ``encode_layout``.

    Raises:
        KeyError, TypeError, ValueError: the content is no layout.

    """
    return Layout(str(content['task']), float(content['rate_hz']),
                  *(tuple(_decode_field(f) for f in content[part])
                    for part in ('observation', 'action')))


def _encode_field(field: Field) -> dict[str, Any]:
    """JSON has no infinity: a missing limit is null."""
    entry = {f.name: getattr(field, f.name) for f in dataclasses.fields(field)
             if f.name != 'help'}
    return {name: None if value in (math.inf, -math.inf) else value
            for name, value in entry.items()}


def _read_index(file: Path) -> tuple[Layout | None, dict[str, Any], list[str]]:
    """Return layout and content, or None, an empty dictionary and what is wrong."""
    try:
        content = json.loads(file.read_bytes())
        if content.get('format') != FORMAT or content.get('version') != VERSION:
            return None, {}, [f'{INDEX}: format {content.get("format")!r} version '
                              f'{content.get("version")!r}, expected {FORMAT!r} version {VERSION}']
        layout = decode_layout(content)
        return layout, {k: str(content[k]) for k in ('created', 'drail_ros')}, []
    except OSError as error:
        return None, {}, [f'{INDEX}: {error.strerror}, expected the file that makes a folder a '
                          'dataset']
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return None, {}, [f'{INDEX}: damaged ({type(error).__name__}: {error}), expected the JSON '
                          'that drail_ros wrote']


def _decode_field(entry: dict[str, Any]) -> Field:
    low, high = entry['low'], entry['high']
    return Field(str(entry['name']), int(entry['size']), str(entry['unit']),
                 -math.inf if low is None else float(low),
                 math.inf if high is None else float(high))


def _check_layout(path: Path, found: Layout, expected: Layout) -> None:
    different = list(found.differences(expected))
    if different:
        raise UserError(
            f'{path}: demonstrations of one dataset must agree in task, rate and fields',
            found='; '.join(f'{what} {was}' for what, was, _ in different),
            expected='; '.join(f'{what} {wanted}' for what, _, wanted in different),
            do='record to another folder')


def _unusable(path: Path, found: list[str], whole: int = 0) -> UserError:
    do = 'is this the right folder? A dataset holds dataset.json and episodes/'
    if whole:
        do = f'delete or replace the files named; the other {whole} episodes are whole'
    return UserError(f'{path} cannot be used as demonstrations: {len(found)} problem'
                     + 's' * (len(found) != 1), found='\n            '.join(found), do=do)

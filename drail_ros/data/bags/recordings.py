# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""A folder of recorded episodes of one task and robot: ``recording.json`` and a bag an episode.

One process writes to it at a time. Opening it saves what a killed recorder left unfinished.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
import fcntl
import os
from pathlib import Path
import re

from drail_ros.data.bags.bag import PART, salvage, Salvaged
from drail_ros.errors import UserError
from drail_ros.files import read_json, write_json

INDEX = 'recording.json'
_EPISODE = re.compile(r'episode_(\d+)')
_DIGITS = 5


@dataclass(frozen=True)
class Setup:
    """What all episodes of a folder have in common."""

    task: str
    rate_hz: float
    robot: str
    """Its name; empty where there is only one."""
    joints: tuple[str, ...]
    """As the robot names them."""
    topics: tuple[tuple[str, str], ...]
    """Names and types."""


class Recordings:
    """The folder ``path``, opened for more episodes with the same setup.

    Raises:
        UserError: it holds episodes of another setup, or another process writes to it.

    """

    def __init__(self, path: Path, setup: Setup) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(path)
        try:
            self._check(setup)
            self.salvaged: list[Salvaged] = []
            """What was left unfinished before, and is saved now."""
            self.unsaved: list[str] = []
            """Why some of it could not be saved; it is still there."""
            for part in sorted(path.glob(f'episode_*{PART}')):
                self._salvage(part)
        except BaseException:
            self.close()
            raise

    def episodes(self) -> list[Path]:
        """Return the bags of finished episodes, in order."""
        return episodes_in(self.path)

    def next(self) -> Path:
        """Return the path of the next episode."""
        taken = [int(found[1]) for entry in self.path.iterdir()
                 if (found := _EPISODE.match(entry.name))]
        return self.path / f'episode_{max(taken, default=-1) + 1:0{_DIGITS}d}'

    def close(self) -> None:
        """Let another process write."""
        os.close(self._lock)

    def _check(self, setup: Setup) -> None:
        index = self.path / INDEX
        if not index.exists():
            if episodes_in(self.path):
                raise UserError(f'{self.path} holds bags, but no {INDEX}',
                                do='record to another folder')
            write_json(index, asdict(setup))
            return
        found = read_setup(self.path)
        different = [f'{name} {getattr(found, name)!r}, now {value!r}'
                     for name, value in vars(setup).items() if getattr(found, name) != value]
        if different:
            raise UserError(f'{self.path} holds episodes of another setup',
                            found='; '.join(different), do='record to another folder')

    def _salvage(self, part: Path) -> None:
        try:
            saved = salvage(part, {'recovered': 'true'})
        except UserError as error:
            self.unsaved.append(str(error))
            return
        if saved is not None:
            self.salvaged.append(saved)


def episodes_in(path: Path) -> list[Path]:
    """Return the bags of finished episodes in a folder, in order."""
    return sorted(entry for entry in path.iterdir() if _EPISODE.fullmatch(entry.name))


def read_setup(path: Path) -> Setup:
    """Read what all episodes of a folder have in common.

    Raises:
        UserError: it does not say.

    """
    content = read_json(path / INDEX)
    try:
        return Setup(content['task'], float(content['rate_hz']), content['robot'],
                     tuple(content['joints']),
                     tuple((name, kind) for name, kind in content['topics']))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f'{path / INDEX} is damaged', found=repr(error),
                        expected='what drail_ros wrote', do='restore it from a backup') from error


def _locked(path: Path) -> int:
    lock = os.open(path / '.lock', os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise UserError(f'another process records to {path}',
                        do='stop it first, or record to another folder') from None
    return lock

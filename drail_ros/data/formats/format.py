# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What a format of another program offers, and what the files in this folder share.

A file in this folder assigns ``FORMAT = Format(...)``; nothing else has to know of it. The
libraries that some formats need are imported when such a file is read or written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import importlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from drail_ros.data.demonstrations import Demonstrations, Layout
from drail_ros.data.storage import decode_layout, encode_layout
from drail_ros.errors import UserError
from drail_ros.tasks.task import Task

OURS = 'drail_ros'
"""Name under which our files say what the format has no place for."""
LARGEST = 2**32
"""Bytes of the largest array that is read; what declares more is no file of states."""
NORMALISED, UNITS = 'normalised', 'units'
ACTIONS = (NORMALISED, UNITS)
"""What the numbers of an action are: within ±1, or commands in the units of the task."""
_SHOWN = 20
"""Problems that an error names; the rest is counted."""


class Loaded(NamedTuple):
    """Demonstrations of another program's file."""

    demonstrations: Demonstrations
    notes: list[str]
    """What the file did not say, or what was not taken over, in words."""


@dataclass(frozen=True)
class Format:
    """How demonstrations are written for another program, and read from one."""

    load: Callable[[Path, Task, str], Loaded]
    """(file or folder, task that it is of, one of ``ACTIONS``) → what was read."""
    export: Callable[[Demonstrations, Path], list[str]] | None = None
    """(demonstrations, file or folder that is not there yet) → what gets lost, in words; None
    where the format is only read."""


def library(name: str) -> Any:
    """Import a library that only some formats need.

    Raises:
        UserError: it is not installed.

    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition('.')[0]
        raise UserError(f'this format needs {package}', found=error,
                        do=f'pip install {package}') from None


def refuse_existing(path: Path) -> None:
    """Raise UserError where a file or folder of that name would be overwritten."""
    if path.exists():
        raise UserError(f'{path} exists already', expected='a name not yet taken',
                        do='choose another name, or delete it')


def unusable(path: Path, found: list[str], do: str | None = None) -> UserError:
    """Error that names what is wrong with a file."""
    rest = [f'and {len(found) - _SHOWN} more'] if len(found) > _SHOWN else []
    return UserError(
        f'{path} cannot be imported: {len(found)} problem' + 's' * (len(found) != 1),
        found='\n            '.join(found[:_SHOWN] + rest), do=do)


def facts(demonstrations: Demonstrations) -> str:
    """JSON of the layout and the history, for our files in another program's format."""
    return json.dumps({**encode_layout(demonstrations.layout), 'created': demonstrations.created,
                       'version': demonstrations.version}, allow_nan=False)


def read_facts(text: str, task: Task, found: list[str]) -> dict[str, str]:
    """Return when and by what the demonstrations were made, and check that they are of the task.

    ``text`` is what ``facts`` wrote; what is wrong is added to ``found``.
    """
    try:
        content = json.loads(text)
        layout = decode_layout(content)
        history = {name: str(content[name]) for name in ('created', 'version')}
    except (ValueError, KeyError, TypeError) as error:
        found.append(f'{OURS}: damaged ({type(error).__name__}: {error}), expected the JSON that '
                     'drail_ros wrote')
        return {}
    found += [f'{what} is {was}, expected {wanted}'
              for what, was, wanted in layout.differences(Layout.of(task))]
    return history


def unsaid(task: Task) -> str:
    """Note on a file that is not one of ours: nothing in it tells what its numbers are."""
    return f'taken for {task.name} at {task.rate_hz:g} Hz, which the file does not say'


def plural(count: int, word: str) -> str:
    """Return ``1 episode`` or ``2 episodes``."""
    return f'{count} {word}' + 's' * (count != 1)

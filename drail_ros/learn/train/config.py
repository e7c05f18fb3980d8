# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Files that hold the settings of a run: written by hand, or by a run as its record.

Owns their form. Does not own: which settings there are.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

import yaml

from drail_ros.errors import UserError
from drail_ros.files import read_json

RECORD = 'run.json'
"""In the folder of a run: settings, versions and a hash of the demonstrations."""
_OF_RECORD = {'settings', 'demonstrations', 'versions'}
_FORM = 'names and values such as `learner.width: 128`, or groups of them'


def read_record(folder: Path) -> dict[str, Any]:
    """Return the record of a run.

    Raises:
        UserError: it is missing, or no record.

    """
    path = folder / RECORD
    content = read_json(path)
    if not _is_record(content):
        raise UserError(f'{path} is no record of a run', found=f'{content!r:.80}',
                        expected=f'an object with {", ".join(sorted(_OF_RECORD))}')
    return content


def read_config(path: Path) -> dict[str, object]:
    """Return the values of a file by dotted name, as written.

    ``path`` is YAML or JSON whose names are dotted or nested, or the folder or record of a run.
    Whether that one was resumed is left out: it is no part of the experiment.

    Raises:
        UserError: the file is missing, cannot be read, or says something twice.

    """
    if path.is_dir():
        content: object = read_record(path)
    else:
        content = read_json(path) if path.suffix == '.json' else _read_yaml(path)
    if content is None:
        return {}
    if _is_record(content):
        content = {k: v for k, v in content['settings'].items() if k != 'resume'}
    if not isinstance(content, Mapping):
        raise UserError(f'{path} holds no settings', found=f'{content!r:.80}', expected=_FORM)
    return _flat(content, path)


def _is_record(content: object) -> TypeGuard[dict[str, Any]]:
    return (isinstance(content, dict) and content.keys() >= _OF_RECORD
            and isinstance(content['settings'], dict))


def _flat(content: Mapping[Any, object], path: Path, group: str = '') -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in content.items():
        if not isinstance(key, str):
            raise UserError(f'{path}: a setting has no name', found=f'{group}{key!r}',
                            expected=_FORM)
        name = f'{group}{key}'
        inner = (_flat(value, path, f'{name}.') if isinstance(value, Mapping)
                 else {name: value})
        for twice in inner.keys() & found.keys():
            raise UserError(f'{path}: setting {twice!r} is given twice',
                            found=f'{found[twice]!r}, {inner[twice]!r}', expected='one value')
        found |= inner
    return found


def _read_yaml(path: Path) -> object:
    try:
        return yaml.load(path.read_text('utf-8'), _Loader)
    except FileNotFoundError:
        raise UserError(f'{path} does not exist',
                        expected='a file of settings, or the folder of a run') from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f'{path} cannot be read', found=error, expected=f'YAML: {_FORM}') from (
            error)


class _Loader(yaml.SafeLoader):
    """YAML without two things that nobody means: the same key twice, and references."""

    def compose_node(self, parent: object, index: object) -> Any:
        """Refuse references: one to what holds it has no end."""
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()
            raise yaml.constructor.ConstructorError(
                None, None, f'reference *{event.anchor}', event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a key that was there before."""
        seen = set[str]()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'{name!r} is given twice', key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)

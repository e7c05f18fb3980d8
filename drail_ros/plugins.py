# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Find tasks, reward models, agents and the like by file name, importing none until one is used.

A plugin is a Python file in the folder of its kind that assigns the name of its kind, such as
``TASK = …``; its own name is the name of the file. Adding a plugin is adding a file.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
import functools
import importlib
from pathlib import Path
import re
from typing import Any

from drail_ros.errors import unknown_name

_PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class Kind:
    """Where plugins of one kind are, and the module-level name that each of them assigns."""

    folder: str
    assigns: str


TASKS = Kind('tasks', 'TASK')
REWARDS = Kind('learn/rewards', 'REWARD_MODEL')
AGENTS = Kind('learn/agents', 'AGENT')
"""Agents that learn from any reward model."""
ALGORITHMS = Kind('learn/agents', 'ALGORITHM')
"""Agents that are algorithms of their own."""
OFFLINE = Kind('learn/offline', 'LEARNER')
FORMATS = Kind('data/formats', 'FORMAT')
"""Formats of other programs that demonstrations are imported from and exported to."""
RULES = Kind('presets', 'RULES')
"""Settings on the task of the same name."""


def names(kind: Kind) -> list[str]:
    """Names of the plugins of a kind, sorted, none imported."""
    return list(_names(kind))


@functools.cache
def _names(kind: Kind) -> tuple[str, ...]:
    assigned = re.compile(rf'^{kind.assigns}\b', re.MULTILINE)
    files = sorted((_PACKAGE / kind.folder).glob('*.py'))
    return tuple(file.stem for file in files if assigned.search(file.read_text('utf-8')))


def summary(kind: Kind, name: str) -> str:
    """Return the first line of a plugin's docstring, nothing imported."""
    file = _PACKAGE / kind.folder / f'{name}.py'
    return (ast.get_docstring(ast.parse(file.read_text('utf-8'))) or '').partition('\n')[0]


def load(kind: Kind, name: str) -> Any:
    """Return what the plugin ``name`` assigns.

    Raises:
        UserError: there is no plugin of that name.

    """
    known = names(kind)
    if name not in known:
        raise unknown_name(f'plugin in drail_ros/{kind.folder}', name, known)
    module = importlib.import_module(f'drail_ros.{kind.folder.replace("/", ".")}.{name}')
    return getattr(module, kind.assigns)

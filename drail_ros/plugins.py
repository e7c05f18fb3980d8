"""Find tasks, reward models, agents and learners by file name, importing none until one is used.

A plugin is a Python file in a plugin folder that assigns the module-level name ``PLUGIN``;
its name is the name of the file. Adding a plugin is adding a file.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

from drail_ros.errors import unknown_name

_PACKAGE = Path(__file__).parent
_DECLARES_PLUGIN = re.compile(r'^PLUGIN\b', re.MULTILINE)

TASKS = 'tasks'
REWARDS = 'learn/rewards'
AGENTS = 'learn/agents'
IMPLICIT = 'learn/implicit'
OFFLINE = 'learn/offline'


def names(folder: str) -> list[str]:
    """Names of the plugins in ``folder`` (such as ``'learn/rewards'``), sorted, none imported."""
    files = sorted((_PACKAGE / folder).glob('*.py'))
    return [file.stem for file in files if _DECLARES_PLUGIN.search(file.read_text('utf-8'))]


def load(folder: str, name: str) -> Any:
    """Return the ``PLUGIN`` of the file ``name`` in ``folder``.

    Raises:
        UserError: there is no plugin of that name.

    """
    known = names(folder)
    if name not in known:
        raise unknown_name(f'plugin in drail_ros/{folder}', name, known)
    module = importlib.import_module(f'drail_ros.{folder.replace("/", ".")}.{name}')
    return module.PLUGIN

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Names of what can be chosen; imports nothing that is chosen, so that listing stays quick."""

from __future__ import annotations

from drail_ros import plugins

PRESETS = ('default', 'published')
CHOSEN_FIRST = ('task', 'algorithm', 'agent', 'preset', 'noise')
"""Settings that decide which others there are, and which rules of the presets fit."""
_ALGORITHMS = (plugins.REWARDS, plugins.ALGORITHMS, plugins.OFFLINE)


def choices() -> dict[str, dict[str, str]]:
    """Return what can be chosen: by kind, the name of each and one line on it."""
    kinds = {'tasks': (plugins.TASKS,), 'algorithms': _ALGORITHMS, 'agents': (plugins.AGENTS,)}
    return {title: {name: plugins.summary(kind, name)
                    for kind in of_title for name in plugins.names(kind)}
            for title, of_title in kinds.items()}


def algorithms() -> list[str]:
    """Names of all algorithms."""
    return [name for kind in _ALGORITHMS for name in plugins.names(kind)]


def agents() -> list[str]:
    """Names of the agents that learn from a reward model."""
    return plugins.names(plugins.AGENTS)

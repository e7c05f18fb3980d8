"""Names of what can be chosen; imports nothing that is chosen, so that listing stays quick."""

from __future__ import annotations

from drail_ros import plugins

PRESETS = ('default', 'published')
CHOSEN_FIRST = ('task', 'algorithm', 'agent', 'preset')
"""Settings that decide which others there are."""


def algorithms() -> list[str]:
    """Names of all algorithms."""
    return [name for folder in (plugins.REWARDS, plugins.ALGORITHMS, plugins.OFFLINE)
            for name in plugins.names(folder)]


def agents() -> list[str]:
    """Names of the agents that learn from a reward model."""
    return plugins.names(plugins.AGENTS)

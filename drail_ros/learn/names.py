"""Names of what can be chosen; imports nothing that is chosen, so that listing stays quick."""

from __future__ import annotations

from drail_ros import plugins

PRESETS = ('default', 'published')


def algorithms() -> list[str]:
    """Names of all algorithms."""
    return plugins.names(plugins.REWARDS) + plugins.names(plugins.OFFLINE)

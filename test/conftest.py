"""What tests of nodes and of whole stacks share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drail_ros import plugins
from drail_ros.data.collect import collect
from drail_ros.sim.make import make_sim

_DOMAINS = 100
"""ROS_DOMAIN_ID up to 101 keeps clear of the ports that Linux hands out by itself."""


@pytest.fixture(scope='session', autouse=True)
def own_domain() -> None:
    """Hear nobody else on this machine, and nobody beyond it."""
    os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % _DOMAINS)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'


@pytest.fixture(scope='session')
def demo_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few demonstrations of fetch_push."""
    task = plugins.load(plugins.TASKS, 'fetch_push')
    path = tmp_path_factory.mktemp('demos') / 'fetch_push'
    collect(task, task.expert, path, 10, lambda noise, num_envs: make_sim(task, num_envs, noise))
    return path

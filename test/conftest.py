# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

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
    """Return a few demonstrations of fetch_push."""
    task = plugins.load(plugins.TASKS, 'fetch_push')
    path = tmp_path_factory.mktemp('demos') / 'fetch_push'
    collect(task, task.expert, path, 10, lambda noise, num_envs: make_sim(task, num_envs, noise))
    return path

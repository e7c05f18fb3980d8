# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Real processes and real DDS, on a domain of this test session's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from processes import Nodes
import pytest
import rclpy
from robots import random_policy, Robot


@pytest.fixture(scope='session')
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a policy of random weights for fetch_push."""
    return random_policy(tmp_path_factory.mktemp('policy') / 'policy.onnx')


@pytest.fixture
def robot(own_domain: None) -> Iterator[Robot]:
    """Yield a robot on this test session's domain."""
    rclpy.init()
    node = Robot()
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    """Start nodes."""
    running = Nodes(tmp_path)
    yield running
    running.close()

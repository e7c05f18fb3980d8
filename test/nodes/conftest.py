"""Real processes and real DDS, on a domain of this test session's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from processes import Nodes
from robots import Robot, random_policy


@pytest.fixture(scope='session')
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy of random weights for fetch_push."""
    return random_policy(tmp_path_factory.mktemp('policy') / 'policy.onnx')


@pytest.fixture
def robot(own_domain: None) -> Iterator[Robot]:
    """A robot on this test session's domain."""
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

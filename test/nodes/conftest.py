"""Real processes and real DDS, on a domain of this test session's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from processes import Nodes
from robots import Robot, random_policy

from drail_ros import plugins
from drail_ros.data.collect import collect
from drail_ros.sim.make import make_sim


@pytest.fixture(scope='session', autouse=True)
def own_domain() -> None:
    """Hear nobody else on this machine, and nobody beyond it."""
    os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'


@pytest.fixture(scope='session')
def demo_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few demonstrations of fetch_push."""
    task = plugins.load(plugins.TASKS, 'fetch_push')
    path = tmp_path_factory.mktemp('demos') / 'fetch_push'
    collect(task, task.expert, path, 10, lambda noise, num_envs: make_sim(task, num_envs, noise))
    return path


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

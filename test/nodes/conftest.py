"""Real processes and real DDS, on a domain of this test session's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from drail_ros import plugins
from drail_ros.data.collect import collect
from drail_ros.sim.make import make_sim

if TYPE_CHECKING:
    from robots import Robot

DEADLINE_S = 60.0


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


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f'waited in vain for {what}'
        time.sleep(0.02)


class Nodes:
    """Starts nodes and kills those that a test leaves behind."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._running = folder, []

    def start(self, node: str, *words: str, **parameters: object) -> subprocess.Popen:
        """Start a node of this package; its output is in ``output``."""
        command = [sys.executable, '-m', f'drail_ros.nodes.{node}', '--ros-args', *words]
        for name, value in parameters.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            command += ['-p', f'{name.replace("__", ".")}:={text or repr("")}']
        log = self._folder / f'{node}_{len(self._running)}.log'
        with log.open('wb') as file:
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        process.log = log
        self._running.append(process)
        return process

    def output(self, process: subprocess.Popen) -> str:
        """What a node printed so far."""
        return process.log.read_text('utf-8', errors='replace')

    def close(self) -> None:
        """Kill what still runs."""
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()


@pytest.fixture(scope='session')
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy of random weights for fetch_push."""
    from robots import random_policy
    return random_policy(tmp_path_factory.mktemp('policy') / 'policy.onnx')


@pytest.fixture
def robot(own_domain: None) -> Iterator[Robot]:
    """A robot on this test session's domain."""
    import rclpy
    from robots import Robot
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

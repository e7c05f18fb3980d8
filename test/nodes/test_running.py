# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""How nodes begin and end: signals, errors on /rosout, callbacks that fail, health."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
import signal
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from processes import DEADLINE_S, Nodes
import pytest
from rcl_interfaces.msg import Log
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import UInt8MultiArray


class Listener:
    """A node of the test's own; hears one topic."""

    def __init__(self, kind: type, topic: str) -> None:
        self.node = Node('listener')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self.heard: list[Any] = []
        self.node.create_subscription(kind, topic, self.heard.append, 100)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < until, f'waited in vain for {what}'
            self.spin_once()

    def spin_once(self) -> None:
        self._executor.spin_once(timeout_sec=0.05)


@pytest.fixture
def listen() -> Iterator[Callable[[type, str], Listener]]:
    rclpy.init()
    listeners: list[Listener] = []

    def make(kind: type, topic: str) -> Listener:
        listeners.append(Listener(kind, topic))
        return listeners[-1]

    yield make
    for listener in listeners:
        listener.node.destroy_node()
    rclpy.shutdown()


def test_an_error_of_the_user_is_told_on_rosout(listen: Callable[[type, str], Listener],
                                                nodes: Nodes, tmp_path: Path) -> None:
    listener = listen(Log, '/rosout')
    trainer = nodes.start('trainer', task='fetch_puhs', output_dir=tmp_path)
    while trainer.poll() is None:
        listener.spin_once()
    while not any('did you mean fetch_push' in log.msg for log in listener.heard):
        # It waits only so long to be found, and on a busy machine that takes longer.
        trainer = nodes.start('trainer', task='fetch_puhs', output_dir=tmp_path)
        while trainer.poll() is None:
            listener.spin_once()
    assert trainer.returncode == 1
    assert 'did you mean fetch_push' in nodes.output(trainer)
    assert 'Traceback' not in nodes.output(trainer)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_idle_simulator_ends_well_on_every_signal(
        number: signal.Signals, listen: Callable[[type, str], Listener], nodes: Nodes) -> None:
    listener = listen(UInt8MultiArray, 'batch/steps')
    simulator = nodes.start('simulator')
    listener.wait_for(lambda: bool(listener.heard), 'the simulator')
    simulator.send_signal(number)
    assert simulator.wait(timeout=DEADLINE_S) == 0
    assert 'Traceback' not in nodes.output(simulator)


@pytest.mark.parametrize('node', ['simulator', 'trainer'])
def test_health_is_told_where_aggregators_look_in_any_namespace(
        node: str, listen: Callable[[type, str], Listener], nodes: Nodes, demo_path: Path,
        tmp_path: Path) -> None:
    listener = listen(DiagnosticArray, '/diagnostics')
    parameters = {} if node == 'simulator' else {'demo_path': demo_path, 'output_dir': tmp_path}
    nodes.start(node, '-r', '__ns:=/arm', **parameters)
    listener.wait_for(lambda: any(status.name == f'/arm/{node}' for array in listener.heard
                                  for status in array.status), 'health')


def test_a_callback_that_fails_ends_no_node(monkeypatch: pytest.MonkeyPatch,
                                            capfd: pytest.CaptureFixture[str]) -> None:
    from drail_ros.nodes import running

    class Faulty(Node):

        def __init__(self, stop: running.Stop) -> None:
            super().__init__('faulty')
            self._stop, self.calls = stop, 0

        def begin(self) -> None:
            running.steady_timer(self, 0.01, self._fail)

        def close(self) -> None:
            pass

        def _fail(self) -> None:
            self.calls += 1
            if self.calls == 3:
                self._stop.request()
            raise ValueError('hostile')

    before = {number: signal.getsignal(number)
              for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        assert running.run_node(Faulty) == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert 'hostile' in capfd.readouterr().err

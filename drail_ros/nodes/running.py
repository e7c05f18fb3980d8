# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""How every node of this package starts and ends, written once.

Ctrl-C, SIGTERM and a closed terminal are asked for, not suffered: rclpy's own signal handlers are
off, so the node can still publish while it puts things in order. What a callback raises is
logged, for nothing that arrives on a topic may end a node; what is the user's to mend is
told on the terminal and on ``/rosout``, without a traceback.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
import signal
import sys
import threading
import time
import traceback
from typing import TypeVar

from rcl_interfaces.msg import Log
import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_rosout_default
from rclpy.signals import SignalHandlerOptions
from rclpy.timer import Timer

from drail_ros.errors import INTERRUPTED, UserError

_SPIN_PERIOD_S = 0.2
_LONGEST_LINGER_S = 20.0
_SAME_CTRL_C_S = 1.0
"""A terminal signals the whole group, and a launcher its nodes: one Ctrl-C may arrive twice."""
_ROSOUT_WAIT_S = 3.0
"""How long a failing node waits for somebody to hear it on /rosout."""
_POLL_S = 0.05


class Stop:
    """Says whether the node was asked to end, and with which exit status.

    A signal cuts work short (130); to a node that only answers others it is the normal end (0).
    """

    def __init__(self, has_work: bool) -> None:
        self._has_work = has_work
        self._asked, self._asked_at = False, 0.0
        self._may_interrupt = False
        self.status = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._signalled)

    def __call__(self) -> bool:
        """Return whether to end."""
        return self._asked

    def request(self, status: int = 0) -> None:
        """End with this exit status."""
        self.status = status
        self._asked, self._asked_at = True, time.monotonic()

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Inside, a signal raises KeyboardInterrupt at once: there is nothing to save yet."""
        self._may_interrupt = True
        try:
            if self():
                raise KeyboardInterrupt
            yield
        finally:
            self._may_interrupt = False

    def _signalled(self, number: int, frame: object) -> None:
        insisted = self() and time.monotonic() - self._asked_at > _SAME_CTRL_C_S
        if not self():
            self.request(INTERRUPTED if self._has_work else 0)
        if insisted or self._may_interrupt:
            self._may_interrupt = False
            raise KeyboardInterrupt


class RunnableNode(Node):
    """Base of the nodes; their parameters are declared from their settings when they begin."""

    def __init__(self, name: str, stop: Stop) -> None:
        super().__init__(name, automatically_declare_parameters_from_overrides=True,
                         allow_undeclared_parameters=True)
        self.stop = stop

    @abstractmethod
    def begin(self) -> None:
        """Declare parameters and join the graph; may raise ``UserError``."""

    @abstractmethod
    def close(self) -> None:
        """Put things in order; called on every way out, also when ``begin`` failed."""


N = TypeVar('N', bound=RunnableNode)


def steady_timer(node: Node, period_s: float, callback: Callable[[], None]) -> Timer:
    """Call back every ``period_s`` seconds of a clock that neither jumps nor waits for /clock."""
    return node.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))


def run_node(make: Callable[[Stop], N], args: Sequence[str] | None = None,
             work: Callable[[N], None] | None = None,
             is_needed: Callable[[N], bool] = lambda node: False) -> int:
    """Start a node and return its exit status.

    Callbacks run in this thread until the node is told to stop, and a little longer while others
    still need it: one Ctrl-C reaches all nodes of a launcher, and who saves last needs its peers.
    With ``work`` callbacks run in another thread, and this one does the work.
    """
    try:
        rclpy.init(args=list(args) if args is not None else None,
                   signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        print(f'[FATAL] ROS arguments or a parameter file cannot be read: {error}',
              file=sys.stderr, flush=True)
        return 1
    stop = Stop(has_work=work is not None)
    node = make(stop)
    try:
        node.begin()
        steady_timer(node, _SPIN_PERIOD_S, lambda: None)  # so that `_spin` looks up
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        if work is None:
            _spin(executor, node, stop)
            _linger(executor, node, is_needed)
        else:
            _work_while_spinning(executor, node, work)
        return stop.status
    except UserError as error:
        _tell(node, str(error))
        return 1
    except KeyboardInterrupt:
        return stop.status
    finally:
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()


def _linger(executor: SingleThreadedExecutor, node: N, is_needed: Callable[[N], bool]) -> None:
    if is_needed(node):
        node.get_logger().info(f'still needed: ends when it no longer is, or in '
                               f'{_LONGEST_LINGER_S:g} s; a second Ctrl-C ends it at once')
    until = time.monotonic() + _LONGEST_LINGER_S
    _spin(executor, node, lambda: not is_needed(node) or time.monotonic() > until)


def _work_while_spinning(executor: SingleThreadedExecutor, node: N,
                         work: Callable[[N], None]) -> None:
    done = threading.Event()
    spinner = threading.Thread(target=_spin, args=(executor, node, done.is_set), daemon=True)
    spinner.start()
    try:
        work(node)
    finally:  # not before: work that was asked to stop still needs its topics
        done.set()
        spinner.join(timeout=5.0)


def _spin(executor: SingleThreadedExecutor, node: Node, is_over: Callable[[], bool]) -> None:
    while not is_over():
        try:
            executor.spin_once()  # with a time-out it would make a timer each time
        except UserError:
            raise
        except Exception as error:
            if not rclpy.ok():
                return
            node.get_logger().error(
                f'a callback failed, the node goes on: {error!r}\n{traceback.format_exc()}',
                throttle_duration_sec=5.0)


def _tell(node: Node, problem: str) -> None:
    """Print why the node ends, and tell it to whoever listens to /rosout or soon will."""
    print(f'[FATAL] [{node.get_fully_qualified_name()}]: {problem}', file=sys.stderr, flush=True)
    publisher = node.create_publisher(Log, '/rosout', qos_profile_rosout_default)
    until = time.monotonic() + _ROSOUT_WAIT_S
    while not publisher.get_subscription_count() and time.monotonic() < until:
        time.sleep(_POLL_S)
    publisher.publish(Log(stamp=node.get_clock().now().to_msg(), level=Log.FATAL,
                          name=node.get_logger().name, msg=problem))
    publisher.wait_for_all_acked(Duration(seconds=_ROSOUT_WAIT_S))

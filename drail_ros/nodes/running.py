"""How every node of this package starts and ends, written once.

Ctrl-C and SIGTERM are asked for, not suffered: rclpy's own signal handlers are off, so the node
can still publish while it puts things in order. A second Ctrl-C ends at once.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Sequence

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from drail_ros.errors import INTERRUPTED, UserError

_SPIN_PERIOD_S = 0.2


class Stop:
    """Says whether the node was asked to end, and with which exit status.

    Ctrl-C cuts work short (130); to a node that only answers others it is the normal end (0).
    """

    def __init__(self, has_work: bool) -> None:
        self._has_work = has_work
        self._event = threading.Event()
        self.status = 0
        self._previous = {number: signal.signal(number, self._signalled)
                          for number in (signal.SIGINT, signal.SIGTERM)}

    def __call__(self) -> bool:
        """Return whether to end."""
        return self._event.is_set()

    def request(self, status: int = 0) -> None:
        """End with this exit status."""
        self.status = status
        self._event.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait; return whether to end."""
        return self._event.wait(timeout_s)

    def _signalled(self, number: int, frame: object) -> None:
        if self() and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.request(INTERRUPTED if number == signal.SIGINT and self._has_work else 0)


def run_node(make: Callable[[], Node], args: Sequence[str] | None = None,
             work: Callable[[Node, Stop], None] | None = None) -> int:
    """Start a node and return its exit status.

    Callbacks run in this thread until the node is told to stop; with ``work`` they run in another
    thread, and this one does the work. A node with a ``close`` method is closed on every way out.
    """
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    stop = Stop(has_work=work is not None)
    node = None
    try:
        node = make()
        node.stop = stop
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        if work is None:
            _spin(executor, stop)
        else:
            done = threading.Event()
            spinner = threading.Thread(target=_spin, args=(executor, done.is_set), daemon=True)
            spinner.start()
            try:
                work(node, stop)
            finally:  # not before: work that was asked to stop still needs its topics
                done.set()
                spinner.join(timeout=5.0)
        return stop.status
    except UserError as error:
        print(f'{node.get_name() if node else "drail_ros"}: {error}', file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        if node is not None:
            if hasattr(node, 'close'):
                node.close()
            node.destroy_node()
        rclpy.try_shutdown()


def _spin(executor: SingleThreadedExecutor, is_over: Callable[[], bool]) -> None:
    while not is_over():
        executor.spin_once(timeout_sec=_SPIN_PERIOD_S)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Ending child processes: none is left behind, however often somebody presses Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
import signal
import subprocess
import time

_POLL_S = 0.05


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """Have ``kill`` and a closed terminal raise KeyboardInterrupt as well; main thread only."""
    def interrupt() -> None:
        raise KeyboardInterrupt
    with _signals(interrupt):
        yield


def end_all(processes: Sequence[subprocess.Popen], ending: Sequence[tuple[int, float]]) -> None:
    """Ask, then insist; whoever asks again insists at once.

    ``ending`` names signals and how many seconds there are to obey each; main thread only.
    """
    insisted = False

    def insist() -> None:
        nonlocal insisted
        insisted = True

    with _signals(insist):
        for number, grace_s in ending:
            insisted = False
            alive = [process for process in processes if process.poll() is None]
            for process in alive:
                process.send_signal(number)
            until = time.monotonic() + grace_s
            while alive and time.monotonic() < until and not insisted:
                time.sleep(_POLL_S)
                alive = [process for process in alive if process.poll() is None]
            if not alive:
                return


@contextmanager
def _signals(handle: Callable[[], None]) -> Iterator[None]:
    before = {number: signal.signal(number, lambda number, frame: handle())
              for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

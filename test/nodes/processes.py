# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Nodes as real processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import signal
import subprocess
import sys
import time

DEADLINE_S = 60.0


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
        """Return what a node printed so far."""
        return process.log.read_text('utf-8', errors='replace')

    def close(self) -> None:
        """Kill what still runs."""
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Whole stacks, started as a user starts them: by ``ros2 launch`` and by ``drail up``.

Both run in a terminal of their own, so that Ctrl-C is a key that is pressed and not a signal sent
to one process. ``ros2 launch`` is the genuine one where it is installed in the environment of the
tests; where it is not, its half of the tests is skipped.
"""

from __future__ import annotations

from collections.abc import Callable
import contextlib
import importlib.util
import os
from pathlib import Path
import pty
import select
import shutil
import signal
import sys
import time

ROOT = Path(__file__).parents[2]
DEADLINE_S = 120.0
SMALL: dict[str, object] = {
    'rollout_steps': 32, 'evaluate_every': 512, 'evaluation_episodes': 4, 'checkpoint_every': 512,
    'reward.width': 16, 'reward.layers': 2, 'reward.batch_size': 32, 'reward.epochs': 1,
    'learner.width': 16, 'learner.epochs': 2, 'learner.minibatches': 4, 'warm_start': 0}
RUN: dict[str, object] = {'task': 'fetch_push', 'total_steps': 1024, 'num_envs': 4,
                          'device': 'cpu'}
HAS_LAUNCH = (importlib.util.find_spec('launch_ros') is not None
              and (Path(sys.executable).parent / 'ros2').exists())


class Terminal:
    """A command in a terminal of its own; what it prints is in ``output``."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.output = ''
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        self._status: int | None = None

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Read on until a condition holds."""
        until = time.monotonic() + DEADLINE_S
        while not condition():
            self._read()
            assert time.monotonic() < until, f'waited in vain for {what}:\n{self.output}'
            assert self._status is None, f'ended before {what}:\n{self.output}'

    def read_for(self, seconds: float) -> None:
        """Let time pass, or the command end."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._status is None:
            self._read()

    def press_ctrl_c(self) -> None:
        """Press the keys."""
        with contextlib.suppress(OSError):  # it has ended, and with it the terminal
            os.write(self._terminal, b'\x03')

    def wait(self) -> int:
        """Wait for the end; return the exit status."""
        until = time.monotonic() + DEADLINE_S
        while self._status is None:
            self._read()
            assert time.monotonic() < until, f'does not end:\n{self.output}'
        return self._status

    def processes(self, executable: str) -> list[int]:
        """Process ids of the nodes of one kind that were started from here."""
        found = []
        for pid in descendants(self.pid):
            with contextlib.suppress(OSError):  # it has just ended
                words = Path(f'/proc/{pid}/cmdline').read_bytes().decode().split('\0')
            if any(word.endswith((f'/{executable}', f'.nodes.{executable}')) for word in words):
                found.append(pid)
        return found

    def close(self) -> None:
        """Kill what still runs."""
        if self._status is None:
            for pid in [*descendants(self.pid), self.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.wait()
        os.close(self._terminal)

    def _read(self) -> None:
        readable, _, _ = select.select([self._terminal], [], [], 0.05)
        try:
            if readable:
                self.output += os.read(self._terminal, 65536).decode(errors='replace')
                return
        except OSError:  # the last process that had the terminal is gone
            pass
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self._status = os.waitstatus_to_exitcode(status)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and those that they started."""
    try:
        children = [int(word) for task in Path(f'/proc/{pid}/task').iterdir()
                    for word in (task / 'children').read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return children + [below for child in children for below in descendants(child)]


class Launcher:
    """Starts stacks one way."""

    def __init__(self, how: str, folder: Path) -> None:
        self._how, self._folder = how, folder
        self._started: list[Terminal] = []
        self._environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1',
                             'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
                             'ROS_LOG_DIR': str(folder / 'log')}
        if how == 'ros2 launch':
            self._environment['AMENT_PREFIX_PATH'] = f'{installed(folder)}:{sys.prefix}'

    def start(self, stack: str, **arguments: object) -> Terminal:
        """Start a stack."""
        words = [f'{name}:={value}' for name, value in arguments.items() if value is not None]
        command = (['ros2', 'launch', 'drail_ros', f'{stack}.launch.py']
                   if self._how == 'ros2 launch'
                   else [sys.executable, '-m', 'drail_ros.cli', 'up', stack])
        self._started.append(Terminal([*command, *words], self._environment, self._folder))
        return self._started[-1]

    def train(self, output_dir: Path, demo_path: Path, stack: str = 'train',
              **arguments: object) -> Terminal:
        """Start a small run."""
        settings = ' '.join(f'{name}={value}' for name, value in SMALL.items())
        return self.start(stack, **{**RUN, 'output_dir': output_dir, 'demo_path': demo_path,
                                    'settings': settings, **arguments})

    def close(self) -> None:
        """Kill what still runs."""
        while self._started:
            self._started.pop().close()


def installed(folder: Path) -> Path:
    """Return the package as colcon installs it, with links to the sources."""
    prefix = folder / 'install'
    share = prefix / 'share'
    (share / 'ament_index/resource_index/packages').mkdir(parents=True)
    (share / 'ament_index/resource_index/packages/drail_ros').touch()
    for name in ('launch', 'config'):
        shutil.copytree(ROOT / name, share / 'drail_ros' / name)
    shutil.copy(ROOT / 'package.xml', share / 'drail_ros')
    shutil.copytree(ROOT / 'scripts', prefix / 'lib/drail_ros')
    return prefix

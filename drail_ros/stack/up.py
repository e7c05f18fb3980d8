# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""``drail up``: start the nodes of a stack where ``ros2 launch`` is not installed.

The same nodes, arguments and parameter files as the launch files have; rcl reads the files.
Output comes with the node's name before each line. The stack ends when its main node does, a
simulator that died is started again, and any other death ends all and is a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import yaml

from drail_ros.errors import INTERRUPTED, unknown_name, UserError
from drail_ros.processes import end_all, ended_like_ctrl_c
from drail_ros.stack.description import (
    GRACE_S,
    Node,
    RESPAWN_DELAY_S,
    RESPAWNS,
    Stack,
    STACKS,
)

_ENDING = ((signal.SIGINT, GRACE_S), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
"""Signals to a node and seconds to obey."""
_POLL_S = 0.1


def up(name: str, assignments: Sequence[str]) -> int:
    """Run a stack and return its exit status; ``assignments`` are ``name:=value``.

    Raises:
        UserError: the stack, an argument's form, its name or its value is wrong.

    """
    if name not in STACKS:
        raise unknown_name('stack', name, STACKS)
    stack = STACKS[name]
    given = {argument.name: argument.default for argument in stack.arguments}
    given |= dict(_split(assignment) for assignment in assignments)
    nodes = stack.start(given)
    processes: list[_Process] = []
    with ended_like_ctrl_c():
        try:
            for node in nodes:
                processes.append(_Process(node, _command(stack, node, given)))
            return _watch(processes)
        except KeyboardInterrupt:
            return INTERRUPTED
        finally:
            _end(processes)


def _split(assignment: str) -> tuple[str, str]:
    name, separator, value = assignment.partition(':=')
    if not separator:
        raise UserError('an argument has the wrong form', found=assignment,
                        expected='name:=value', do='for example seed:=1')
    return name, value


def _command(stack: Stack, node: Node, given: dict[str, str]) -> list[str]:
    command = [sys.executable, '-u', '-m', f'drail_ros.nodes.{node.executable}', '--ros-args',
               '-r', f'__node:={node.name}', '--log-level', given['log_level'] or 'info']
    for file in stack.params_files(given):
        command += ['--params-file', str(file)]
    if given['namespace']:
        command += ['-r', f'__ns:=/{given["namespace"].strip("/")}']
    for name, to in stack.remappings(given):
        command += ['-r', f'{name}:={to}']
    for name, value in node.parameters.items():
        command += ['-p', f'{name}:={_as_yaml(value)}']
    return command


def _as_yaml(value: str | bool) -> str:
    """Return a value as rcl, which reads YAML, takes it for the same text or truth."""
    return yaml.safe_dump(value, default_style='"' if isinstance(value, str) else None,
                          width=sys.maxsize).removesuffix('\n...\n').strip()


class _Process:
    """One node as a child process in a process group of its own: Ctrl-C reaches only us."""

    def __init__(self, node: Node, command: list[str]) -> None:
        self.node, self._command = node, command
        self.deaths = 0
        self.start()

    def start(self) -> None:
        """Start it, or start it again."""
        environment = {name: value for name, value in os.environ.items()
                       if name != '_ROS_WHEELS_BOOTSTRAP_COMPLETE'}
        environment.setdefault('AMENT_PREFIX_PATH', sys.prefix)
        self.process = subprocess.Popen(self._command, env=environment, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        self.printer = threading.Thread(target=self._print, daemon=True)
        self.printer.start()

    def _print(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with contextlib.suppress(OSError):  # nobody reads; the node must not wait for that
                print(f'[{self.node.name}] {line.decode(errors="replace").rstrip()}', flush=True)


def _watch(processes: list[_Process]) -> int:
    """Wait for the main node, the last one; return the exit status."""
    main = processes[-1]
    while main.process.poll() is None:
        time.sleep(_POLL_S)
        for process in processes[:-1]:
            if process.process.poll() is not None and not _revived(process):
                return process.process.returncode or 1
    return main.process.returncode


def _end(processes: list[_Process]) -> None:
    """End the main node first: a trainer still needs its simulators to finish."""
    end_all([process.process for process in processes[-1:]], _ENDING)
    end_all([process.process for process in processes], _ENDING)
    for process in processes:
        process.printer.join(timeout=2.0)


def _revived(process: _Process) -> bool:
    """Tell of a death; start the node again where that is wanted and was not done too often."""
    process.deaths += 1
    again = process.node.respawn and process.deaths <= RESPAWNS
    print(f'drail: node {process.node.name} ended with exit status {process.process.returncode}'
          + ('; starting it again' if again else ''), file=sys.stderr, flush=True)
    if again:
        time.sleep(RESPAWN_DELAY_S)
        process.start()
    return again

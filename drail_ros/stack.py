"""``drail up``: start the nodes of a stack where ``ros2 launch`` is not installed.

Reads the same ``config/<stack>.yaml`` as the launch files: a ROS parameter file whose top-level
keys are the nodes. Output comes with the node's name before each line. The stack ends when its
main node does, and fails when any other ends before it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from drail_ros.errors import INTERRUPTED, UserError, unknown_name

MAIN_NODES = ('trainer', 'simulator')
"""A stack lives as long as the first of these that it has."""
_GRACE_S = {signal.SIGINT: 30.0, signal.SIGTERM: 5.0, signal.SIGKILL: 5.0}
"""How long a node may take to end after each signal; a trainer finishes its iteration first."""
_STACK_ARGUMENTS = ('namespace', 'log_level')


def stacks() -> list[str]:
    """Names of the stacks."""
    return sorted(file.stem for file in config_folder().glob('*.yaml'))


def config_folder() -> Path:
    """Return the folder of the stacks' files: beside the sources, else where they are installed.

    Raises:
        UserError: there is none.

    """
    package = Path(__file__).parent
    beside = package.parent / 'config'
    if (beside.parent / 'package.xml').exists():
        return beside
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    for prefix in [*filter(None, prefixes), sys.prefix, *map(str, package.parents[2:5])]:
        folder = Path(prefix) / 'share' / 'drail_ros' / 'config'
        if folder.is_dir():
            return folder
    raise UserError('the stacks of drail_ros are not installed',
                    expected=f'{sys.prefix}/share/drail_ros/config',
                    do='install the package again')


def up(stack: str, assignments: Sequence[str]) -> int:
    """Run a stack and return its exit status.

    ``assignments`` are ``name:=value``: parameters of the nodes that have them, ``namespace`` and
    ``log_level``.

    Raises:
        UserError: the stack, an argument's form or its name is unknown.

    """
    if stack not in stacks():
        raise unknown_name('stack', stack, stacks())
    file = config_folder() / f'{stack}.yaml'
    nodes: dict[str, dict] = yaml.safe_load(file.read_text('utf-8'))
    given = dict(_split(assignment) for assignment in assignments)
    for_node = _distribute(stack, nodes, given)
    running = [_Process(node, file, for_node[node], given) for node in nodes]
    main = next(p for name in MAIN_NODES for p in running if p.node == name)
    return _watch(running, main)


def _split(assignment: str) -> tuple[str, str]:
    name, separator, value = assignment.partition(':=')
    if not separator:
        raise UserError('an argument has the wrong form', found=assignment,
                        expected='name:=value', do='for example seed:=1')
    return name, value


def _distribute(stack: str, nodes: dict[str, dict],
                given: dict[str, str]) -> dict[str, dict[str, str]]:
    """Give each node those of the arguments that are its parameters."""
    shares: dict[str, dict[str, str]] = {node: {} for node in nodes}
    known = {node: set(names) for node, names in
             ((node, _parameter_names(node, entry, given)) for node, entry in nodes.items())}
    for name, value in given.items():
        takers = [node for node in nodes if name in known[node]]
        if name not in _STACK_ARGUMENTS and not takers:
            raise unknown_name(f'argument of stack {stack}', name,
                               set(_STACK_ARGUMENTS).union(*known.values()))
        for node in takers:
            shares[node][name] = value
    return shares


def _parameter_names(node: str, entry: dict, given: dict[str, str]) -> set[str]:
    """Parameters of a node: those in the file, and all settings of a run for the trainer."""
    in_file = entry['ros__parameters']
    names = set(in_file)
    if node == 'trainer':
        from drail_ros import settings
        from drail_ros.learn.train.names import CHOSEN_FIRST
        from drail_ros.learn.train.settings import make_run_settings
        chosen = {name: given.get(name, in_file.get(name)) for name in CHOSEN_FIRST}
        names |= set(settings.specs(make_run_settings(
            {name: value for name, value in chosen.items() if value})))
    return names


class _Process:
    """One node as a child process in a process group of its own: Ctrl-C reaches only us."""

    def __init__(self, node: str, file: Path, parameters: dict[str, str],
                 given: dict[str, str]) -> None:
        self.node = node
        command = [sys.executable, '-u', '-m', f'drail_ros.nodes.{node}', '--ros-args',
                   '-r', f'__node:={node}', '--params-file', str(file)]
        if given.get('namespace'):
            command += ['-r', f'__ns:=/{given["namespace"].strip("/")}']
        if given.get('log_level'):
            command += ['--log-level', given['log_level']]
        for name, value in parameters.items():
            command += ['-p', f'{name}:={_as_yaml(value)}']
        environment = {name: value for name, value in os.environ.items()
                       if name != '_ROS_WHEELS_BOOTSTRAP_COMPLETE'}
        environment.setdefault('AMENT_PREFIX_PATH', sys.prefix)
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        self._printer = threading.Thread(target=self._print, daemon=True)
        self._printer.start()

    def end(self) -> int:
        """Ask, then insist; return the exit status."""
        for number, grace_s in _GRACE_S.items():
            if self.process.poll() is None:
                self.process.send_signal(number)
                try:
                    self.process.wait(grace_s)
                except subprocess.TimeoutExpired:
                    continue
            break
        self._printer.join(timeout=2.0)
        return self.process.wait()

    def _print(self) -> None:
        """Copy the output; what a progress bar draws over and over stays one line on a screen."""
        assert self.process.stdout
        line = b''
        while byte := self.process.stdout.read1(1):  # type: ignore[attr-defined]
            if byte not in (b'\n', b'\r'):
                line += byte
                continue
            if line.strip():
                end = '\r' if byte == b'\r' and sys.stdout.isatty() else '\n'
                print(f'[{self.node}] {line.decode(errors="replace")}', end=end, flush=True)
            line = b''


def _as_yaml(value: str) -> str:
    """Quote what YAML would not read as a scalar; rcl parses ``-p name:=value`` as YAML."""
    return value if value and isinstance(yaml.safe_load(value), (bool, int, float, str)) else (
        f'"{value}"')


def _watch(running: list[_Process], main: _Process) -> int:
    status = None
    try:
        while status is None:
            time.sleep(0.1)
            for process in running:
                code = process.process.poll()
                if code is not None and process is not main:
                    print(f'drail: node {process.node} ended with exit status {code}',
                          file=sys.stderr)
                    status = code or 1
            if main.process.poll() is not None:
                status = main.process.returncode
    except KeyboardInterrupt:
        status = INTERRUPTED
    # The main node first: a trainer still needs its simulators to finish.
    for process in sorted(running, key=lambda p: p is not main):
        process.end()
    return status

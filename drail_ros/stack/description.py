# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What a stack is: its nodes, its arguments and the parameters they become.

``ros2 launch`` (``launching.py``) and ``drail up`` (``up.py``) start the same nodes with the same
arguments from this description. Values stay text: the nodes know the types, and refuse by name
what is wrong. Neither ROS nor launch is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
import os
from pathlib import Path
import sys
from typing import Any

import yaml

from drail_ros import plugins
from drail_ros.cores import usable_cores
from drail_ros.errors import unknown_name, UserError
from drail_ros.learn.train.names import agents, algorithms, PRESETS
from drail_ros.settings import parse_assignments

TRAINER, SIMULATOR, POLICY_SERVER = 'trainer', 'simulator', 'policy_server'
EXPERT, RECORDER = 'expert', 'recorder'
RESPAWNS, RESPAWN_DELAY_S = 3, 1.0
"""How often a simulator that died is started again, and after what pause."""
GRACE_S = 30.0
"""How long a node may take to end after Ctrl-C: a trainer finishes its iteration and saves."""


@dataclass(frozen=True)
class Argument:
    """An argument of a stack; left empty, what the parameter file says counts."""

    name: str
    description: str
    choices: tuple[str, ...] = ()
    default: str = ''
    nodes: tuple[str, ...] = ()
    """Nodes whose parameter of this name it sets."""


@dataclass(frozen=True)
class Node:
    """One process of a stack."""

    name: str
    executable: str
    parameters: Mapping[str, str | bool]
    respawn: bool
    """Whether another one takes its place when it dies."""


@dataclass(frozen=True)
class Stack:
    """Nodes that are started and ended together; all end when the main one does."""

    name: str
    summary: str
    nodes: tuple[str, ...]
    main: str
    arguments: tuple[Argument, ...]
    owns_clock: bool = False
    """Whether it publishes the time its nodes use; in a namespace then ``clock`` of its own."""

    @property
    def params_file(self) -> Path:
        """The stack's own parameter file."""
        return config_folder() / f'{self.name}.yaml'

    def start(self, given: Mapping[str, str]) -> list[Node]:
        """Return the nodes to start, the main one last.

        Raises:
            UserError: an argument is unknown, or none of its choices, or a file is missing.

        """
        known = {argument.name: argument for argument in self.arguments}
        for name, value in given.items():
            if name not in known:
                raise unknown_name(f'argument of stack {self.name}', name, known)
            choices = known[name].choices
            if choices and value not in ('', *choices):
                raise unknown_name(f'value of argument {name!r}', value, choices)
        count = self._simulators(given)
        names = [name for node in self.nodes for name in (
            [node, *(f'{node}_{i}' for i in range(2, count + 1))] if node == SIMULATOR
            else [node])]
        self._check_file(given, names)
        nodes = [self._node(name, given, count) for name in names]
        return sorted(nodes, key=lambda node: node.name == self.main)

    def params_files(self, given: Mapping[str, str]) -> list[Path]:
        """Parameter files in the order in which they are read; the later one wins."""
        own = given.get('params_file', '')
        return [self.params_file, *([Path(own)] if own else [])]

    def remappings(self, given: Mapping[str, str]) -> list[tuple[str, str]]:
        """Names that the nodes use for others."""
        return [('/clock', 'clock')] if self.owns_clock and given.get('namespace') else []

    def _simulators(self, given: Mapping[str, str]) -> int:
        value = given.get('simulators') or '1'
        if not value.isdecimal() or int(value) < 1:
            raise UserError("argument 'simulators' is out of range", found=value,
                            expected='1 or more')
        return int(value)

    def _node(self, name: str, given: Mapping[str, str], simulators: int) -> Node:
        executable = SIMULATOR if name.startswith(SIMULATOR) else name
        parameters: dict[str, str | bool] = {
            argument.name: given[argument.name] for argument in self.arguments
            if executable in argument.nodes and given.get(argument.name)}
        if executable == TRAINER:
            parameters.update(parse_assignments(given.get('settings', '')))
        if executable == SIMULATOR and simulators > 1:
            parameters['mode'] = 'batch'  # those after the first are in no parameter file
            if name != SIMULATOR or not given.get('params_file'):
                parameters['threads'] = str(max(usable_cores() // simulators, 1))
        if given.get('use_sim_time'):
            parameters['use_sim_time'] = given['use_sim_time'] == 'true'
        respawn = (name != self.main and executable == SIMULATOR
                   and given.get('use_respawn', 'true') != 'false')
        return Node(name, executable, parameters, respawn)

    def _check_file(self, given: Mapping[str, str], names: list[str]) -> None:
        """Refuse a file that is missing, or in which no node of the stack is meant."""
        if not given.get('params_file'):
            return
        path = Path(given['params_file'])
        if not path.is_file():
            raise UserError(f'params_file {path} does not exist', expected='a ROS parameter file',
                            do='leave it out for the defaults of the stack')
        try:
            keys = _node_keys(yaml.safe_load(path.read_text('utf-8')) or {})
        except (yaml.YAMLError, UnicodeDecodeError, AttributeError) as error:
            raise UserError(f'params_file {path} cannot be read', found=error,
                            expected='YAML: node → ros__parameters → name: value') from error
        namespace = given.get('namespace', '').strip('/')
        full = [f'/{namespace}/{name}'.replace('//', '/') for name in names]
        if not any(_matches(str(key), name) for key in keys for name in full):
            raise UserError(f'params_file {path} is for none of the nodes of stack {self.name}',
                            found=', '.join(map(str, keys)) or 'an empty file',
                            expected=', '.join(full),
                            do=f'write /**/{self.main}: to mean it in any namespace')


def _node_keys(tree: Mapping[str, Any], above: str = '') -> list[str]:
    """Keys of a parameter file down to those of nodes, nested namespaces joined."""
    return [found for name, below in tree.items() for key in [f'{above}/{name}'.lstrip('/')]
            for found in ([key] if 'ros__parameters' in below or not hasattr(below, 'items')
                          else _node_keys(below, key))]


def _matches(key: str, full_name: str) -> bool:
    """Whether a key of a ROS parameter file means a node; ``**`` is any number of names."""
    return fnmatchcase(full_name, '/' + key.lstrip('/').replace('**/', '*').replace('**', '*'))


def config_folder() -> Path:
    """Return the folder of the stacks' files: beside the sources, else where they are installed.

    Raises:
        UserError: there is none.

    """
    package = Path(__file__).parents[1]
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


_COMMON = (
    Argument('params_file', "ROS parameter file, read after the stack's own"),
    Argument('namespace', 'namespace of all nodes'),
    Argument('use_sim_time', 'take the time from /clock', ('true', 'false')),
    Argument('log_level', 'severity shown', ('debug', 'info', 'warn', 'error', 'fatal'), 'info'),
)
_OF_RUN = tuple(Argument(name, text, choices, nodes=(TRAINER,)) for name, text, choices in (
    ('task', 'task to learn', tuple(plugins.names(plugins.TASKS))),
    ('algorithm', 'learning method', tuple(algorithms())),
    ('agent', 'what learns from the rewards', tuple(agents())),
    ('preset', "this package's settings, or the published ones", PRESETS),
    ('noise', "noise level of starts and goals (0: the task's own)", ()),
    ('seed', 'seed of weights, sampling and episodes', ()),
    ('total_steps', 'environment steps of the run', ()),
    ('num_envs', 'environments stepped at once', ()),
    ('device', 'where to learn', ('auto', 'cpu', 'cuda')),
    ('output_dir', 'folder of the run (runs/TASK_ALGORITHM[_AGENT]_SEED, the agent unless it is '
     'ppo or the algorithm itself)', ()),
    ('resume', 'continue the run in output_dir; auto: if there is one', ('false', 'true', 'auto')),
    ('demo_path', "folder of demonstrations (those of the task's expert)", ()),
    ('stop_at_success', 'end once an evaluation succeeds this often', ()),
    ('config', 'YAML file of settings, or the record of another run', ()),
))
_TRAINING = (
    *_OF_RUN,
    Argument('settings', "any other settings of the run: 'learner.width=128 reward.epochs=8'"),
    Argument('simulators', 'simulator nodes that share the batch', default='1', nodes=(TRAINER,)),
    Argument('use_respawn', f'start a simulator that died again, up to {RESPAWNS} times',
             ('true', 'false'), 'true'),
    *_COMMON,
)
_EVALUATION = (
    Argument('policy_path', 'ONNX file written by training or drail export',
             nodes=(POLICY_SERVER,)),
    Argument('task', 'task to simulate', tuple(plugins.names(plugins.TASKS)), nodes=(SIMULATOR,)),
    Argument('noise', "noise level of starts and goals (0: the task's own)", nodes=(SIMULATOR,)),
    Argument('seed', 'seed of the episodes', nodes=(SIMULATOR,)),
    Argument('episodes', 'end after so many episodes; 0 is never', nodes=(SIMULATOR,)),
    Argument('real_time_factor', 'speed of time; 0 waits for each command', nodes=(SIMULATOR,)),
    Argument('result_path', 'JSON file for the success rate', nodes=(SIMULATOR,)),
    Argument('device', 'where the policy computes', ('auto', 'cpu', 'cuda'),
             nodes=(POLICY_SERVER,)),
    *_COMMON,
)
_RECORDING = (
    Argument('task', 'task to perform', tuple(plugins.names(plugins.TASKS)),
             nodes=(SIMULATOR, EXPERT, RECORDER)),
    Argument('output_dir', 'folder of the episodes (recordings/TASK)', nodes=(RECORDER,)),
    Argument('episodes', 'end after so many kept episodes; 0 is never', nodes=(RECORDER,)),
    Argument('operator', 'who demonstrates; kept with each episode', nodes=(RECORDER,)),
    Argument('note', 'anything else to keep with each episode', nodes=(RECORDER,)),
    Argument('more_topics', 'further topics to record: NAME:=package/msg/Type, …',
             nodes=(RECORDER,)),
    Argument('noise', "noise level of starts and goals (0: the task's own)", nodes=(SIMULATOR,)),
    Argument('seed', 'seed of the episodes', nodes=(SIMULATOR,)),
    Argument('real_time_factor', 'speed of time; 0 waits for each command', nodes=(SIMULATOR,)),
    *_COMMON,
)
STACKS = {stack.name: stack for stack in (
    Stack('train', 'Train on any task, from demonstrations, over topics.',
          (SIMULATOR, TRAINER), TRAINER, _TRAINING),
    Stack('train_fetch', 'Train a Fetch arm to push, from demonstrations.',
          (SIMULATOR, TRAINER), TRAINER, _TRAINING),
    Stack('evaluate', 'Let an exported policy drive a simulated robot over its topics.',
          (POLICY_SERVER, SIMULATOR), SIMULATOR, _EVALUATION, owns_clock=True),
    Stack('record', "Record a task's expert, who drives a simulated robot over its topics.",
          (SIMULATOR, EXPERT, RECORDER), RECORDER, _RECORDING, owns_clock=True),
)}

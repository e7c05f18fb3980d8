# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Imports point one way, and only some folders may import some packages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'drail_ros'
FILES = sorted(PACKAGE.rglob('*.py'))

# From the bottom: a folder or file may import what stands before it, and itself.
LAYERS = ['errors', 'cores', 'processes', 'plugins', 'settings', 'files', 'tasks', 'robot',
          'presets', 'sim', 'episodes', 'data', 'learn', 'deploy', 'pipeline', 'view', 'compare',
          'stack', 'nodes', 'cli_demos', 'cli']
ROS = ('rclpy', 'std_msgs', 'sensor_msgs', 'geometry_msgs', 'visualization_msgs', 'std_srvs',
       'rosgraph_msgs', 'diagnostic_msgs', 'lifecycle_msgs', 'rcl_interfaces',
       'builtin_interfaces')


def imports(file: Path) -> set[str]:
    """Dotted names of all that a file imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text('utf-8'))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f'{node.module}.{alias.name}' for alias in node.names}
    return found


def outside(file: Path) -> set[str]:
    return {name.split('.')[0] for name in imports(file)} - {'drail_ros'}


def layer(parts: tuple[str, ...]) -> str:
    return parts[0].removesuffix('.py')


@pytest.mark.parametrize('file', FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_point_one_way(file: Path) -> None:
    parts = file.relative_to(PACKAGE).parts
    if parts == ('__init__.py',):
        return
    own = LAYERS.index(layer(parts))
    for name in imports(file):
        words = name.split('.')
        if words[0] == 'drail_ros' and len(words) > 1 and words[1] in LAYERS:
            assert LAYERS.index(words[1]) <= own, f'{file.name} imports {name}'


def test_no_import_cycle() -> None:
    import graphlib  # here, for flake8-import-order takes it for a stranger's before 0.19
    names = {'.'.join(f.relative_to(ROOT).with_suffix('').parts): f for f in FILES}
    graph = {name: {n for n in imports(file) if n in names and n != name}
             for name, file in names.items()}
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize('file', FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_ros_only_in_nodes(file: Path) -> None:
    if file.relative_to(PACKAGE).parts[0] != 'nodes':
        assert not outside(file) & set(ROS)
    if file.name != 'launching.py':
        assert not outside(file) & {'launch', 'launch_ros'}, 'only one file imports launch'
    assert 'pickle' not in outside(file)


@pytest.mark.parametrize('folder', ['tasks', 'presets', 'sim', 'episodes', 'data'])
def test_no_torch_below_learning(folder: str) -> None:
    for file in (PACKAGE / folder).rglob('*.py'):
        assert 'torch' not in outside(file), file


def test_presets_are_plain_data() -> None:
    for file in (PACKAGE / 'presets').rglob('*.py'):
        assert outside(file) <= {'__future__', 'collections', 'dataclasses'}, file
        assert all(name.startswith('drail_ros.presets') for name in imports(file)
                   if name.split('.')[0] == 'drail_ros'), file


def test_a_served_policy_needs_no_torch() -> None:
    import subprocess
    import sys
    code = ('import sys, drail_ros.deploy.onnx_policy; '
            'assert not {"torch", "rclpy", "mujoco"} & set(sys.modules), sorted(sys.modules)')
    subprocess.run([sys.executable, '-c', code], check=True)

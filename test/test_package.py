# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The package as colcon and pip see it: one version, all dependencies and files."""

import ast
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
from typing import Any
from xml.etree import ElementTree
import zipfile

import pytest
import setuptools

import drail_ros

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ElementTree.parse(ROOT / 'package.xml').getroot()
DEPENDS = {depend.text for depend in PACKAGE if depend.tag.endswith('depend')}

ROSDEP_KEYS = {
    'PIL': 'python3-pil',
    'cv2': 'python3-opencv',
    'gymnasium': 'python3-gymnasium-pip',
    'gymnasium_robotics': 'python3-gymnasium-robotics-pip',
    'matplotlib': 'python3-matplotlib',
    'mujoco': 'python3-mujoco-pip',
    'numpy': 'python3-numpy',
    'onnxruntime': 'python3-onnxruntime-pip',
    'rosbags': 'python3-rosbags-pip',
    'tensorboard': 'python3-tensorboard-pip',
    'torch': 'python3-torch',
    'tqdm': 'python3-tqdm',
    'yaml': 'python3-yaml',
}
WITHOUT_ROSDEP_KEY = {'mcap', 'onnx', 'safetensors'}
PIP_NAMES = {'PIL': 'pillow', 'cv2': 'opencv-python-headless',
             'gymnasium_robotics': 'gymnasium-robotics', 'yaml': 'pyyaml'}
ONLY_WITH_A_DISTRO = {'launch', 'launch_ros', 'ament_index_python'}


def third_party_imports(*folders: str) -> set[str]:
    """Top-level names of all packages that a file imports or takes a model file from."""
    found = set()
    for file in (file for folder in folders for file in (ROOT / folder).rglob('*.py')):
        for node in ast.walk(ast.parse(file.read_text('utf-8'))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split('.')[0])
            elif isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'model_file':
                found.add(ast.literal_eval(node.args[0]))
    return found - set(sys.stdlib_module_names) - {'drail_ros'}


def node_names() -> list[str]:
    """Names of the files in nodes/ that have a ``main`` function."""
    files = (ROOT / 'drail_ros' / 'nodes').glob('*.py')
    return sorted(file.stem for file in files
                  if re.search(r'^def main\(', file.read_text('utf-8'), re.MULTILINE))


@pytest.fixture
def setup_arguments(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Arguments of the call of ``setup`` in setup.py."""
    arguments: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, 'setup', arguments.update)
    monkeypatch.chdir(ROOT)
    exec(compile((ROOT / 'setup.py').read_text('utf-8'), 'setup.py', 'exec'), {})
    return arguments


def test_version_is_the_same_everywhere() -> None:
    version = PACKAGE.findtext('version')
    assert version and drail_ros.__version__ == version
    assert version in (ROOT / 'CHANGELOG.rst').read_text('utf-8')


def test_colcon_takes_it_for_a_ros_package() -> None:
    maintainer = PACKAGE.find('maintainer')
    assert maintainer is not None
    assert re.fullmatch(r'[-\w.]+@[-\w]+(\.[-\w]+)+', maintainer.get('email', ''))
    assert PACKAGE.findtext('export/build_type') == 'ament_python'
    settings = (ROOT / 'pyproject.toml').read_text('utf-8')
    assert not re.search(r'^\[(project|build-system)', settings, re.MULTILINE)


@pytest.mark.parametrize('name', sorted(third_party_imports('drail_ros', 'launch')))
def test_import_is_declared_in_package_xml(name: str) -> None:
    assert name in WITHOUT_ROSDEP_KEY or ROSDEP_KEYS.get(name, name) in DEPENDS


@pytest.mark.parametrize('name', sorted(third_party_imports('drail_ros') - ONLY_WITH_A_DISTRO))
def test_import_is_declared_in_setup_py(name: str, setup_arguments: dict[str, Any]) -> None:
    extras = setup_arguments['extras_require']
    required = setup_arguments['install_requires'] + extras['ros'] + extras['view']
    names = {re.split(r'[^-\w]', requirement, maxsplit=1)[0] for requirement in required}
    assert {PIP_NAMES.get(name, name), 'ros-' + name.replace('_', '-')} & names


def test_every_node_has_an_executable() -> None:
    assert sorted(file.name for file in (ROOT / 'scripts').iterdir()) == node_names()


@pytest.mark.parametrize('name', node_names())
def test_executable_starts_its_node(name: str) -> None:
    file = ROOT / 'scripts' / name
    assert os.access(file, os.X_OK)
    assert file.read_text('utf-8').startswith(
        f'#!/usr/bin/env python3\nfrom drail_ros.nodes.{name} import main\n')


def test_wheel_carries_what_launch_looks_for(tmp_path: Path) -> None:
    source = tmp_path / 'source'
    source.mkdir()
    for name in ('package.xml', 'setup.py', 'setup.cfg', 'pyproject.toml', 'LICENSE'):
        shutil.copy2(ROOT / name, source)
    for folder in ('config', 'drail_ros', 'launch', 'resource', 'scripts'):
        if (ROOT / folder).is_dir():
            shutil.copytree(ROOT / folder, source / folder,
                            ignore=shutil.ignore_patterns('__pycache__'))
    subprocess.run([sys.executable, '-m', 'pip', '-q', 'wheel', '--no-deps', '--no-index',
                    '--no-build-isolation', '-w', str(tmp_path), '.'], cwd=source, check=True)
    wheel, = tmp_path.glob('*.whl')
    with zipfile.ZipFile(wheel) as archive:
        modes = {re.sub(r'^[^/]*\.data/data/', '', info.filename): info.external_attr >> 16
                 for info in archive.infolist()}
    expected = {f'share/drail_ros/{file.relative_to(ROOT)}'
                for pattern in ('package.xml', 'launch/*.launch.py', 'config/*.yaml')
                for file in ROOT.glob(pattern)}
    expected |= {f'drail_ros/{file.relative_to(ROOT / "drail_ros")}'
                 for file in (ROOT / 'drail_ros').rglob('*')
                 if file.is_file() and '__pycache__' not in file.parts}
    expected.add('share/ament_index/resource_index/packages/drail_ros')
    assert not expected - set(modes)
    assert all(modes[f'lib/drail_ros/{name}'] & 0o111 == 0o111 for name in node_names())

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""``use_rviz:=true`` opens rviz2, which need not be installed for all else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stack_launchers import HAS_LAUNCH, Launcher

pytestmark = pytest.mark.skipif(
    not HAS_LAUNCH, reason='the genuine ros2 launch is not installed beside this Python')


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    """Start stacks by ``ros2 launch``."""
    starter = Launcher('ros2 launch', tmp_path)
    yield starter
    starter.close()


def install_stand_in(prefix: Path, arguments: Path) -> None:
    """Install a package rviz2, the executable of which writes down its arguments."""
    index = prefix / 'share/ament_index/resource_index/packages'
    index.mkdir(parents=True, exist_ok=True)
    (index / 'rviz2').touch()
    program = prefix / 'lib/rviz2/rviz2'
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\ntrap "" INT\necho "$@" > {arguments}\n')
    program.chmod(0o755)


def test_without_rviz_nothing_starts_and_the_user_learns_why(launcher: Launcher,
                                                             tmp_path: Path) -> None:
    stack = launcher.start('evaluate', policy_path=tmp_path / 'none.onnx', use_rviz='true')
    assert stack.wait() not in (0, 130)
    assert 'rviz2 is not installed' in stack.output
    assert 'leave use_rviz:=true out' in stack.output
    assert 'process started' not in stack.output
    assert 'Traceback' not in stack.output


@pytest.mark.parametrize('use_rviz', [True, False])
def test_rviz_shows_what_the_package_configures(use_rviz: bool, launcher: Launcher,
                                                tmp_path: Path) -> None:
    arguments = tmp_path / 'arguments'
    install_stand_in(tmp_path / 'install', arguments)
    stack = launcher.start('evaluate', policy_path=tmp_path / 'none.onnx', namespace='arm',
                           use_rviz=str(use_rviz).lower())
    stack.wait()
    assert arguments.exists() == use_rviz
    if use_rviz:
        share = tmp_path / 'install/share/drail_ros'
        assert arguments.read_text().startswith(f'-d {share}/rviz/drail.rviz --ros-args')
        assert '__ns:=/arm' in arguments.read_text()

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Fixtures of the tests that start whole stacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stack_launchers import HAS_LAUNCH, Launcher, RUN, SMALL

from drail_ros import pipeline
from drail_ros.data.storage import load
from drail_ros.learn.train.settings import make_run_settings, task_of
from drail_ros.sim.make import make_sim


@pytest.fixture(params=['drail up', pytest.param('ros2 launch', marks=pytest.mark.skipif(
    not HAS_LAUNCH, reason='the genuine ros2 launch is not installed beside this Python'))])
def launcher(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Launcher]:
    """Start stacks, each way in turn."""
    starter = Launcher(request.param, tmp_path)
    yield starter
    starter.close()


@pytest.fixture(scope='session')
def in_process(tmp_path_factory: pytest.TempPathFactory, demo_path: Path) -> Path:
    """Return the same run, undisturbed and without ROS."""
    folder = tmp_path_factory.mktemp('in_process')
    run = make_run_settings({**RUN, **SMALL, 'output_dir': str(folder),
                             'demo_path': str(demo_path)})
    pipeline.train(run, load(demo_path), make_sim(task_of(run), run.num_envs, run.noise),
                   lambda step, metrics: None)
    return folder

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Who demonstrates a task: its scripted expert, or a policy that is shipped with it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from drail_ros import cli, pipeline, plugins
from drail_ros.data.storage import load
from drail_ros.deploy.export import export_onnx
from drail_ros.errors import UserError
from drail_ros.learn.nets.actors import GaussianActor
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.nets.policy import Policy
from drail_ros.tasks.task import Task

PUSH: Task = plugins.load(plugins.TASKS, 'fetch_push')
HOPPER: Task = plugins.load(plugins.TASKS, 'hopper')


def untrained_policy(task: Task) -> Policy:
    torch.manual_seed(0)
    return Policy(RunningNormaliser(task.observation_size),
                  GaussianActor(task.observation_size, task.action_size, 16, 2))


@pytest.fixture
def experts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of its own for experts."""
    folder = tmp_path / 'experts'
    folder.mkdir()
    monkeypatch.setattr(pipeline, 'EXPERTS', folder)
    return folder


@pytest.fixture
def hopper(experts: Path) -> Path:
    """Return an expert of the hopper that has learned nothing."""
    export_onnx(untrained_policy(HOPPER), HOPPER, experts / HOPPER.expert_policy,
                {'noise': HOPPER.default_noise})
    return experts / HOPPER.expert_policy


def test_a_scripted_expert_comes_first() -> None:
    task = dataclasses.replace(PUSH, expert_policy='unused.onnx')
    assert pipeline.expert_of(task) == (PUSH.expert, 'scripted expert')


def test_a_policy_demonstrates_what_it_would_do(hopper: Path, tmp_path: Path) -> None:
    text = pipeline.collect_demonstrations(HOPPER, tmp_path / 'demos', episodes=4)
    demos = load(tmp_path / 'demos', HOPPER)
    assert set(demos.sources) == {'policy hopper.onnx'}
    assert demos.num_episodes == 4 and demos.terminated.sum() == 4 and not demos.success.any()
    assert np.abs(demos.action - untrained_policy(HOPPER).act(demos.obs.copy())).max() < 1e-5
    assert 'return ' in text and 'success' not in text
    pipeline.collect_demonstrations(HOPPER, tmp_path / 'again', episodes=4)
    assert load(tmp_path / 'again').content_hash() == demos.content_hash()


def test_a_policy_is_measured_by_its_return_where_a_task_has_no_success(
        hopper: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(['eval', str(hopper), '--episodes', '4']) == 0
    printed = capsys.readouterr().out
    assert printed.startswith('hopper ') and 'return ' in printed and 'success' not in printed


@pytest.mark.parametrize(('task', 'message'), [
    pytest.param(dataclasses.replace(PUSH, expert=None), 'has no expert', id='none'),
    pytest.param(dataclasses.replace(HOPPER, expert_policy='x.onnx'), 'cannot be read',
                 id='missing'),
    pytest.param(dataclasses.replace(PUSH, expert=None, expert_policy='hopper.onnx'),
                 "does not fit task 'fetch_push'", id='of another task'),
])
def test_a_task_without_expert_is_named(task: Task, message: str, hopper: Path) -> None:
    with pytest.raises(UserError, match=message):
        pipeline.expert_of(task)

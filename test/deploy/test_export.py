# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What is exported: the policy as it is, its hash, and nothing that computes something else."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from drail_ros.deploy.export import export_onnx
from drail_ros.deploy.onnx_policy import OnnxPolicy
from drail_ros.errors import UserError
from drail_ros.learn.nets.actors import GaussianActor
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.nets.policy import Policy
from drail_ros.tasks.fetch_push import TASK
from drail_ros.tasks.task import Task


def untrained_policy(task: Task = TASK) -> Policy:
    torch.manual_seed(0)
    return Policy(RunningNormaliser(task.observation_size),
                  GaussianActor(task.observation_size, task.action_size, 16, 2))


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    written = export_onnx(untrained_policy(), TASK, tmp_path / 'policy.onnx', {'step': 7})
    content = (tmp_path / 'policy.onnx').read_bytes()
    assert written.sha256 == hashlib.sha256(content).hexdigest()
    assert OnnxPolicy(tmp_path / 'policy.onnx').metadata['step'] == 7


def test_commands_are_the_policy_s_actions_scaled_to_the_limits(tmp_path: Path) -> None:
    policy = untrained_policy()
    export_onnx(policy, TASK, tmp_path / 'policy.onnx', {})
    obs = np.random.default_rng(0).normal(size=(64, TASK.observation_size)).astype(np.float32)
    obs[0] *= 1e6  # an action at its limits
    command = OnnxPolicy(tmp_path / 'policy.onnx').controller(64)(obs)
    expected = 1.25 * policy.act(obs).clip(-1, 1)  # limits of -1.25 and 1.25 m/s
    assert np.abs(command - expected).max() < 1e-5
    assert np.abs(command).max() <= 1.25


def test_a_policy_goes_on_learning_after_its_export(tmp_path: Path) -> None:
    """An export from the midst of training moves and freezes nothing."""
    policy = untrained_policy()
    before = copy.deepcopy(policy.state_dict())
    export_onnx(policy, TASK, tmp_path / 'policy.onnx', {})
    assert policy.training
    assert all(parameter.requires_grad for parameter in policy.parameters())
    assert all(torch.equal(value, before[name]) for name, value in policy.state_dict().items())


@pytest.mark.parametrize('what', ['sizes', 'nan'])
def test_a_policy_that_cannot_be_served_is_not_written(what: str, tmp_path: Path) -> None:
    policy = untrained_policy()
    if what == 'sizes':
        policy = Policy(RunningNormaliser(5), GaussianActor(5, 3, 16, 2))
    else:
        with torch.no_grad():
            policy.actor.mean[-1].weight.fill_(float('nan'))
    with pytest.raises(UserError, match='does not fit|computes something else'):
        export_onnx(policy, TASK, tmp_path / 'policy.onnx', {})
    assert not (tmp_path / 'policy.onnx').exists()

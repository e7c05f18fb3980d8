# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Which files are not served as a policy."""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import os
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
import pytest
import torch

from drail_ros.deploy.export import export_onnx
from drail_ros.deploy.onnx_policy import OnnxPolicy
from drail_ros.errors import UserError
from drail_ros.learn.nets.actors import GaussianActor
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.nets.policy import Policy
from drail_ros.tasks.fetch_push import TASK


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a policy that may be served."""
    torch.manual_seed(0)
    policy = Policy(RunningNormaliser(TASK.observation_size),
                    GaussianActor(TASK.observation_size, TASK.action_size, 16, 2))
    export_onnx(policy, TASK, tmp_path / 'policy.onnx', {})
    return tmp_path / 'policy.onnx'


def spoil(file: Path, name: str, value: float) -> None:
    """Overwrite one array of numbers in the graph."""
    model = onnx.load(file)
    [tensor] = [t for t in model.graph.initializer if t.name == name]
    array = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(np.full_like(array, value), name))
    onnx.save(model, file)


@pytest.mark.parametrize(('name', 'value'), [
    pytest.param('policy.actor.mean.4.weight', np.nan, id='nan-weights'),
    pytest.param('policy.normaliser.mean', np.nan, id='nan-statistics'),
    pytest.param('span', np.inf, id='infinite-scale'),
])
def test_a_policy_that_computes_no_finite_command_is_refused(name: str, value: float,
                                                             file: Path) -> None:
    OnnxPolicy(file)
    spoil(file, name, value)
    with pytest.raises(UserError, match='computes no finite command'):
        OnnxPolicy(file)


@pytest.mark.parametrize(('damage', 'complaint'), [
    pytest.param(lambda f: f.unlink(), 'cannot be read', id='missing'),
    pytest.param(lambda f: f.write_bytes(f.read_bytes()[:-100]), 'no ONNX file', id='cut'),
    pytest.param(lambda f: f.write_text('hello'), 'no ONNX file', id='other content'),
])
def test_a_damaged_file_is_named(damage: Callable[[Path], object], complaint: str,
                                 file: Path) -> None:
    damage(file)
    with pytest.raises(UserError, match=complaint) as error:
        OnnxPolicy(file)
    assert str(file) in str(error.value)


def test_every_difference_from_the_task_is_named(file: Path) -> None:
    field = dataclasses.replace(TASK.command_fields[0], high=2.0)
    other = dataclasses.replace(TASK, rate_hz=50.0, command_fields=(field,))
    OnnxPolicy(file).check(TASK)
    with pytest.raises(UserError) as error:
        OnnxPolicy(file).check(other)
    assert 'rate_hz: 25.0 in the file, 50.0 in the task' in str(error.value)
    assert 'command field 0' in str(error.value)


def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / 'pipe')
    return folder / 'pipe'


def an_endless_file(folder: Path) -> Path:
    with (folder / 'sparse').open('wb') as opened:
        opened.truncate(1 << 40)
    return folder / 'sparse'


@pytest.mark.parametrize(('make', 'found'), [
    pytest.param(a_pipe, 'no regular file', id='pipe'),
    pytest.param(lambda folder: Path('/dev/zero'), 'no regular file', id='device'),
    pytest.param(lambda folder: folder, 'Is a directory', id='folder'),
    pytest.param(an_endless_file, '1099511627776 bytes', id='endless'),
    pytest.param(lambda folder: folder / 'none', 'No such file', id='missing'),
    pytest.param(lambda folder: Path('a\0b'), 'null', id='no-name'),
])
def test_what_is_no_file_of_a_policy_is_not_read(make: Callable[[Path], Path], found: str,
                                                 tmp_path: Path) -> None:
    """A pipe would be waited for, a device never ends."""
    with pytest.raises(UserError, match=found):
        OnnxPolicy(make(tmp_path))


@pytest.mark.parametrize(('name', 'value'), [
    pytest.param('observation', '[' * 5000, id='deep'),
    pytest.param('observation', '[{"size": "16"}]', id='size-is-text'),
    pytest.param('command', '3', id='no-fields'),
    pytest.param('plan', '[1]', id='plan'),
    pytest.param('plan', '{"history": 2}', id='half-a-plan'),
])
def test_metadata_that_say_nothing_are_refused(name: str, value: str, file: Path) -> None:
    model = onnx.load(file)
    for entry in model.metadata_props:
        if entry.key == name:
            entry.value = value
    onnx.save(model, file)
    with pytest.raises(UserError, match='does not say|not a policy exported'):
        OnnxPolicy(file)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""From a torch policy to one ONNX file, with normalisation, sampling, limits and scaling in it.

Observations come in the task's units, commands leave in the command fields' units. Nothing of
drail_ros is needed to use the file; its metadata say what goes in and out. A policy that plans
takes its latest observations and the noise to plan from, and gives a chunk of commands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
import contextlib
import copy
from dataclasses import dataclass
import hashlib
import json
import logging
from pathlib import Path
from typing import Any
import warnings

import numpy as np
import onnx
from onnx import helper
import onnxruntime
import torch
from torch import nn, Tensor

from drail_ros import __version__
from drail_ros.deploy.metadata import FORMAT, layout_of, VERSION
from drail_ros.errors import UserError
from drail_ros.files import write_whole
from drail_ros.learn.nets.policy import SavedPolicy
from drail_ros.tasks.task import Array, CommandScale, Task

LARGEST_DIFFERENCE = 1e-4
"""Of a command from torch's, as a share of the command's range."""
_OPSET = 18
_CHECKED = 2048


@dataclass(frozen=True)
class Export:
    """What was written."""

    sha256: str
    """Of the file's bytes, hexadecimal."""
    largest_difference: float
    """Largest |torch - onnxruntime| measured, in command units."""


def export_onnx(policy: SavedPolicy, task: Task, path: Path, info: Mapping[str, Any]) -> Export:
    """Write the policy to ``path``; it may go on learning afterwards, on whatever device.

    ``info`` (algorithm, seed, step, demonstrations' hash, …) goes into the metadata.

    Raises:
        UserError: the policy has other sizes than the task, the exported file computes something
            else than torch, or the file cannot be written.

    """
    shape = policy.actor.shape()
    sizes = shape['obs_size'], shape['action_size']
    if sizes != (task.observation_size, task.action_size):
        raise UserError(f'the policy does not fit task {task.name!r}',
                        found=f'{sizes[0]} observations, {sizes[1]} actions',
                        expected=f'{task.observation_size} and {task.action_size}')
    commands = _Commands(copy.deepcopy(policy), task).cpu().eval()
    model = _trace(commands)
    difference = _measure(model.SerializeToString(), commands)
    allowed = LARGEST_DIFFERENCE * float(task.command_scale().span.max())
    if not difference <= allowed:
        raise UserError('the exported policy computes something else than torch',
                        found=f'commands differ by up to {difference:g}',
                        expected=f'at most {allowed:g}',
                        do='check that the policy is finite; keep the run folder and report it')
    plan = policy.plan_shape
    metadata = {**info, **layout_of(task), 'format': FORMAT, 'version': VERSION,
                'actor': policy.actor.kind, 'shape': shape,
                'plan': vars(plan) if plan else None, 'largest_difference': difference,
                'versions': {'drail_ros': __version__, 'torch': torch.__version__,
                             'onnx': onnx.__version__, 'onnxruntime': onnxruntime.__version__}}
    helper.set_model_props(model, {name: json.dumps(value) for name, value in metadata.items()})
    content = model.SerializeToString()
    write_whole(path, content)
    return Export(hashlib.sha256(content).hexdigest(), difference)


class _Commands(nn.Module):
    """The policy, its actions scaled to commands."""

    low: Tensor
    span: Tensor

    def __init__(self, policy: SavedPolicy, task: Task) -> None:
        super().__init__()
        self.policy = policy
        scale = task.command_scale()
        self.register_buffer('low', torch.tensor(scale.low, dtype=torch.float32))
        self.register_buffer('span', torch.tensor(scale.span, dtype=torch.float32))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Observation, and noise where the policy plans → command."""
        command: Tensor = CommandScale(self.low, self.span).command(self.policy(*inputs))
        return command

    def inputs(self, count: int) -> dict[str, Array]:
        """Return typical, wide and extreme observations, and noise, for ``count`` rows."""
        statistics, plan = self.policy.normaliser, self.policy.plan_shape
        mean, std = statistics.mean.numpy(), 1.0 / statistics.scale.numpy()
        rng = np.random.default_rng(0)
        shape = (count, plan.history, len(mean)) if plan else (count, len(mean))
        spread = rng.choice([0.5, 2.0, 20.0], size=(count,) + (1,) * (len(shape) - 1))
        obs = (mean + spread * std * rng.normal(size=shape)).astype(np.float32)
        if plan is None:
            return {'observation': obs}
        return {'observation': obs,
                'noise': rng.standard_normal((count, *plan.noise), np.float32)}


def _trace(commands: _Commands) -> onnx.ModelProto:
    inputs = commands.inputs(3)
    rows = torch.export.Dim('batch')
    with _quiet():
        program = torch.onnx.export(
            commands, tuple(map(torch.from_numpy, inputs.values())), dynamo=True,
            input_names=list(inputs), output_names=['command'], opset_version=_OPSET,
            dynamic_shapes=(tuple({0: rows} for _ in inputs),), verbose=False)
    assert program is not None
    return program.model_proto


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Torch's exporter warns of its own use of torch, and of packages that are not needed."""
    log = logging.getLogger('torch.onnx')
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        log.setLevel(level)


@torch.no_grad()
def _measure(content: bytes, commands: _Commands) -> float:
    """Largest difference from torch."""
    inputs = commands.inputs(_CHECKED)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # warnings are of its own optimiser
    session = onnxruntime.InferenceSession(content, options, providers=['CPUExecutionProvider'])
    found = session.run(None, inputs)[0]
    expected = commands(*map(torch.from_numpy, inputs.values())).numpy()
    return float(np.abs(found - expected).max())

"""torch → ONNX: one file that is the whole policy.

The graph maps ``observation [batch, O]`` in the task's units to ``command [batch, A]`` in the
command fields' units: normalisation, network, limits and scaling are inside, and so are the
weights. The metadata say what the numbers mean, so that a server can refuse a robot they do not
fit. The graph is built node by node: it has seven kinds of nodes, and nothing in it depends on
the release of torch that trained it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from drail_ros import __version__
from drail_ros.deploy.metadata import FORMAT, VERSION, layout_of
from drail_ros.errors import UserError
from drail_ros.files import write_whole
from drail_ros.learn.normalise import CLIP
from drail_ros.learn.policy import Policy
from drail_ros.tasks.task import Array, Task

LARGEST_DIFFERENCE = 1e-4
"""Of a command from torch's, as a share of the command's range."""
_OPSET = 17
_IR_VERSION = 8
"""Readable by every onnxruntime since 1.14."""
_CHECKED = 2048


def export_onnx(policy: Policy, task: Task, path: Path, info: dict[str, Any]) -> float:
    """Write the policy and return the largest |torch - onnxruntime| measured, in command units.

    ``info`` (algorithm, seed, step, demonstrations' hash, …) goes into the metadata.

    Raises:
        UserError: the policy has other sizes than the task, the exported file computes something
            else than torch, or the file cannot be written.

    """
    sizes = len(policy.normaliser.mean), len(policy.actor.log_std)
    if sizes != (task.observation_size, task.action_size):
        raise UserError(f'the policy does not fit task {task.name!r}',
                        found=f'{sizes[0]} observations, {sizes[1]} actions',
                        expected=f'{task.observation_size} and {task.action_size}')
    model = _build(policy, task)
    difference = _measure(model.SerializeToString(), policy, task)
    low, high = task.command_limits()
    if not difference <= LARGEST_DIFFERENCE * float((high - low).max()):
        raise UserError('the exported policy computes something else than torch',
                        found=f'commands differ by up to {difference:g}',
                        expected=f'at most {LARGEST_DIFFERENCE * float((high - low).max()):g}',
                        do='check that the policy is finite; keep the run folder and report it')
    metadata = {**info, **layout_of(task), 'format': FORMAT, 'version': VERSION,
                'largest_difference': difference,
                'versions': {'drail_ros': __version__, 'torch': torch.__version__,
                             'onnx': onnx.__version__, 'onnxruntime': onnxruntime.__version__}}
    helper.set_model_props(model, {name: json.dumps(value) for name, value in metadata.items()})
    write_whole(path, model.SerializeToString())
    return difference


class _Graph:
    """Nodes in a row: each takes the output of the one before."""

    def __init__(self, first: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._last = first

    def add(self, kind: str, *constants: Array, output: str = '', **attributes: Any) -> None:
        names = []
        for value in constants:
            names.append(f'constant_{len(self.constants)}')
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), names[-1]))
        output = output or f'{kind.lower()}_{len(self.nodes)}'
        self.nodes.append(helper.make_node(kind, [self._last, *names], [output], **attributes))
        self._last = output


def _build(policy: Policy, task: Task) -> onnx.ModelProto:
    graph = _Graph('observation')
    normaliser = policy.normaliser
    # In double precision, as in training: z-scores of nearly constant fields need it.
    graph.add('Cast', to=TensorProto.DOUBLE)
    graph.add('Sub', normaliser.mean.cpu().numpy())
    graph.add('Mul', normaliser.scale.cpu().numpy())
    graph.add('Cast', to=TensorProto.FLOAT)
    graph.add('Clip', *_bounds(CLIP))
    for layer in policy.actor.mean:
        if isinstance(layer, nn.Linear):
            graph.add('Gemm', layer.weight.detach().cpu().numpy(),
                      layer.bias.detach().cpu().numpy(), transB=1)
        else:
            graph.add(type(layer).__name__)
    low, high = task.command_limits()
    graph.add('Clip', *_bounds(1.0))
    graph.add('Mul', ((high - low) / 2).astype(np.float32))
    graph.add('Add', ((high + low) / 2).astype(np.float32), output='command')
    return helper.make_model(
        helper.make_graph(
            graph.nodes, task.name, [_port('observation', task.observation_size)],
            [_port('command', task.action_size)], graph.constants),
        opset_imports=[helper.make_opsetid('', _OPSET)], ir_version=_IR_VERSION,
        producer_name='drail_ros', producer_version=__version__)


def _bounds(limit: float) -> tuple[Array, Array]:
    return np.array(-limit, np.float32), np.array(limit, np.float32)


def _port(name: str, size: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ['batch', size])


def _measure(content: bytes, policy: Policy, task: Task) -> float:
    """Largest difference over typical, wide and extreme observations."""
    statistics = policy.normaliser
    mean, std = statistics.mean.cpu().numpy(), 1.0 / statistics.scale.cpu().numpy()
    rng = np.random.default_rng(0)
    spread = rng.choice([0.5, 2.0, 20.0], size=(_CHECKED, 1))
    obs = (mean + spread * std * rng.normal(size=(_CHECKED, len(mean)))).astype(np.float32)
    session = onnxruntime.InferenceSession(content, providers=['CPUExecutionProvider'])
    command = session.run(None, {'observation': obs})[0]
    expected = task.command_from_action(policy.act(obs))
    return float(np.abs(command - expected).max())

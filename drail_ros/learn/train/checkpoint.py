# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Checkpoints: any nesting of dicts, lists, scalars and tensors in one safetensors file.

Tensors are stored as tensors and everything around them as JSON; no pickle.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from drail_ros.files import read_tensors, write_tensors


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a nested state; the previous file stays until the new one is whole.

    Raises:
        UserError: the file cannot be written.

    """
    tensors: dict[str, torch.Tensor] = {}
    write_tensors(path, tensors, {'tree': _pack(state, tensors)} | {'kind': 'checkpoint'})


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a nested state; arrays come back as tensors.

    Raises:
        UserError: the file is missing, truncated or of another kind.

    """
    tensors, info = read_tensors(path, 'checkpoint')
    return _unpack(info['tree'], tensors)


def _pack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value)
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.cpu()
        return {'tensor': name}
    if isinstance(value, dict):
        return {'dict': [[key, _pack(item, tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return {'list': [_pack(item, tensors) for item in value]}
    return value


def _unpack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    if 'tensor' in value:
        return tensors[value['tensor']]
    if 'dict' in value:
        return {key: _unpack(item, tensors) for key, item in value['dict']}
    return [_unpack(item, tensors) for item in value['list']]

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Expert files of DRAIL and goal_prox_il: a ``.pt`` of tensors; read, not written.

A dictionary of ``obs next_obs actions done``, T rows each; an episode ends where ``done`` is 1.
Such a file is a pickle, of which torch rebuilds nothing but tensors and plain containers
(``weights_only``); whatever else is in it is an error, and is not executed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from drail_ros.data.demonstrations import UNKNOWN_NOISE
from drail_ros.data.formats.arrays import numbered
from drail_ros.data.formats.format import Format, library, Loaded, unsaid, unusable
from drail_ros.data.formats.from_arrays import from_arrays, Recorded
from drail_ros.tasks.task import Array, Task

_NAMES = {'obs': 'obs', 'next_obs': 'next_obs', 'actions': 'action', 'done': 'done'}
_SPREAD = 16
"""A tensor may be larger than the file by this factor: a file may be compressed, while a tensor
that repeats one number a million times was made to fill memory."""


def load(path: Path, task: Task, actions: str) -> Loaded:
    """Read one file.

    Raises:
        UserError: it is no such file, or needs more than tensors to be unpickled; all that is
            wrong is named.

    """
    torch = library('torch')
    if not path.is_file():
        raise unusable(path, ['missing, expected a file'])
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    # A stranger's bytes make torch raise errors of many kinds, unpickling errors among them.
    except Exception as error:
        first = str(error).partition('\n')[0]
        raise unusable(path, [f'no file of tensors alone ({type(error).__name__}: {first})'],
                       ) from None
    if not isinstance(content, dict):
        raise unusable(path, [f'a {type(content).__name__}, expected a dictionary with '
                              + ', '.join(_NAMES)])
    found: list[str] = []
    rows = {ours: array for name, ours in _NAMES.items()
            if (array := _array(torch, content, name, path.stat().st_size, found)) is not None}
    if found:
        raise unusable(path, found)
    size = len(rows['obs'])
    found += [f'{name} has shape {array.shape}, expected {size} rows'
              for name, array in rows.items() if array.shape[:1] != (size,)]
    if found or not size:
        raise unusable(path, found or ['no rows'])
    number = numbered(rows, found)
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    episodes = [Recorded(f'episode {i}', number=i, noise=UNKNOWN_NOISE, source=path.name, **{
        name: array[start:end] for name, array in rows.items()})
        for i, (start, end) in enumerate(zip(starts, [*starts[1:], size]))]
    notes = [unsaid(task), *(f'{name} not taken over'
                             for name in sorted(map(str, content.keys() - _NAMES.keys())))]
    return from_arrays(path, task, episodes, actions, found, notes)


def _array(torch: Any, content: dict[Any, Any], name: str, file_bytes: int,
           found: list[str]) -> Array | None:
    tensor = content.get(name)
    if not isinstance(tensor, torch.Tensor):
        found.append(f'{name} is missing' if tensor is None
                     else f'{name} is a {type(tensor).__name__}, expected a tensor')
        return None
    if (tensor.layout != torch.strided or tensor.is_quantized or not tensor.ndim
            or tensor.device.type != 'cpu'):
        found.append(f'{name} is a {tensor.layout} tensor of {tensor.dtype} with '
                     f'{tensor.ndim} axes, expected rows of numbers')
        return None
    if tensor.numel() * tensor.element_size() > _SPREAD * file_bytes:
        found.append(f'{name} is declared as {tuple(tensor.shape)}, but the file has '
                     f'{file_bytes} bytes')
        return None
    if tensor.dtype in (torch.bfloat16, torch.complex64, torch.complex128):
        found.append(f'{name} is {tensor.dtype}, expected numbers that numpy has')
        return None
    array: Array = tensor.detach().numpy()
    return array


FORMAT = Format(load)

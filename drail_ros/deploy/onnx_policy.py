# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""An exported policy at work: onnxruntime and numpy, no torch, no ROS."""

from __future__ import annotations

from collections.abc import Callable
import errno
import hashlib
import json
import os
from pathlib import Path
import stat
from typing import Any

import numpy as np
import onnxruntime

from drail_ros.deploy.metadata import differences, FORMAT, VERSION
from drail_ros.episodes.receding_horizon import PlanShape, RecedingHorizon
from drail_ros.errors import UserError
from drail_ros.tasks.task import Array, Task

_LARGEST_BYTES = 1 << 28
"""Of a policy's file; those of this package have some 0.1 to 10 MB."""


class OnnxPolicy:
    """Observations in the task's units → commands in the command fields' units.

    ``device`` is ``cpu``, ``cuda`` or ``auto``; ``provider`` is what onnxruntime really uses, and
    ``fell_back`` whether that is not what was asked for.

    Raises:
        UserError: the file is missing, no ONNX, not exported by drail_ros or computes NaN.

    """

    def __init__(self, path: Path | str, device: str = 'cpu') -> None:
        self.path = Path(path)
        content = _read(self.path)
        self.sha256 = hashlib.sha256(content).hexdigest()
        options = onnxruntime.SessionOptions()
        # One thread: waking a second costs more than this network, and now and then 4 ms.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # warnings are of its own optimiser
        wanted = ['CPUExecutionProvider']
        if device == 'cuda' or (device == 'auto' and 'CUDAExecutionProvider'
                                in onnxruntime.get_available_providers()):
            if hasattr(onnxruntime, 'preload_dlls'):
                onnxruntime.preload_dlls()
            wanted.insert(0, 'CUDAExecutionProvider')
        available = [p for p in wanted if p in onnxruntime.get_available_providers()]
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=available)
        except Exception as error:  # onnxruntime's own errors share no base class of theirs
            raise UserError(f'policy {self.path} is no ONNX file onnxruntime can load',
                            found=str(error).splitlines()[0],
                            do='export it again with `drail export`') from error
        self.provider = self._session.get_providers()[0]
        self.fell_back = self.provider != wanted[0]
        self.metadata = self._read_metadata()
        self._probe()

    def check(self, task: Task) -> None:
        """Refuse a task that the policy was not made for.

        Raises:
            UserError: naming every difference in fields, order, units, limits and rate.

        """
        found = list(differences(self.metadata, task))
        if found:
            raise UserError(f'policy {self.path} does not fit task {task.name!r}',
                            found='; '.join(found), expected='equal fields, units and rate',
                            do='use a policy trained on this task with this release')

    @property
    def plan_shape(self) -> PlanShape | None:
        """What the policy plans from and how far; None where each observation is answered."""
        plan = self.metadata['plan']
        return plan and PlanShape(plan['history'], plan['chunk'], tuple(plan['noise']))

    def controller(self, num_envs: int, actions_of: Task | None = None,
                   seed: int = 0) -> Callable[[Array], Array]:
        """Return what acts in so many environments: ``[N, O]`` float32 → commands ``[N, A]``.

        With ``actions_of`` it gives that task's normalised actions ``[N, A]`` instead. Where the
        policy plans, it is a ``RecedingHorizon``, to be told of new episodes.
        """
        def given(command: Array) -> Array:
            return actions_of.action_from_command(command) if actions_of else command

        if self.plan_shape is None:
            return lambda obs: given(self._session.run(None, {'observation': obs})[0])
        return RecedingHorizon(lambda obs, noise: given(self.plan(obs, noise)), self.plan_shape,
                               num_envs, seed)

    def plan(self, obs: Array, noise: Array) -> Array:
        """Observations ``[N, T_o, O]``, noise ``[N, T_p, A]`` → commands ``[N, T_a, A]``."""
        return self._session.run(None, {'observation': obs, 'noise': noise})[0]

    def _read_metadata(self) -> dict[str, Any]:
        raw = self._session.get_modelmeta().custom_metadata_map
        try:
            metadata = {name: json.loads(value) for name, value in raw.items()}
        except (ValueError, RecursionError):
            metadata = {}
        made_by = metadata.get('format'), metadata.get('version')
        if made_by != (FORMAT, VERSION):
            raise UserError(f'{self.path} is not a policy exported by drail_ros',
                            found=f'format {made_by[0]!r}, version {made_by[1]!r}',
                            expected=f'format {FORMAT!r}, version {VERSION}',
                            do='export it with `drail export`')
        ports = self._session.get_inputs()[0], self._session.get_outputs()[0]
        try:
            declared = [sum(f['size'] for f in metadata[key])
                        for key in ('observation', 'command')]
            sizes = [port.shape[-1] for port in ports]
            if metadata['plan'] is not None:
                PlanShape(**metadata['plan'])
        except (KeyError, TypeError, IndexError) as error:
            raise UserError(f'policy {self.path} does not say what goes in and out',
                            found=repr(error), do='export it again') from error
        if sizes != declared:
            raise UserError(f'policy {self.path} contradicts itself',
                            found=f'graph sizes {sizes}', expected=f'{declared} by its metadata',
                            do='export it again')
        return metadata

    def _probe(self) -> None:
        size = sum(f['size'] for f in self.metadata['observation'])
        try:
            command = self.controller(1)(np.zeros((1, size), np.float32))
        except Exception as error:  # onnxruntime's own, as above
            raise UserError(f'policy {self.path} cannot be computed',
                            found=str(error).splitlines()[0], do='export it again') from error
        if not np.isfinite(command).all():
            raise UserError(f'policy {self.path} computes no finite command',
                            found=command.tolist(), do='train or export it again')


def _read(path: Path) -> bytes:
    """Return what a regular file holds; opening a pipe would wait for somebody to write."""
    expected = 'an ONNX file written by drail train or drail export'
    try:
        with open(path, 'rb', opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)
                  ) as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise OSError(errno.EINVAL, 'no regular file')
            if about.st_size > _LARGEST_BYTES:
                raise OSError(errno.EFBIG, f'{about.st_size} bytes')
            return file.read(_LARGEST_BYTES)
    except (OSError, ValueError) as error:  # a name with a zero in it is a ValueError
        raise UserError(f'policy {path} cannot be read', expected=expected,
                        found=getattr(error, 'strerror', None) or error) from error

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Which arrays answer which request: given by the simulator's side, checked by the trainer's.

``assign`` is answered by the first observations, ``step`` by a ``Step``, ``snapshot`` by a state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np

from drail_ros.sim.batch_sim import Step
from drail_ros.sim.remote.wire import MalformedMessageError
from drail_ros.tasks.task import Array

_STEP = {'obs': np.float32, 'final_obs': np.float32, 'terminated': np.bool_,
         'truncated': np.bool_, 'success': np.bool_, 'reward': np.float32}
_WIDE = ('obs', 'final_obs')

Layout = dict[str, tuple[str, tuple[int, ...]]]
"""Type and shape of each array."""


def arrays_of(step: Step) -> dict[str, Array]:
    """Return the arrays of a step by name."""
    return {field.name: getattr(step, field.name) for field in fields(step)}


def check_result(arrays: Mapping[str, Array], kind: str, count: int, observation_size: int,
                 other: Mapping[str, Array] | None) -> None:
    """Compare an answer for ``count`` environments with what was asked for.

    What a state holds only the simulators know: it is compared with that of an ``other`` one.

    Raises:
        MalformedMessageError: it has other arrays, or observations or rewards are not finite.

    """
    found = _layout(arrays)
    if kind == 'snapshot':
        others = arrays if other is None else other
        expected = {name: (dtype, (count, *shape[1:]))
                    for name, (dtype, shape) in _layout(others).items()}
    else:
        expected = {name: (np.dtype(dtype).name, (count,) + (observation_size,) * (name in _WIDE))
                    for name, dtype in _STEP.items() if kind == 'step' or name == 'obs'}
    if not found or found != expected:
        raise MalformedMessageError(f'the answer to {kind!r} has other arrays than asked for')
    if kind != 'snapshot' and not all(np.isfinite(array).all() for array in arrays.values()):
        raise MalformedMessageError(f'the answer to {kind!r} is not finite')


def joined(answers: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Put the answers of all parts together, in their order."""
    if len(answers) == 1:
        return dict(answers[0])
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def _layout(arrays: Mapping[str, Array]) -> Layout:
    return {name: (array.dtype.name, array.shape) for name, array in arrays.items()}

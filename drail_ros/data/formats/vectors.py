# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Observation vectors and the named arrays, one a field, that HDF5 formats keep them as."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drail_ros.data.formats.hdf5 import Node
from drail_ros.tasks.task import Array, Field

_FLAT = 'flat'
"""What robomimic calls the only observation of an environment that has no names for its parts."""


def parts(fields: Sequence[Field], vectors: Array) -> dict[str, Array]:
    """``[L, O]`` → an array ``[L, size]`` for each field."""
    ends = np.cumsum([field.size for field in fields])
    return {field.name: vectors[:, end - field.size:end] for field, end in zip(fields, ends)}


def read_vectors(owner: Node, name: str, fields: Sequence[Field]) -> Array | None:
    """Read ``[L, O]`` from an array, or from a group of an array for each field by its name.

    What is missing or does not fit is added to the problems of the file.
    """
    if not owner.is_group(name):
        return owner.array(name)
    group = owner.group(name)
    if group is None:
        return None
    there = set(group.names())
    if there == {_FLAT}:
        return group.array(_FLAT)
    missing = [field.name for field in fields if field.name not in there]
    if missing:
        group.found.append(f'{group.name} holds {", ".join(sorted(there)) or "nothing"}, expected '
                           + ', '.join(field.name for field in fields))
        return None
    columns = []
    for field in fields:
        array = group.array(field.name)
        if array is None:
            continue
        if array.ndim == 1 and field.size == 1:
            array = array[:, None]
        if array.ndim != 2 or array.shape[1] != field.size:
            group.found.append(f'{group.name}/{field.name} has shape {array.shape}, expected '
                               f'(L, {field.size})')
            continue
        columns.append(array)
    if len(columns) < len(fields) or len({len(column) for column in columns}) > 1:
        if len(columns) == len(fields):
            group.found.append(f'the arrays of {group.name} differ in length')
        return None
    return np.concatenate(columns, axis=1)


def unused(owner: Node, name: str, fields: Sequence[Field]) -> set[str]:
    """Names in a group of observations that are no field."""
    group = owner.group(name) if owner.is_group(name) else None
    there = set(group.names()) if group else set()
    return there - {field.name for field in fields} - {_FLAT}

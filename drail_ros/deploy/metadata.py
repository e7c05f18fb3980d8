# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What an exported policy says of itself, and the check that a task fits it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drail_ros.tasks.task import Field, Task

FORMAT = 'drail_ros policy'
VERSION = 2


def layout_of(task: Task) -> dict[str, Any]:
    """Task, fields in order with units and limits, rate and horizon, as JSON values."""
    return {'task': task.name, 'rate_hz': task.rate_hz, 'horizon': task.horizon,
            'observation': [_field(f) for f in task.observation],
            'command': [_field(f) for f in task.command_fields]}


def differences(metadata: Mapping[str, Any], task: Task) -> Iterator[str]:
    """Yield everything in which a policy's metadata and a task disagree."""
    for name, expected in layout_of(task).items():
        found = metadata.get(name)
        if found == expected:
            continue
        if isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
            yield from (f'{name} field {index}: {there} in the file, {here} in the task'
                        for index, (there, here) in enumerate(zip(found, expected))
                        if there != here)
        else:
            yield f'{name}: {found!r} in the file, {expected!r} in the task'


def _field(field: Field) -> dict[str, Any]:
    finite = {} if field.low == -float('inf') else {'low': field.low, 'high': field.high}
    return {'name': field.name, 'size': field.size, 'unit': field.unit, **finite}

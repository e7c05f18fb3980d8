# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A task's line between actions and commands, by hand-made numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from drail_ros.tasks.sine import TASK as SINE
from drail_ros.tasks.task import CommandScale, Field

TASK = dataclasses.replace(SINE, command_fields=(Field('speed', 1, 'm/s', low=0.0, high=4.0),
                                                 Field('turn', 2, 'rad/s', low=-3.0, high=1.0)))
ACTIONS = np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 0.5], [7, -9, 1]], np.float32)
COMMANDS = np.array([[0, -3, -3], [2, -1, -1], [4, 1, 0], [4, -3, 1]], np.float64)


def test_actions_fill_the_range_of_commands_and_no_more() -> None:
    assert np.array_equal(TASK.command_scale().command(ACTIONS), COMMANDS)


def test_tensors_are_scaled_as_arrays_are() -> None:
    low, span = (torch.tensor(array, dtype=torch.float32) for array in (
        TASK.command_scale().low, TASK.command_scale().span))
    found = CommandScale(low, span).command(torch.from_numpy(ACTIONS))
    assert found.dtype == torch.float32 and np.array_equal(found.numpy(), COMMANDS)


def test_a_command_is_the_action_that_gives_it() -> None:
    actions = TASK.action_from_command(COMMANDS)
    assert actions.dtype == np.float32 and np.array_equal(actions, ACTIONS.clip(-1, 1))

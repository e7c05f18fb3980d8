# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A pilot hands out finite commands only."""

from __future__ import annotations

from collections.abc import Callable
import math

import numpy as np
import pytest

from drail_ros import plugins
from drail_ros.deploy.pilot import Pilot
from drail_ros.robot.assembler import Assembler
from drail_ros.robot.freshness import Due
from drail_ros.robot.refusals import Refusals, RefusedError
from drail_ros.tasks.task import Array

TASK = plugins.load(plugins.TASKS, 'fetch_push')
DUE = Due(stamp_ns=1, arrived_s=0.0, repeats=False, begins=True)


class Always:
    """A policy that answers with one command."""

    def __init__(self, command: list[float]) -> None:
        self._command = np.array([command], np.float32)

    def controller(self, num_envs: int) -> Callable[[Array], Array]:
        return lambda obs: self._command


def pilot(command: list[float]) -> Pilot:
    return Pilot(Always(command), Assembler(TASK, 0.2), Refusals())


def test_a_command_is_handed_out_as_the_policy_gave_it() -> None:
    assert pilot([0.5, -0.25, 0.125]).command(DUE).tolist() == [0.5, -0.25, 0.125]


@pytest.mark.parametrize('number', [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize('place', range(3))
def test_a_command_that_is_not_finite_is_refused(place: int, number: float) -> None:
    command = [0.5, -0.25, 0.125]
    command[place] = number
    with pytest.raises(RefusedError, match='command not finite: the policy computed'):
        pilot(command).command(DUE)

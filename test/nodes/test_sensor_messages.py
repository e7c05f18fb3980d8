# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Every number of every sensor message is checked."""

from __future__ import annotations

import math

from builtin_interfaces.msg import Time
import numpy as np
import pytest

from drail_ros import plugins
from drail_ros.nodes import sensor_messages
from drail_ros.robot import messages
from drail_ros.robot.refusals import RefusedError
from drail_ros.tasks.task import Array

TASK = plugins.load(plugins.TASKS, 'fetch_push')
HALF_TURN_ABOUT_Z = slice(6, 10), (0.0, 0.0, 1.0, 0.0)
FIRST_FINGER, LAST_FINGER = 10, 11


def told(row: Array) -> Array:
    """Return a row ``[R]`` as it is read out of the messages that tell it."""
    read = np.full(TASK.reading_size, -1.0)
    for readings in messages.topics(TASK).values():
        message = sensor_messages.to_message(readings, row, Time(sec=1))
        messages.from_message(readings, message, read)
    return read


@pytest.fixture
def row() -> Array:
    found = np.linspace(0.1, 0.9, TASK.reading_size)
    found[HALF_TURN_ABOUT_Z[0]] = HALF_TURN_ABOUT_Z[1]
    return found


def test_what_sensors_tell_is_read(row: Array) -> None:
    assert told(row).tolist() == row.tolist()


@pytest.mark.parametrize('place', range(TASK.reading_size))
@pytest.mark.parametrize('number', [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(row: Array, place: int, number: float) -> None:
    row[place] = number
    with pytest.raises(RefusedError, match='not finite'):
        told(row)


@pytest.mark.parametrize('place', range(TASK.reading_size))
def test_a_number_beyond_its_limits_is_refused(row: Array, place: int) -> None:
    reading = next(reading for readings in messages.topics(TASK).values()
                   for reading, where in readings if where.start <= place < where.stop)
    beyond = 1e-9 * max(abs(reading.low), abs(reading.high))
    for number in (reading.low - beyond, reading.high + beyond):
        row[place] = number
        with pytest.raises(RefusedError, match=f'out of range: {reading.name} is'):
            told(row)


@pytest.mark.parametrize('place', [FIRST_FINGER, LAST_FINGER])
@pytest.mark.parametrize('limit', [-1.0, 1.0])
def test_a_number_at_its_limit_is_read(row: Array, place: int, limit: float) -> None:
    row[place] = limit
    assert told(row)[place] == limit


@pytest.mark.parametrize(('quaternion', 'is_rotation'), [
    pytest.param((0.5, -0.5, 0.5, -0.5), True, id='unit'),
    pytest.param((0.0, 0.0, 0.0, 1.0099), True, id='a-little-long'),
    pytest.param((0.0, 0.0, 0.0, 1.0101), False, id='long'),
    pytest.param((0.0, 0.0, 0.0, 0.9901), True, id='a-little-short'),
    pytest.param((0.0, 0.0, 0.0, 0.9899), False, id='short'),
    pytest.param((0.8, 0.0, 0.0, 0.8), False, id='two-numbers'),
])
def test_a_quaternion_is_of_a_rotation(row: Array, quaternion: tuple[float, ...],
                                       is_rotation: bool) -> None:
    row[HALF_TURN_ABOUT_Z[0]] = quaternion
    if is_rotation:
        assert told(row).tolist() == row.tolist()
    else:
        with pytest.raises(RefusedError, match='no rotation'):
            told(row)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Input that cannot be trusted is refused, counted and named."""

from __future__ import annotations

from collections.abc import Iterator
import math
from pathlib import Path
import time
from typing import Any

from processes import Nodes
import pytest
import rclpy
from robots import PERIOD_S, Robot, spin, spin_until

from drail_ros.tasks.fetch_push import FINGER_JOINTS


@pytest.fixture(scope='module')
def served(own_domain: None, policy: Path,
           tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    """Yield a robot that one server drives through all of the refusals."""
    rclpy.init()
    robot = Robot()
    nodes = Nodes(tmp_path_factory.mktemp('served'))
    nodes.start('policy_server', policy_path=policy)
    yield robot
    nodes.close()
    robot.destroy_node()
    rclpy.try_shutdown()


@pytest.mark.parametrize(('bad', 'reason'), [
    pytest.param({'age_s': 1.0}, 'stale', id='stale'),
    pytest.param({'age_s': -5.0}, 'from the future', id='future'),
    pytest.param({'stamp': 0.0}, 'unstamped', id='unstamped'),
    pytest.param({'stamp': -5.0}, 'negative stamp', id='negative-stamp'),
    pytest.param({'x': math.nan}, 'not finite', id='nan'),
    pytest.param({'x': math.inf}, 'not finite', id='infinite'),
    pytest.param({'x': 1e9}, 'out of range', id='far-away'),
    pytest.param({'x': -5.1}, 'out of range', id='too-low'),
    pytest.param({'quaternion': (0.0, 0.0, 0.0, 0.0)}, 'no rotation', id='zero-quaternion'),
    pytest.param({'quaternion': (0.0, 0.0, 0.0, 100.0)}, 'no rotation', id='large-quaternion'),
    pytest.param({'quaternion': (0.0, 0.0, 0.0, 0.97)}, 'no rotation', id='short-quaternion'),
    pytest.param({'joints': ['elbow']}, 'joints missing', id='joint'),
    pytest.param({'frame': 'base_link'}, 'wrong frame', id='frame'),
    pytest.param({'frame': ''}, 'wrong frame', id='no-frame'),
])
def test_untrusted_input_is_refused_and_counted(bad: dict[str, Any], reason: str,
                                                served: Robot) -> None:
    before, refused = served.nonzero(), served.refused(reason)
    spin_until(served, lambda: served.nonzero() > before + 2, 'commands', served.sense)
    spin_until(served, lambda: served.refused(reason) > refused, reason,
               lambda: served.sense(**bad))
    before, began = served.nonzero(), len(served.commands)
    spin_until(served, lambda: len(served.commands) > began + 1, 'zero commands',
               lambda: served.sense(**bad))
    assert served.nonzero() == before, 'only zero commands follow untrusted input'


@pytest.mark.parametrize('good', [
    pytest.param({'quaternion': (0.0, 0.0, 0.6, 0.8004)}, id='rounded-quaternion'),
    pytest.param({'joints': [*reversed(FINGER_JOINTS), 'elbow']}, id='more-joints'),
])
def test_what_robots_do_send_is_acted_upon(good: dict[str, Any], served: Robot) -> None:
    before = served.nonzero()
    spin_until(served, lambda: served.nonzero() > before + 2, 'commands',
               lambda: served.sense(**good))


def test_a_repeated_observation_is_answered_at_most_at_the_rate(served: Robot) -> None:
    """Again, for an answer may be lost; but a kilohertz of repeats is no kilohertz of commands."""
    spin_until(served, lambda: served.nonzero() > 0, 'commands', served.sense)
    stamp = served.get_clock().now().nanoseconds / 1e9
    sent, began = len(served.commands), time.monotonic()
    while time.monotonic() < began + 0.19:  # it is fresh for 0.2 s
        served.sense(stamp=stamp)
        spin(served, 0.001)
    took_s = time.monotonic() - began
    spin(served, 2 * PERIOD_S)
    answers = [c for at, c in served.commands[sent:]
               if abs(c.header.stamp.sec + c.header.stamp.nanosec * 1e-9 - stamp) < 1e-6]
    assert 1 < len(answers) <= 1 + took_s / (0.9 * PERIOD_S)

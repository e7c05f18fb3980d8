# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Markers show where things are."""

from __future__ import annotations

from builtin_interfaces.msg import Time
import numpy as np

from drail_ros import plugins
from drail_ros.nodes.markers import marker_array
from drail_ros.sim.make import make_sim


def test_a_marker_for_each_pose() -> None:
    task = plugins.load(plugins.TASKS, 'fetch_push')
    sim = make_sim(task, 1, 1.0)
    obs = sim.reset(0)[0]
    markers = marker_array(task, sim.readings[0], Time(sec=1)).markers
    found = [[m.pose.position.x, m.pose.position.y, m.pose.position.z] for m in markers]
    assert np.allclose(found, [obs[0:3], obs[3:6], obs[13:16]])
    assert len({m.id for m in markers}) == 3
    for marker in markers:
        q = marker.pose.orientation
        assert abs(q.x ** 2 + q.y ** 2 + q.z ** 2 + q.w ** 2 - 1) < 1e-6

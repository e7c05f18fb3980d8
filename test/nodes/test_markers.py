"""Markers show where things are."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Time

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

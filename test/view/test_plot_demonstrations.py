# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Pictures of demonstrations."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from drail_ros import plugins
from drail_ros.data.collect import collect
from drail_ros.data.storage import load
from drail_ros.errors import UserError
from drail_ros.sim.make import make_sim
from drail_ros.view.demonstrations import plot_demonstrations


@pytest.mark.parametrize(('name', 'noise_is_known'), [
    pytest.param('fetch_push', True, id='paths'),
    pytest.param('sine', True, id='one observation'),
    pytest.param('fetch_push', False, id='unknown noise'),
])
def test_picture_is_drawn(name: str, noise_is_known: bool, tmp_path: Path) -> None:
    task, picture = plugins.load(plugins.TASKS, name), tmp_path / 'picture.png'
    collect(task, task.expert, tmp_path / 'demos', 5,
            lambda noise, num_envs: make_sim(task, num_envs, noise))
    demos = load(tmp_path / 'demos')
    if not noise_is_known:
        demos = dataclasses.replace(demos, noise=(float('nan'),) * demos.num_episodes)
    plot_demonstrations(demos, picture)
    content = picture.read_bytes()
    assert content[:8] == b'\x89PNG\r\n\x1a\n' and len(content) > 20_000
    with pytest.raises(UserError, match='cannot write'):
        plot_demonstrations(demos, picture / 'picture.png')

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What is said of demonstrations."""

from __future__ import annotations

from pathlib import Path
import re

from random_episodes import PUSH

from drail_ros.data.collect import collect
from drail_ros.data.describe import describe
from drail_ros.data.storage import load
from drail_ros.sim.make import make_sim


def test_description_names_every_number_with_its_unit(tmp_path: Path) -> None:
    collect(PUSH, PUSH.expert, tmp_path, 4, lambda noise, num_envs: make_sim(
        PUSH, num_envs, noise), noise=(1.0, 1.25))
    demos = load(tmp_path)
    text = describe(demos)
    assert demos.content_hash() in text
    assert '4, 4 ended in success' in text and '1x (2 episodes), 1.25x (2 episodes)' in text
    assert re.search(r'^gripper_position\.x +m +1\.3\d\d ', text, re.MULTILINE)
    assert re.search(r'^finger_positions\.1 +m ', text, re.MULTILINE)
    assert re.search(r'^gripper_velocity\.z .* -1\.25 to 1\.25 m/s$', text, re.MULTILINE)

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""HalfCheetah: a hind and a front leg run forward and cannot fall (Gymnasium's HalfCheetah-v5)."""

from __future__ import annotations

from drail_ros.tasks.locomotion import locomotion_task, normal

TASK = locomotion_task(
    'half_cheetah', 'A robot with a hind and a front leg runs forward.',
    file='half_cheetah.xml',
    torques_nm={'bthigh': 120.0, 'bshin': 90.0, 'bfoot': 60.0,
                'fthigh': 120.0, 'fshin': 60.0, 'ffoot': 30.0},
    rate_hz=20.0,
    substeps=5,
    control_cost=0.1,
    spread=0.1,
    draw_velocity=normal,
    height_help='above that of the start',
)

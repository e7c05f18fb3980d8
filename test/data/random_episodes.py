# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Episodes of random numbers, and the tasks they are of."""

from __future__ import annotations

from typing import Any

import numpy as np

from drail_ros import plugins
from drail_ros.data.demonstrations import Episode, Layout
from drail_ros.tasks.task import Task

SINE: Task = plugins.load(plugins.TASKS, 'sine')
PUSH: Task = plugins.load(plugins.TASKS, 'fetch_push')


def random_episode(task: Task = PUSH, length: int = 8, seed: int = 0, **changes: Any) -> Episode:
    """Return an episode that ends in success, of random numbers."""
    rng = np.random.default_rng(seed)
    obs = rng.normal(size=(length + 1, task.observation_size)).astype(np.float32)
    end = np.arange(length) == length - 1
    arrays = {
        'obs': obs[:-1], 'next_obs': obs[1:],
        'action': rng.uniform(-1, 1, (length, task.action_size)).astype(np.float32),
        'terminated': end, 'truncated': np.zeros(length, bool), 'success': end,
        'step': np.arange(length), 'noise': 1.0, 'source': 'random numbers',
    }
    return Episode(Layout.of(task), **{**arrays, **changes})

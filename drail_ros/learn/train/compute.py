# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Where and how fast torch computes.

How many threads depends on the work and on the cores that are left for it. The products of small
networks take fractions of a millisecond; for each, threads wait for one another. Where another
program holds a core, that means waiting for a turn of the scheduler, thousands of times a second:
two threads on two busy cores have been a fortieth as fast as on idle ones, where one thread keeps
the share of a core that is its due. So threads are as many as there are idle cores when a run
begins; a run that goes on keeps its number, for sums round differently in another. If others
come later, it matters how threads wait: see ``drail_ros.wait_briefly``. Measured by
``bench/loaded.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from drail_ros.cores import idle_cores, threads_asked_for
from drail_ros.errors import UserError

_WEIGHTS_PER_THREAD = 128 * 128
"""Of the largest layer; with fewer, two threads were not faster than one (128 to 512 rows)."""


def pick_device(name: str) -> torch.device:
    """``auto`` is cuda where there is one.

    Raises:
        UserError: cuda was asked for and there is none.

    """
    if name == 'cuda' and not torch.cuda.is_available():
        raise UserError('device cuda is not available', found=f'torch {torch.__version__} sees '
                        f'{torch.cuda.device_count()} CUDA devices',
                        do='use device cpu, or install torch with CUDA and a driver')
    if name == 'auto':
        name = 'cuda' if torch.cuda.is_available() else 'cpu'
    return torch.device(name)


def choose_threads(*networks: Mapping[str, Any]) -> int:
    """Return with how many threads to learn the networks of these ``state_dict``.

    So many as OMP_NUM_THREADS says, else as many cores as are idle and the largest layer keeps
    busy; at least 1.
    """
    largest = max((tensor.numel() for network in networks for tensor in network.values()
                   if isinstance(tensor, torch.Tensor) and tensor.ndim > 1), default=0)
    useful = max(1, largest // _WEIGHTS_PER_THREAD)
    return threads_asked_for() or (min(useful, idle_cores()) if useful > 1 else 1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread.

    While environments are simulated: torch's helper threads would spin for milliseconds after
    each small network call, on the cores that the physics needs.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)

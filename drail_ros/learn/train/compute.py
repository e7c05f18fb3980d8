# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Where and how fast torch computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from drail_ros.errors import UserError

_LARGEST_ERROR_RATIO = 8.0
"""bfloat16's error is thousands of times that of float32."""
_PROBE_SIZE = 512
"""Of the matrices compared: large enough for the fast kernel to be chosen."""


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


def use_fast_matmul(wanted: bool) -> None:
    """Choose the kernel of float32 matrix products in this process.

    On some processors torch's 'medium' precision is a faster kernel with the error of float32,
    on others it rounds to bfloat16: it is used only where the error is that of float32.
    """
    torch.set_float32_matmul_precision('highest')
    if not wanted:
        return
    random = torch.Generator().manual_seed(0)
    a, b = (torch.randn((_PROBE_SIZE, _PROBE_SIZE), generator=random) for _ in range(2))
    exact = a.double() @ b.double()
    exact_error = ((a @ b) - exact).abs().max()
    torch.set_float32_matmul_precision('medium')
    if ((a @ b) - exact).abs().max() > _LARGEST_ERROR_RATIO * exact_error:
        torch.set_float32_matmul_precision('highest')

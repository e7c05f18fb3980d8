# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""How exact matrix products are, and so how fast: decided once in a process.

Most of learning's time goes into them. Two things make them faster: a kernel for float32 that is
as exact and quicker, where a processor has one, and bfloat16 (8 bits of mantissa, sums in
float32) for the wide noise predictors of published discriminators. It rounds rewards and gradients
by less than a tenth of what drawing (t, noise) anew changes.
"""

from __future__ import annotations

import torch

_LARGEST_ERROR_RATIO = 8.0
"""bfloat16's error is thousands of times that of float32."""
_PROBE_SIZE = 512
"""Of the matrices compared: large enough for the fast kernel to be chosen."""
_WIDE = 512
"""From this width on bfloat16 gains half and more on a processor that multiplies in it."""

_in_bfloat16 = False


def use_fast_matmul(wanted: bool) -> None:
    """Choose the kernels of matrix products in this process.

    On some processors torch's 'medium' precision is a faster kernel with the error of float32,
    on others it rounds to bfloat16: it is used only where the error is that of float32.
    """
    global _in_bfloat16
    _in_bfloat16 = wanted and _multiplies_bfloat16()
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


def products(width: int, device: torch.device) -> torch.autocast:
    """Return the context for a network of layers so wide: in bfloat16 where that is faster."""
    return torch.autocast(device.type, torch.bfloat16, enabled=_in_bfloat16 and width >= _WIDE
                          and device.type == 'cpu')


def _multiplies_bfloat16() -> bool:
    able = torch.cpu.get_capabilities()
    return bool(able.get('avx512_bf16') or able.get('amx_bf16'))

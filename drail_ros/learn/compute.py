"""Where and how fast torch computes."""

from __future__ import annotations

import torch

from drail_ros.errors import UserError


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

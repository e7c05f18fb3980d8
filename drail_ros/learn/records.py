"""What every trainer logs and writes alike: evaluations, facts of a policy, a diverged state."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from drail_ros.errors import UserError
from drail_ros.learn.checkpoint import save_checkpoint
from drail_ros.learn.evaluate import Evaluation
from drail_ros.learn.run_folder import RunFolder
from drail_ros.learn.run_settings import RunSettings

Report = Callable[[int, dict[str, float]], None]
"""Called with a step of the log and its metrics."""


def evaluation_metrics(prefix: str, result: Evaluation) -> dict[str, float]:
    """Return an evaluation as scalars to log."""
    length = {f'{prefix}/length': result.mean_length}
    if not result.has_success:
        return {f'{prefix}/return': result.mean_return,
                f'{prefix}/return_std': result.std_return} | length
    low, high = result.interval()
    return {f'{prefix}/success_rate': result.success_rate, f'{prefix}/success_low': low,
            f'{prefix}/success_high': high} | length


def policy_info(run: RunSettings, demonstrations_hash: str, step: int) -> dict[str, object]:
    """Return what is saved beside the weights of a policy; ``step`` as in the log."""
    return {'task': run.task, 'algorithm': run.algorithm, 'noise': run.noise, 'seed': run.seed,
            'step': step, 'demonstrations': demonstrations_hash}


def check_finite(metrics: Mapping[str, float], when: str, folder: RunFolder,
                 state: Callable[[], dict[str, Any]]) -> None:
    """Stop a run that diverged; ``state`` is what made it, saved to be looked at.

    Raises:
        UserError: a metric is not finite.

    """
    bad = [name for name, value in metrics.items() if not math.isfinite(value)]
    if bad:
        path = folder.path / 'diverged.safetensors'
        save_checkpoint(path, state())
        raise UserError('training diverged', found=f'{", ".join(bad)} not finite at {when}',
                        do=f'lower the learning rates; state saved in {path}')

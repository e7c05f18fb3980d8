"""The progress bar of a run: success or return, steps per second, time left."""

from __future__ import annotations

import sys
from typing import TextIO

from tqdm import tqdm


class ProgressBar:
    """Shows a run in a terminal; where output is no terminal, a line now and then."""

    def __init__(self, total: int, unit: str, stream: TextIO | None = None) -> None:
        stream = stream or sys.stderr
        self._bar = tqdm(total=total, unit=unit, unit_scale=True, file=stream,
                         dynamic_ncols=True, smoothing=0.1,
                         mininterval=0.5 if stream.isatty() else 10.0)
        self._shown: dict[str, str] = {}

    def report(self, step: int, metrics: dict[str, float]) -> None:
        """Show the state after an iteration."""
        for label, prefix in (('train', 'train'), ('eval', 'evaluation')):
            if (name := f'{prefix}/success_rate') in metrics:
                self._shown[label] = f'{metrics[name]:.0%}'
            elif (name := f'{prefix}/return') in metrics:
                self._shown[label] = f'{metrics[name]:.4g}'
        if (best := metrics.get('evaluation/best')) is not None:
            in_percent = 'evaluation/success_rate' in metrics
            self._shown['best'] = f'{best:.0%}' if in_percent else f'{best:.4g}'
        self._bar.set_postfix(self._shown, refresh=False)
        self._bar.update(step - self._bar.n)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()

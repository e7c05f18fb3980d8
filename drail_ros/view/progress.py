# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The progress of a run: success or return, steps per second, time left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import sys
import time
from typing import TextIO

from tqdm import tqdm

LINE_EVERY_S = 5.0


class Progress:
    """A bar in a terminal; elsewhere, where lines are kept, a line every few seconds.

    ``unit`` is what is counted, up to ``total``; times are seconds of ``clock``.
    """

    def __init__(self, total: int, unit: str, stream: TextIO | None = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._unit, self._clock = total, unit, clock
        self._stream = stream or sys.stderr
        self._bar: tqdm | None = None
        self._scores: dict[str, str] = {}
        self._begun_at, self._began, self._said = 0, clock(), clock()

    def begin(self, step: int) -> None:
        """Count from here; say so where a run goes on."""
        self._begun_at, self._began, self._said = step, self._clock(), self._clock()
        if step:
            self._say(f'goes on from {self._unit} {step} of {self._total}')
        if self._stream.isatty():
            self._bar = tqdm(total=self._total, initial=step, unit=self._unit, unit_scale=True,
                             file=self._stream, dynamic_ncols=True, smoothing=0.1,
                             mininterval=0.5)

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Show the state after an iteration; as a line only now and then, and at the end."""
        self._see(metrics)
        if self._bar is not None:
            self._bar.set_postfix(self._scores, refresh=False)
            self._bar.update(step - self._bar.n)
        elif self._clock() - self._said >= LINE_EVERY_S or step >= self._total:
            self._said = self._clock()
            self._say(self._line(step))

    def close(self) -> None:
        """Leave what is shown as it is."""
        if self._bar is not None:
            self._bar.close()

    def _line(self, step: int) -> str:
        rate = (step - self._begun_at) / max(self._said - self._began, 1e-9)
        left = _duration(max(self._total - step, 0) / rate) if rate > 0 else '?'
        scores = [f'{name} {score}' for name, score in self._scores.items()]
        done = min(step / self._total, 1.0)
        return ', '.join([f'{self._unit} {step} of {self._total} ({done:.0%})',
                          f'{rate:.3g} {self._unit}s/s', *scores, f'{left} left'])

    def _see(self, metrics: Mapping[str, float]) -> None:
        """Keep the latest scores in words."""
        for label, prefix in (('train', 'train'), ('eval', 'evaluation')):
            if (name := f'{prefix}/success_rate') in metrics:
                self._scores[label] = f'{metrics[name]:.0%}'
            elif (name := f'{prefix}/return') in metrics:
                self._scores[label] = f'{metrics[name]:.4g}'
        if (best := metrics.get('evaluation/best')) is not None:
            in_percent = 'evaluation/success_rate' in metrics
            self._scores['best'] = f'{best:.0%}' if in_percent else f'{best:.4g}'

    def _say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


def _duration(seconds: float) -> str:
    """``1:02:03`` or ``2:03``."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f'{hours}:{minute:02}:{second:02}' if hours else f'{minute}:{second:02}'

"""The progress of a run: success or return, steps per second, time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Protocol, TextIO

from tqdm import tqdm

LINE_EVERY_S = 5.0


class Progress(Protocol):
    """Shows how far a run is."""

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Show the state after an iteration."""

    def close(self) -> None:
        """Show no more."""


def make_progress(total: int, unit: str, begun_at: int = 0,
                  stream: TextIO | None = None) -> Progress:
    """Return a bar in a terminal; elsewhere, where lines are kept, a line every few seconds."""
    stream = stream or sys.stderr
    if stream.isatty():
        return ProgressBar(total, unit, begun_at, stream)
    return ProgressLines(total, unit, begun_at, lambda line: print(line, file=stream, flush=True))


class ProgressBar:
    """A line that is drawn over and over."""

    def __init__(self, total: int, unit: str, begun_at: int, stream: TextIO) -> None:
        self._bar = tqdm(total=total, initial=begun_at, unit=unit, unit_scale=True, file=stream,
                         dynamic_ncols=True, smoothing=0.1, mininterval=0.5)
        self._scores = _Scores()

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Draw the state after an iteration."""
        self._bar.set_postfix(self._scores.seen(metrics), refresh=False)
        self._bar.update(step - self._bar.n)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


class ProgressLines:
    """A whole line now and then, the last step's included.

    ``say`` gets the lines; times are seconds of ``clock``.
    """

    def __init__(self, total: int, unit: str, begun_at: int, say: Callable[[str], None],
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._unit, self._say, self._clock = total, unit, say, clock
        self._scores, self._begun_at = _Scores(), begun_at
        self._began = self._said = clock()

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Tell the state after an iteration, if it is time to or the run is over."""
        scores, now = self._scores.seen(metrics), self._clock()
        if now - self._said < LINE_EVERY_S and step < self._total:
            return
        self._said = now
        rate = (step - self._begun_at) / max(now - self._began, 1e-9)
        left = _duration((self._total - step) / rate) if rate > 0 else '?'
        self._say(', '.join([
            f'{self._unit} {step} of {self._total} ({step / self._total:.0%})',
            f'{rate:.3g} {self._unit}s/s', *(f'{k} {v}' for k, v in scores.items()),
            f'{left} left']))

    def close(self) -> None:
        """Nothing to leave."""


class _Scores:
    """The latest scores of a run in words."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}

    def seen(self, metrics: Mapping[str, float]) -> dict[str, str]:
        for label, prefix in (('train', 'train'), ('eval', 'evaluation')):
            if (name := f'{prefix}/success_rate') in metrics:
                self._shown[label] = f'{metrics[name]:.0%}'
            elif (name := f'{prefix}/return') in metrics:
                self._shown[label] = f'{metrics[name]:.4g}'
        if (best := metrics.get('evaluation/best')) is not None:
            in_percent = 'evaluation/success_rate' in metrics
            self._shown['best'] = f'{best:.0%}' if in_percent else f'{best:.4g}'
        return self._shown


def _duration(seconds: float) -> str:
    """``1:02:03`` or ``2:03``."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f'{hours}:{minute:02}:{second:02}' if hours else f'{minute}:{second:02}'

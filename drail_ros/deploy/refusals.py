"""Input that is not acted upon: a reason that is counted, and words that name what was found."""

from __future__ import annotations

from collections import Counter


class RefusedError(ValueError):
    """Input that is refused.

    ``reason`` is one of few, for it is counted; ``detail`` may say anything.
    """

    def __init__(self, reason: str, detail: str = '') -> None:
        super().__init__(f'{reason}: {detail}' if detail else reason)
        self.reason = reason


class Refusals:
    """How often input was refused, and why."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self.latest = ''
        """The latest refusal in words; empty while there was none."""

    def add(self, error: RefusedError) -> None:
        """Count one."""
        self._counts[error.reason] += 1
        self.latest = str(error)

    def values(self) -> dict[str, int]:
        """Return how often, by reason."""
        return {f'refused: {reason}': count for reason, count in self._counts.items()}

    @property
    def total(self) -> int:
        """How often, for whatever reason."""
        return self._counts.total()

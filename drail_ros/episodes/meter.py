"""How the latest episodes of training went; part of a checkpoint, so that logs resume too."""

from __future__ import annotations

from collections import deque

import numpy as np

from drail_ros.sim.batch_sim import State, Step

_LATEST = 100


class EpisodeMeter:
    """Success of the latest episodes of N environments, or their return."""

    def __init__(self, num_envs: int, has_success: bool) -> None:
        self._has_success = has_success
        self._running = np.zeros(num_envs)
        self._latest: deque[tuple[float, float]] = deque(maxlen=_LATEST)

    def add(self, step: Step) -> None:
        """Take in one step of all environments."""
        self._running += step.reward
        ended = np.flatnonzero(step.terminated | step.truncated)
        self._latest += [(float(self._running[i]), float(step.success[i])) for i in ended]
        self._running[ended] = 0.0

    def metrics(self) -> dict[str, float]:
        """Return the mean to log; nothing before an episode ended."""
        if not self._latest:
            return {}
        returns, success = np.mean(self._latest, axis=0).tolist()
        return {'train/success_rate': success} if self._has_success else {'train/return': returns}

    def get_state(self) -> State:
        """Return a copy of the state."""
        return {'running': self._running.copy(),
                'latest': np.array(self._latest, np.float64).reshape(-1, 2)}

    def set_state(self, state: State) -> None:
        """Continue from a state."""
        self._running[:] = state['running']
        self._latest.extend(map(tuple, state['latest'].tolist()))

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""The process that judges the last policy of a trial and writes its results.

A process of its own, so that the comparison goes on with other trials meanwhile:

    python -m drail_ros.compare.judge RUN --episodes 300 --at NOISE RESULT.json …
"""

from __future__ import annotations

import argparse
from pathlib import Path
import sys

from drail_ros import pipeline
from drail_ros.compare.result import Episodes, Final, Result
from drail_ros.errors import INTERRUPTED, UserError
from drail_ros.learn.nets.policy import load_policy, PlanningPolicy
from drail_ros.learn.train.compute import one_thread
from drail_ros.learn.train.config import read_record
from drail_ros.learn.train.folder import POLICY, read_metrics

EVALUATION_SEED = 7_000
"""Far from every trial's seed, from which the evaluations while training draw their episodes."""


def judge(folder: Path, episodes: int, noise: float) -> Result:
    """Evaluate the last policy of a run: its mean action and, where it has any, samples.

    Raises:
        UserError: the folder holds no run that learned to its end.

    """
    file = folder / POLICY
    policy, info = load_policy(file)

    def evaluated(sampled: bool) -> Episodes:
        with one_thread():
            evaluation, _ = pipeline.evaluate_policy(
                file, episodes=episodes, noise=noise, seed=EVALUATION_SEED, sampled=sampled)
        print(f'at noise {noise:g}{", sampled" if sampled else ""}: {evaluation}', flush=True)
        return Episodes.of(evaluation)

    record = read_record(folder)
    rows = read_metrics(folder)
    of = next(name for name in ('success_rate', 'return') if f'evaluation/{name}' in rows[-1])
    sampled = None if isinstance(policy, PlanningPolicy) else evaluated(sampled=True)
    return Result.of(record, rows, of, Final(
        info['step'], noise, EVALUATION_SEED, evaluated(sampled=False), sampled))


def main() -> int:
    """Judge at each noise, and write each result at once."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition('\n')[0])
    parser.add_argument('folder', type=Path)
    parser.add_argument('--episodes', type=int, required=True)
    parser.add_argument('--at', nargs=2, action='append', required=True,
                        metavar=('NOISE', 'RESULT'))
    options = parser.parse_args()
    try:
        for noise, path in options.at:
            judge(options.folder, options.episodes, float(noise)).write(Path(path))
    except UserError as error:
        print(f'drail: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


if __name__ == '__main__':
    sys.exit(main())

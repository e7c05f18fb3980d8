# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Has everything trained and judged that has no result yet, then draws all results.

The same command goes on after anything that stopped it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import signal
import time

from drail_ros.compare.attempt import Attempt, is_finished, LOG
from drail_ros.compare.plan import Comparison
from drail_ros.compare.result import Result
from drail_ros.compare.trials import Case, Measurement, RUNS
from drail_ros.errors import INTERRUPTED, UserError
from drail_ros.learn.train.settings import number_of_demonstrations, task_of
from drail_ros.processes import end_all, ended_like_ctrl_c
from drail_ros.view.comparison import write_comparison
from drail_ros.view.outcomes import Outcome
from drail_ros.view.published import Published, read_published

_ENDING = ((signal.SIGINT, 60.0), (signal.SIGINT, 5.0), (signal.SIGKILL, 5.0))
"""Signals to a trial and seconds to obey: finish the iteration and save, end at once, be ended."""
_POLL_S = 0.1

Say = Callable[[str], None]


def compare(what: Comparison, say: Say) -> int:
    """Train and judge all that has no result, and write figure and tables; return exit status.

    Raises:
        UserError: a setting is wrong, a result or run is of other settings, or there is no
            result in the end.

    """
    cases, published = what.cases(), _published(what, say)
    missing = _missing(cases, _results(cases, what.episodes))
    attempts = [Attempt(trial, [m for m in missing if m.trial is trial], what)
                for trial in dict.fromkeys(m.trial for m in missing)]
    trained = [is_finished(attempt.trial) for attempt in attempts]
    what.output.mkdir(parents=True, exist_ok=True)
    trials = {case.measurement.trial for case in cases}
    say(f'{len(trials)} trials: {trained.count(False)} to train, {trained.count(True)} '
        'only to judge, the others have their results')
    try:
        with ended_like_ctrl_c():
            failed = _run_all(attempts, what.jobs, say)
    except KeyboardInterrupt:
        say('interrupted; the same command goes on')
        return INTERRUPTED
    _draw(what, cases, published, say)
    if failed:
        say(f'failed and left out: {", ".join(failed)}')
    return 1 if failed else 0


def redraw(what: Comparison, say: Say) -> int:
    """Write figure and tables of the results there are; train and judge nothing.

    Raises:
        UserError: a setting is wrong, a result is of other settings, or there is none.

    """
    cases, published = what.cases(), _published(what, say)
    missing = _missing(cases, _results(cases, episodes=0))
    if missing:
        say(f'without a result: {", ".join(m.name for m in missing)}')
    _draw(what, cases, published, say)
    return 0


def _run_all(attempts: Sequence[Attempt], jobs: int, say: Say) -> list[str]:
    """Have all done, so many at a time; return the names of those that failed."""
    waiting, running = list(attempts), list[Attempt]()
    failed: list[str] = []
    elsewhere: set[str] = set()
    try:
        while waiting or running:
            for attempt in waiting[:]:
                if len(running) == jobs:
                    break
                name = attempt.trial.name
                if attempt.start():
                    waiting.remove(attempt)
                    running.append(attempt)
                    say(f'{name} begins ({len(waiting)} to follow)')
                elif name not in elsewhere:
                    elsewhere.add(name)
                    say(f'{name} is still run by a comparison before this one; waiting')
            time.sleep(_POLL_S)
            for attempt in running[:]:
                code = attempt.poll()
                if code is not None:
                    running.remove(attempt)
                    say(attempt.told(code))
                    failed += [attempt.trial.name] if code else []
    finally:
        end_all([attempt.process for attempt in running if attempt.process], _ENDING)
    return failed


def _measurements(cases: Sequence[Case]) -> list[Measurement]:
    return list(dict.fromkeys(case.measurement for case in cases))


def _results(cases: Sequence[Case], episodes: int) -> dict[Measurement, Result]:
    """Read the results there are and check them; refused where of fewer ``episodes``."""
    results = {m: Result.read(m.path) for m in _measurements(cases) if m.path.exists()}
    for measurement, result in results.items():
        result.check(measurement, episodes)
    _check_demonstrations(results)
    return results


def _check_demonstrations(results: Mapping[Measurement, Result]) -> None:
    """Refuse results that learned from different demonstrations of one name and number."""
    first: dict[tuple[str, int], tuple[Measurement, Result]] = {}
    for measurement, result in results.items():
        if not result.demonstrations:
            continue
        run = measurement.trial.settings
        of_name = run.demo_path, number_of_demonstrations(run)
        other, its = first.setdefault(of_name, (measurement, result))
        if its.demonstrations != result.demonstrations:
            raise UserError(
                f'{measurement.path} was learned from other demonstrations than {other.path.name}',
                found=f'hashes {result.demonstrations[:12]} and {its.demonstrations[:12]}',
                expected='the same demonstrations', do='delete the results of those that do not '
                'count, and the trials are run again')


def _missing(cases: Sequence[Case], results: Mapping[Measurement, Result]) -> list[Measurement]:
    return [m for m in _measurements(cases) if m not in results]


def _published(what: Comparison, say: Say) -> list[Published]:
    """Return the published figures that have a place in the comparison."""
    if what.reference is None:
        return []
    there = read_published(what.reference, list(what.vary))
    placed = [each for each in there
              if each.label in what.entries() and each.setting in (what.vary or {''})]
    if len(placed) < len(there):
        say(f'{len(there) - len(placed)} of {len(there)} figures in {what.reference} are of '
            'algorithms or settings that are not compared')
    return placed


def _draw(what: Comparison, cases: Sequence[Case], published: Sequence[Published],
          say: Say) -> None:
    results = _results(cases, episodes=0)
    if not results:
        raise UserError('there is no result to show', found=f'{what.output}',
                        do=f'see {what.output}/{RUNS}/*/{LOG} for what went wrong, if anything')
    task = task_of(cases[0].measurement.trial.settings)
    outcomes = [_outcome(case, results[case.measurement], 100.0 if task.has_success else 1.0)
                for case in cases if case.measurement in results]
    varied = {name: list(dict.fromkeys(map(str, values))) for name, values in what.vary.items()}
    tables = write_comparison(outcomes, task, list(what.entries()), varied, what.command(),
                              what.output, published)
    say(f'\n{tables}\nwritten to {what.output}: comparison.png, comparison.md, comparison.csv, '
        f'trials.csv\nthe same again, or more of it: {what.command()}')


def _outcome(case: Case, result: Result, scale: float) -> Outcome:
    """Return a result as it is drawn, scores multiplied."""
    def points(scores: Sequence[float]) -> tuple[tuple[int, float], ...]:
        return tuple((step, scale * score) for step, score in zip(result.curve.step, scores))
    final = result.final
    return Outcome(
        name=case.measurement.name, label=case.label, setting=case.setting, value=case.value,
        seed=case.seed, is_online=case.measurement.trial.is_online, last_step=final.step,
        noise=final.noise, score=scale * result.score(final.mean),
        sampled_score=None if final.sampled is None else scale * result.score(final.sampled),
        episodes=final.mean.episodes, seconds=result.seconds,
        demonstrations=result.demonstrations,
        curve=points(result.curve.mean), sampled_curve=points(result.curve.sampled))

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Progress where there is no terminal: whole lines, seldom, with what is left."""

from __future__ import annotations

import io

from drail_ros.view.progress import LINE_EVERY_S, Progress


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def shown(begun_at: int, reports: list[tuple[float, int, dict[str, float]]],
          total: int = 1000) -> list[str]:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(total, 'step', stream, clock)
    progress.begin(begun_at)
    for clock.now, step, metrics in reports:
        progress.report(step, metrics)
    progress.close()
    return stream.getvalue().splitlines()


def test_a_line_tells_step_rate_scores_and_time_left() -> None:
    line, = shown(0, [(10.0, 100, {'train/success_rate': 0.25, 'evaluation/success_rate': 0.5,
                                   'evaluation/best': 0.75})])
    assert line == 'step 100 of 1000 (10%), 10 steps/s, train 25%, eval 50%, best 75%, 1:30 left'


def test_lines_are_seldom_but_the_last_step_is_told() -> None:
    lines = shown(0, [(LINE_EVERY_S * 0.9, 10, {}), (LINE_EVERY_S, 20, {}),
                      (LINE_EVERY_S * 1.9, 30, {}), (LINE_EVERY_S * 1.95, 1000, {})])
    assert [line.split(',')[0] for line in lines] == ['step 20 of 1000 (2%)',
                                                      'step 1000 of 1000 (100%)']


def test_a_run_that_goes_on_says_from_where_and_counts_from_there() -> None:
    first, line = shown(900, [(10.0, 950, {'train/return': 12.345})])
    assert first == 'goes on from step 900 of 1000'
    assert '5 steps/s' in line and 'train 12.35' in line and '0:10 left' in line


def test_the_last_iteration_may_exceed_the_steps_asked_for() -> None:
    line, = shown(0, [(3661.0, 1200, {})])
    assert '(100%)' in line and '0:00 left' in line


def test_hours_are_told() -> None:
    line, = shown(0, [(10.0, 1, {})])
    assert line.endswith('2:46:30 left')

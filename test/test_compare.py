# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Comparisons: real runs in processes of their own, on the task that is learned in seconds."""

from __future__ import annotations

from collections.abc import Iterator
import csv
import fcntl
import json
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest

from drail_ros import cli
from drail_ros.compare import Comparison
from drail_ros.learn.train.folder import read_metrics
from drail_ros.settings import values
from drail_ros.tasks.half_cheetah import TASK as HALF_CHEETAH
from drail_ros.tasks.point_reach import TASK as POINT_REACH
from drail_ros.view.comparison import Outcome, write_comparison

DRAIL = [sys.executable, '-m', 'drail_ros.cli']
QUICK = ['reward.width=16', 'learner.width=16', 'evaluation_episodes=20', 'num_envs=4',
         'rollout_steps=16', 'evaluate_every=4096', 'learner.epochs=1']


@pytest.fixture(autouse=True, scope='module')
def one_thread_each() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('OMP_NUM_THREADS', '1')
        yield


@pytest.fixture(scope='module')
def demos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('demos') / 'point_reach'
    assert cli.main(['demos', 'collect', '--task', 'point_reach', '--episodes', '10',
                     '--output', str(path)]) == 0
    return path


def words(folder: Path, demos: Path, *algorithms: str, seeds: str = '0', steps: int = 128,
          more: tuple[str, ...] = ()) -> list[str]:
    return ['compare', '--task', 'point_reach', '--algorithms', *algorithms, '--seeds',
            *seeds.split(), '--output', str(folder), '--demo-path', str(demos), '--episodes',
            '20', '--total-steps', str(steps), '--set', *QUICK, *more]


@pytest.fixture(scope='module')
def compared(tmp_path_factory: pytest.TempPathFactory, demos: Path) -> Path:
    """One online and one offline algorithm; a second seed of one; all by the same command."""
    folder = tmp_path_factory.mktemp('compared')
    assert cli.main(words(folder, demos, 'gail', 'bc', more=('--jobs', '2'))) == 0
    return folder


def test_the_tables_hold_what_was_evaluated(compared: Path) -> None:
    finals = {name: json.loads((compared / f'{name}_0' / 'final.json').read_text())
              for name in ('gail', 'bc')}
    with (compared / 'comparison.csv').open() as file:
        rows = {row['algorithm']: row for row in csv.DictReader(file)}
    assert set(rows) == set(finals)
    for name, final in finals.items():
        assert final['episodes'] >= 20
        assert float(rows[name]['seed 0']) == pytest.approx(100 * final['score'])
        assert float(rows[name]['sampled']) == pytest.approx(100 * final['sampled_score'])
        line = next(line for line in (compared / 'comparison.md').read_text().splitlines()
                    if line.startswith(f'| {name} '))
        assert f'| {100 * final["score"]:.1f} |' in line
    assert rows['gail']['environment steps'] == '128' and rows['bc']['epochs'] == '1'
    assert (compared / 'comparison.png').read_bytes().startswith(b'\x89PNG')
    assert (compared / 'gail_0' / 'log.txt').exists()


def test_the_same_command_with_a_seed_more_runs_only_that(
        compared: Path, demos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [compared / 'gail_0' / name for name in ('metrics.jsonl', 'final.json', 'log.txt')]
    before = [file.stat().st_mtime_ns for file in files]
    assert cli.main(words(compared, demos, 'gail', seeds='0 1')) == 0
    printed = capsys.readouterr().out
    assert '2 runs, 1 of them finished before' in printed
    assert 'gail_1 begins' in printed and 'gail_0 begins' not in printed
    assert '| gail | 2 |' in printed and 'drail compare --task point_reach' in printed
    assert [file.stat().st_mtime_ns for file in files] == before


def test_a_finished_run_of_other_settings_is_refused(
        compared: Path, demos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words(compared, demos, 'gail', steps=64)) == 1
    assert 'total_steps: 128 then, 64 now' in capsys.readouterr().err


def test_a_failed_run_is_told_and_the_others_count(
        tmp_path: Path, demos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'gail_0').mkdir()
    (tmp_path / 'gail_0' / 'run.json').write_text('{broken')
    assert cli.main(words(tmp_path, demos, 'gail', 'bc', more=('--jobs', '2'))) == 1
    printed = capsys.readouterr().out
    assert 'gail_0 failed with exit status 1' in printed and 'run.json cannot be read' in printed
    assert '| bc |' in (tmp_path / 'comparison.md').read_text()


def wait_for_rows(folder: Path, rows: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 90
    while len(read_metrics(folder)) < rows:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)


def interrupt(command: list[str], run: Path, rows: int, number: int) -> tuple[int, str]:
    """Send a signal once the run has logged so many rows; return what the command returned."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 90
    try:
        while len(read_metrics(run)) < rows:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.send_signal(number)
        printed, _ = process.communicate(timeout=90)
    return process.returncode, printed


def test_an_interrupted_comparison_saves_and_goes_on(tmp_path: Path, demos: Path) -> None:
    command = [*DRAIL, *words(tmp_path, demos, 'gail', steps=1_000_000)]
    run = tmp_path / 'gail_0'
    status, printed = interrupt(command, run, 3, signal.SIGTERM)
    assert status == 130 and 'the same command goes on' in printed
    with (run / 'log.txt').open('ab') as log:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody is left at it
    before = read_metrics(run)
    assert (run / 'checkpoint.safetensors').exists()
    assert interrupt(command, run, len(before) + 1, signal.SIGINT)[0] == 130
    after = read_metrics(run)
    assert after[:len(before)] == before
    assert [row['step'] for row in after] == list(range(64, 64 * len(after) + 1, 64))


def test_two_comparisons_never_run_the_same(tmp_path: Path) -> None:
    trial, = Comparison('point_reach', ['bc'], [0], tmp_path).trials()
    trial.folder.mkdir()
    with (trial.folder / 'log.txt').open('ab') as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        assert trial.start(jobs=1) is None


def test_the_tail_of_a_log_shows_a_progress_bar_once(tmp_path: Path) -> None:
    trial, = Comparison('point_reach', ['bc'], [0], tmp_path).trials()
    trial.folder.mkdir()
    (trial.folder / 'log.txt').write_bytes(b'begun\n 1%\r 2%\r 3%\nValueError: no\n')
    assert trial.tail() == '  begun\n   3%\n  ValueError: no'


@pytest.mark.parametrize(('wrong', 'told'), [
    pytest.param(['--set', 'reward.no_such=1'], 'reward.no_such', id='unknown setting'),
    pytest.param(['--set', 'width'], 'NAME=VALUE', id='no value'),
    pytest.param(['--set', 'wail:reward.width=8'], "'wail'", id='algorithm not compared'),
    pytest.param(['--set', 'gail:seed=8'], "'seed' cannot be set", id='of one'),
    pytest.param(['--set', 'noise=1', 'noise=2'], "'noise' is assigned twice", id='twice'),
    pytest.param(['--set', 'seed=8'], "'seed' cannot be set", id='given by the comparison'),
    pytest.param(['--noise', '9'], 'noise level', id='out of range'),
    pytest.param(['--agent', 'pppo'], 'did you mean ppo', id='agent'),
    pytest.param(['--task', 'hopper', '--set', 'stop_at_success=0.9'], 'has no success',
                 id='stop'),
    pytest.param(['--jobs', '0'], '--jobs', id='jobs'),
])
def test_wrong_settings_are_told_before_anything_runs(
        wrong: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*words(tmp_path / 'x', tmp_path, 'gail', 'bc'), *wrong]) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / 'x').exists()


def test_settings_reach_the_runs_that_have_them(tmp_path: Path) -> None:
    what = Comparison('half_cheetah', ['gail', 'iq_learn', 'bc'], [3, 3], tmp_path, common={
        'agent': 'sac', 'learner.batch_size': '64', 'total_steps': '1000'},
        special={'bc': {'learner.batch_size': '32'}})
    gail, iq_learn, bc = what.trials()
    assert [values(trial.settings)['learner.batch_size'] for trial in (gail, iq_learn, bc)] == [
        64, 64, 32]
    assert values(gail.settings)['agent'] == 'sac' and 'agent' not in bc.given
    assert values(iq_learn.settings)['total_steps'] == 1000 and bc.seed == 3


def outcome(name: str, seed: int, scores: list[float], metric: str, *, online: bool = True,
            sampled: bool = True) -> Outcome:
    rows = [{'step': 1000.0 * (i + 1), metric: score} for i, score in enumerate(scores)]
    return Outcome(name, seed, online, rows, scores[-1], scores[-1] / 2 if sampled else None, 128)


def test_rows_are_means_and_deviations_over_seeds_in_order_of_the_mean(tmp_path: Path) -> None:
    metric = 'evaluation/success_rate'
    table = write_comparison([
        outcome('low', 0, [0.5, 0.25], metric), outcome('low', 1, [0.25, 0.75], metric),
        outcome('plans', 0, [0.75], metric, online=False, sampled=False)],
        POINT_REACH, 'drail compare', tmp_path)
    plans, low = table.splitlines()[2:]
    assert plans == '| plans | 1 | 0 (1000 epochs) | 75.0 | – | 75.0 | 0: 75.0 |'
    assert low == ('| low | 2 | 2,000 | 50.0 ± 25.0 | 25.0 ± 12.5 | 62.5 ± 12.5 | '
                   '0: 25.0, 1: 75.0 |')


def test_a_task_without_success_is_compared_by_return(tmp_path: Path) -> None:
    metric = 'evaluation/return'
    table = write_comparison([outcome('a', 0, [-8.0, 4000.0], metric),
                              outcome('b', 0, [5.0], metric, online=False)],
                             HALF_CHEETAH, 'drail compare', tmp_path)
    assert '| return |' in table and '| a | 1 | 2,000 | 4000.0 | 2000.0 | 4000.0 |' in table
    assert (tmp_path / 'comparison.png').read_bytes().startswith(b'\x89PNG')

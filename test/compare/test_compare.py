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
import shutil
import signal
import subprocess
import sys
import time

import pytest

from drail_ros import cli, pipeline
from drail_ros.compare import Comparison
from drail_ros.compare.attempt import Attempt
from drail_ros.compare.judge import judge
from drail_ros.compare.result import Result
from drail_ros.learn.train.folder import read_metrics
from drail_ros.sim.make import make_sim

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
    """One online and one offline algorithm, two at a time."""
    folder = tmp_path_factory.mktemp('compared')
    assert cli.main(words(folder, demos, 'gail', 'bc', more=('--jobs', '2'))) == 0
    return folder


@pytest.fixture
def archive(compared: Path, tmp_path: Path) -> Path:
    """Return a folder with the results alone, as they are months later on another machine."""
    shutil.copytree(compared / 'results', tmp_path / 'archive' / 'results')
    return tmp_path / 'archive'


def table(folder: Path, name: str = 'comparison') -> list[dict[str, str]]:
    with (folder / f'{name}.csv').open() as file:
        return list(csv.DictReader(file))


def test_the_tables_hold_what_was_evaluated(compared: Path) -> None:
    results = {name: Result.read(compared / 'results' / f'{name}_0.json')
               for name in ('gail', 'bc')}
    rows = {row['algorithm']: row for row in table(compared)}
    assert set(rows) == set(results)
    for name, result in results.items():
        mean, sampled = result.final.mean, result.final.sampled
        assert mean.episodes == sampled.episodes == 32, 'as many in each environment'
        score = 100 * mean.successes / 32
        assert float(rows[name]['seed 0']) == pytest.approx(score)
        assert float(rows[name]['sampled']) == pytest.approx(100 * sampled.successes / 32)
        assert f'| {score:.1f} |' in next(
            line for line in (compared / 'comparison.md').read_text().splitlines()
            if line.startswith(f'| {name} '))
    assert rows['gail']['environment steps'] == '128' and rows['bc']['epochs'] == '1'
    assert (compared / 'comparison.png').read_bytes().startswith(b'\x89PNG')
    assert (compared / 'runs' / 'gail_0' / 'log.txt').exists()
    assert len(table(compared, 'trials')) == 2


def test_a_result_tells_what_the_run_did(compared: Path) -> None:
    result, run = Result.read(compared / 'results' / 'gail_0.json'), compared / 'runs' / 'gail_0'
    record, rows = json.loads((run / 'run.json').read_text()), read_metrics(run)
    assert (result.task, result.algorithm, result.seed) == ('point_reach', 'gail', 0)
    assert result.settings['reward.width'] == 16
    assert result.versions == record['versions']
    assert result.versions['commit'] == source_commit()
    assert result.demonstrations == record['demonstrations'] and len(result.demonstrations) == 64
    assert result.curve.step == (128,)
    assert result.curve.mean[0] == pytest.approx(rows[-1]['evaluation/success_rate'], rel=1e-4)
    assert result.curve.sampled[0] == pytest.approx(
        rows[-1]['evaluation_sampled/success_rate'], rel=1e-4)
    assert result.seconds == pytest.approx(rows[-1]['train/seconds'], rel=1e-3)
    assert (result.final.step, result.final.noise, result.final.seed) == (128, 1.0, 7000)
    again, _ = pipeline.evaluate_policy(run / 'policy.safetensors', episodes=20, noise=1.0,
                                        seed=7000)
    assert again.successes == result.final.mean.successes
    assert result.final.mean.mean_length == pytest.approx(again.mean_length, rel=1e-4)


def source_commit() -> str:
    return subprocess.run(
        ['git', 'describe', '--always', '--abbrev=40', '--exclude=*', '--dirty'],
        cwd=Path(__file__).parent, check=True, capture_output=True, text=True).stdout.strip()


def test_the_same_command_with_a_seed_more_runs_only_that(
        archive: Path, demos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (archive / 'results' / 'gail_0.json').read_bytes()
    assert cli.main(words(archive, demos, 'gail', seeds='0 1')) == 0
    printed = capsys.readouterr().out
    assert '2 trials: 1 to train, 0 only to judge' in printed
    assert 'gail_1 begins' in printed and 'gail_0 begins' not in printed
    assert '| gail | 2 |' in printed and 'drail compare --task point_reach' in printed
    assert (archive / 'results' / 'gail_0.json').read_bytes() == before
    assert [run.name for run in (archive / 'runs').iterdir()] == ['gail_1']


def test_what_lost_its_result_is_judged_again_and_not_trained(
        compared: Path, demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(compared, tmp_path / 'copy')
    result = tmp_path / 'copy' / 'results' / 'gail_0.json'
    before = result.read_bytes()
    result.unlink()
    log = tmp_path / 'copy' / 'runs' / 'gail_0' / 'metrics.jsonl'
    written = log.stat().st_mtime_ns
    assert cli.main(words(tmp_path / 'copy', demos, 'gail', 'bc')) == 0
    assert '2 trials: 0 to train, 1 only to judge' in capsys.readouterr().out
    assert result.read_bytes() == before and log.stat().st_mtime_ns == written


def test_results_alone_are_drawn_again(archive: Path, demos: Path, compared: Path,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*words(archive, demos, 'gail', 'bc', seeds='0 1'), '--redraw']) == 0
    assert 'without a result: gail_1, bc_1' in capsys.readouterr().out
    assert not (archive / 'runs').exists()
    assert table(archive) == table(compared)


def test_nothing_is_drawn_of_nothing(tmp_path: Path, demos: Path,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*words(tmp_path, demos, 'gail'), '--redraw']) == 1
    assert 'there is no result' in capsys.readouterr().err


def test_a_result_of_other_settings_is_refused(
        archive: Path, demos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words(archive, demos, 'gail', steps=64)) == 1
    error = capsys.readouterr().err
    assert 'gail_0.json is the result of other settings' in error
    assert 'total_steps: 128 then, 64 now' in error
    (archive / 'results' / 'gail_0.json').write_text('{broken')
    assert cli.main(words(archive, demos, 'gail')) == 1
    assert 'gail_0.json cannot be read' in capsys.readouterr().err


def test_results_of_different_demonstrations_are_not_compared(
        archive: Path, demos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = archive / 'results' / 'bc_0.json'
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, 'demonstrations': 'f' * 64}))
    assert cli.main([*words(archive, demos, 'gail', 'bc'), '--redraw']) == 1
    error = capsys.readouterr().err
    assert 'learned from other demonstrations than gail_0.json' in error
    assert 'ffffffffffff' in error and content['demonstrations'][:12] in error


def test_a_finished_run_of_other_settings_is_refused(
        compared: Path, demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(compared / 'runs', tmp_path / 'runs')
    assert cli.main(words(tmp_path, demos, 'gail', steps=64)) == 1
    assert 'total_steps: 128 then, 64 now' in capsys.readouterr().err


def test_cloning_is_trained_once_and_judged_at_each_noise(
        tmp_path: Path, demo_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.main(['compare', '--task', 'fetch_push', '--algorithms', 'bc', '--seeds', '0',
                     '--output', str(tmp_path), '--demo-path', str(demo_path), '--episodes', '1',
                     '--vary', 'noise=1,2', '--set', *QUICK[1:4], 'learner.epochs=1']) == 0
    assert [run.name for run in (tmp_path / 'runs').iterdir()] == ['bc_0']
    at_1, at_2 = (Result.read(tmp_path / 'results' / f'bc_noise={level}_0.json')
                  for level in (1, 2))
    assert (at_1.final.noise, at_2.final.noise) == (1.0, 2.0)
    assert at_1.settings == at_2.settings and at_1.settings['noise'] == 1.5
    assert all(row['1'] and row['2'] for row in table(tmp_path))

    noises = []
    monkeypatch.setattr(pipeline, 'make_sim', lambda task, num_envs, noise: (
        noises.append(noise) or make_sim(task, num_envs, noise)))
    assert judge(tmp_path / 'runs' / 'bc_0', 1, 2.0) == at_2
    assert noises == [2.0, 2.0], 'of the mean action and of samples'


def test_a_failed_run_is_told_and_the_others_count(
        tmp_path: Path, demos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'runs' / 'gail_0').mkdir(parents=True)
    (tmp_path / 'runs' / 'gail_0' / 'run.json').write_text('{broken')
    assert cli.main(words(tmp_path, demos, 'gail', 'bc', more=('--jobs', '2'))) == 1
    printed = capsys.readouterr().out
    assert 'gail_0 failed with exit status 1' in printed and 'run.json cannot be read' in printed
    assert '| bc |' in (tmp_path / 'comparison.md').read_text()


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
    run = tmp_path / 'runs' / 'gail_0'
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


def attempt_at(what: Comparison) -> Attempt:
    case, = what.cases()
    return Attempt(case.measurement.trial, [case.measurement], what)


def test_two_comparisons_never_run_the_same(tmp_path: Path) -> None:
    attempt = attempt_at(Comparison('point_reach', ['bc'], [0], tmp_path))
    attempt.trial.folder.mkdir(parents=True)
    with (attempt.trial.folder / 'log.txt').open('ab') as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        assert not attempt.start() and attempt.process is None


def test_what_another_comparison_finished_meanwhile_is_not_run_again(
        archive: Path, demos: Path) -> None:
    attempt = attempt_at(Comparison('point_reach', ['bc'], [0], archive))
    assert attempt.start() and attempt.process is None and attempt.poll() == 0
    assert 'success: mean action' in attempt.told(0)


@pytest.mark.parametrize(('jobs', 'threads'), [(1, '7'), (2, '1')])
def test_trials_side_by_side_have_one_thread_each(
        jobs: int, threads: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def popen(command: list[str], env: dict[str, str], **rest: object) -> subprocess.Popen:
        started.append(env['OMP_NUM_THREADS'])
        return subprocess_popen(['true'])

    subprocess_popen = subprocess.Popen
    monkeypatch.setenv('OMP_NUM_THREADS', '7')
    monkeypatch.setattr(subprocess, 'Popen', popen)
    attempt = attempt_at(Comparison('point_reach', ['bc'], [0], tmp_path, jobs=jobs))
    assert attempt.start()
    while attempt.poll() is None:
        pass
    assert started == [threads, threads], 'training, then judging'


def test_the_tail_of_a_log_shows_a_progress_bar_once(tmp_path: Path) -> None:
    attempt = attempt_at(Comparison('point_reach', ['bc'], [0], tmp_path))
    attempt.trial.folder.mkdir(parents=True)
    (attempt.trial.folder / 'log.txt').write_bytes(b'begun\n 1%\r 2%\r 3%\nValueError: no\n')
    assert attempt.tail() == '  begun\n   3%\n  ValueError: no'


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
    pytest.param(['--vary', 'noise'], 'NAME=VALUE', id='vary nothing'),
    pytest.param(['--variant', 'a=bc:learner.epochs'], 'NAME=VALUE', id='variant of nothing'),
    pytest.param(['--reference', 'no.csv'], 'no.csv cannot be read', id='no reference'),
])
def test_wrong_settings_are_told_before_anything_runs(
        wrong: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*words(tmp_path / 'x', tmp_path, 'gail', 'bc'), *wrong]) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / 'x').exists()

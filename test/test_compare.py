"""Comparisons: real runs, in processes of their own, on the task that is learned in seconds."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from drail_ros import cli
from drail_ros.learn.run_folder import read_metrics

QUICK = ['--task', 'point_reach', '--episodes', '20', '--set', 'reward.width=16',
         'learner.width=16', 'evaluation_episodes=20', 'bc:learner.epochs=3',
         'num_envs=4', 'rollout_steps=16', 'evaluate_every=100000']


def arguments(folder: Path, *algorithms: str, seeds: str = '0', steps: int = 128) -> list[str]:
    return ['compare', '--algorithms', *algorithms, '--seeds', *seeds.split(), '--output',
            str(folder), '--total-steps', str(steps), '--jobs', '2', *QUICK]


@pytest.fixture(scope='module')
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One online and one offline algorithm, two seeds."""
    folder = tmp_path_factory.mktemp('compared')
    assert cli.main(arguments(folder, 'gail', 'bc', seeds='0 1')) == 0
    return folder


def test_the_tables_tell_what_was_evaluated(compared: Path) -> None:
    with (compared / 'comparison.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert {(row['algorithm'], row['seed']) for row in rows} == {
        (name, seed) for name in ('gail', 'bc') for seed in '01'}
    for row in rows:
        final = json.loads((compared / f'{row["algorithm"]}_{row["seed"]}'
                            / 'final.json').read_text())
        assert float(row['success [%]']) == pytest.approx(100 * final['score'])
        assert final['episodes'] >= 20
    table = (compared / 'comparison.md').read_text()
    for name in ('gail', 'bc'):
        scores = [float(r['success [%]']) for r in rows if r['algorithm'] == name]
        line = next(line for line in table.splitlines() if line.startswith(f'| {name} '))
        assert f'{np.mean(scores):.1f} ± {np.std(scores):.1f}' in line
    assert (compared / 'comparison.png').stat().st_size > 10_000


def test_only_what_is_new_runs(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (compared / 'gail_0' / 'metrics.jsonl').stat().st_mtime_ns
    assert cli.main(arguments(compared, 'gail', 'bc', 'wail', seeds='0')) == 0
    printed = capsys.readouterr().out
    assert '3 runs, 2 of them finished before' in printed and 'wail_0 begins' in printed
    assert (compared / 'gail_0' / 'metrics.jsonl').stat().st_mtime_ns == before


def test_a_failed_run_is_told_and_the_others_count(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'gail_0').mkdir()
    (tmp_path / 'gail_0' / 'run.json').write_text('{broken')
    assert cli.main(arguments(tmp_path, 'gail', 'bc')) == 1
    printed = capsys.readouterr().out
    assert 'gail_0 failed with exit status 1' in printed and 'run.json' in printed
    assert '| bc |' in (tmp_path / 'comparison.md').read_text()


def test_an_interrupted_comparison_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, '-m', 'drail_ros.cli',
               *arguments(tmp_path, 'gail', steps=2048)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(read_metrics(tmp_path / 'gail_0')) < 3 and time.monotonic() < deadline:
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and 'the same command goes on' in printed
    done = read_metrics(tmp_path / 'gail_0')
    assert 3 <= len(done) < 2048 / 64
    assert subprocess.run(command, stdout=subprocess.PIPE, timeout=100).returncode == 0
    rows = read_metrics(tmp_path / 'gail_0')
    assert [row['step'] for row in rows] == list(range(64, 2049, 64))
    assert rows[:len(done)] == done


@pytest.mark.parametrize('wrong', [
    pytest.param(['--set', 'no_such=1'], id='unknown setting'),
    pytest.param(['--set', 'width'], id='no value'),
    pytest.param(['--noise', '9'], id='out of range'),
])
def test_wrong_settings_are_named_before_anything_runs(
        wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*arguments(tmp_path / 'x', 'gail'), *wrong]) == 1
    assert 'drail: ' in capsys.readouterr().err
    assert not (tmp_path / 'x').exists()

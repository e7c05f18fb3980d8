# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The command line and `drail up`, as a user types them."""

from __future__ import annotations

from pathlib import Path
import re
import signal
import subprocess
import sys
import time

import pytest

from drail_ros import cli
from drail_ros.learn.train.folder import read_metrics, RunFolder
from drail_ros.learn.train.names import choices
from drail_ros.learn.train.settings import make_run_settings
from drail_ros.settings import values

SMALL = ['--num-envs=4', '--rollout-steps=32', '--evaluate-every=256', '--evaluation-episodes=4',
         '--checkpoint-every=128', '--learner.width=16', '--learner.epochs=1', '--reward.width=16',
         '--reward.layers=2', '--reward.epochs=1']
DRAIL = [sys.executable, '-m', 'drail_ros.cli']


@pytest.fixture(scope='module')
def sine_demos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('demos') / 'sine'
    assert cli.main(['demos', 'collect', '--task', 'sine', '--output', str(path)]) == 0
    return path


def train(folder: Path, demos: Path, *more: str) -> int:
    return cli.main(['train', '--task=sine', f'--output-dir={folder}', f'--demo-path={demos}',
                     '--total-steps=512', *SMALL, *more])


def test_from_demonstrations_to_pictures(tmp_path: Path, sine_demos: Path,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(tmp_path / name) for name in ('drail', 'gail')]
    for run in runs:
        assert train(Path(run), sine_demos, f'--algorithm={Path(run).name}') == 0
    assert cli.main(['demos', 'info', str(sine_demos), '--plot', str(tmp_path / 'd.png')]) == 0
    assert cli.main(['plot', 'sine', *runs, '--output', str(tmp_path / 's.png')]) == 0
    assert cli.main(['plot', 'curves', *runs, '--output', str(tmp_path / 'c.png')]) == 0
    assert cli.main(['export', runs[0], str(tmp_path / 'p.onnx')]) == 0
    assert cli.main(['eval', str(tmp_path / 'p.onnx'), '--episodes', '4']) == 0
    for name in ('d.png', 's.png', 'c.png'):
        assert (tmp_path / name).read_bytes().startswith(b'\x89PNG')
    printed = capsys.readouterr().out
    assert 'roughness' in printed and 'return' in printed


def test_a_reward_that_knows_an_absorbing_state_is_drawn(tmp_path: Path,
                                                         sine_demos: Path) -> None:
    run = tmp_path / 'run'
    assert train(run, sine_demos, '--algorithm=gail', '--terminations=absorbing') == 0
    assert cli.main(['plot', 'sine', str(run), '--output', str(tmp_path / 's.png')]) == 0


@pytest.mark.parametrize('algorithm', ['smiling', 'cfil', 'true_reward', 'iq_learn', 'bc'])
def test_what_learns_no_logit_is_not_drawn(algorithm: str, tmp_path: Path,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    RunFolder(make_run_settings({'task': 'sine', 'algorithm': algorithm,
                                 'output_dir': str(tmp_path)}), '')
    assert cli.main(['plot', 'sine', str(tmp_path), '--output', str(tmp_path / 's.png')]) == 1
    found, expected = capsys.readouterr().err.split('expected:')
    assert f'algorithm {algorithm}' in found
    assert 'gail' in expected and algorithm not in expected


def test_cloning_and_its_evaluation(tmp_path: Path, sine_demos: Path) -> None:
    folder = tmp_path / 'bc'
    assert cli.main(['train', '--task=sine', '--algorithm=bc', '--learner.epochs=2',
                     '--evaluation-episodes=4', f'--output-dir={folder}',
                     f'--demo-path={sine_demos}']) == 0
    assert (folder / 'policy.onnx').exists()


@pytest.mark.parametrize(('words', 'message'), [
    pytest.param(['train', '--task=sinus'], 'did you mean sine', id='task'),
    pytest.param(['train', '--algorithm=gial'], 'did you mean gail', id='algorithm'),
    pytest.param(['train', '--noise=9'], 'noise level is out of range', id='noise'),
    pytest.param(['train', '--learner.clip=-1'], 'out of range', id='range'),
    pytest.param(['train', '--seed=one'], 'wrong type', id='type'),
    pytest.param(['train', '--config=/nowhere.yaml'], '/nowhere.yaml does not exist', id='file'),
    pytest.param(['train', '--demo-path=/nowhere'], '/nowhere', id='demos'),
    pytest.param(['demos', 'collect', '--task=sinus'], 'did you mean sine', id='collect'),
    pytest.param(['eval', '/nowhere.onnx'], 'cannot be read', id='policy'),
    pytest.param(['up', 'train_fetch', 'sede:=1'], 'did you mean seed', id='argument'),
    pytest.param(['up', 'train_fetch', 'seed=1'], 'name:=value', id='form'),
])
def test_mistakes_are_named(words: list[str], message: str, tmp_path: Path,
                            monkeypatch: pytest.MonkeyPatch,
                            capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(words) == 1
    assert message in capsys.readouterr().err


def shown(capsys: pytest.CaptureFixture[str], *flags: str) -> dict[str, list[str]]:
    """Value and origin of each setting, as printed."""
    assert cli.main(['train', *flags, '--show-settings']) == 0
    rows = (re.split(r'  +', line, maxsplit=2) for line in capsys.readouterr().out.splitlines())
    return {name: rest for name, *rest in rows}


def test_settings_are_shown_with_where_they_come_from(
        tmp_path: Path, capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path('mine.yaml').write_text('algorithm: gail\nreward: {width: 48}\nseed: 5\n')
    rows = shown(capsys, '--config=mine.yaml', '--seed', '6')
    assert rows.keys() == values(make_run_settings({'algorithm': 'gail'})).keys()
    assert rows['reward.width'] == ['48', 'mine.yaml']
    assert rows['seed'] == ['6', 'command line']
    assert rows['learner.epochs'] == ['10', 'default of PpoSettings']
    assert rows['reward.epochs'] == [
        '4', 'presets/fetch_push.py, algorithm gail, agent ppo, preset default']
    assert not Path('runs').exists()


def test_an_experiment_is_read_from_a_file_and_from_its_run(
        tmp_path: Path, sine_demos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, first, again = tmp_path / 'mine.yaml', tmp_path / 'first', tmp_path / 'again'
    file.write_text('task: sine\nalgorithm: gail\nlearner: {width: 16, epochs: 1}\n'
                    'total_steps: 128\nnum_envs: 4\nrollout_steps: 32\n'
                    f'evaluation_episodes: 4\nreward.width: 16\ndemo_path: {sine_demos}\n')
    assert cli.main(['train', '--config', str(file), f'--output-dir={first}']) == 0
    assert cli.main(['train', '--config', str(first)]) == 1
    assert 'already holds a run' in capsys.readouterr().err
    assert cli.main(['train', '--config', str(first), f'--output-dir={again}']) == 0
    assert [(row['step'], row['discriminator/loss']) for row in read_metrics(first)] == [
        (row['step'], row['discriminator/loss']) for row in read_metrics(again)]
    assert (first / 'policy.safetensors').read_bytes() == (
        again / 'policy.safetensors').read_bytes()


def test_help_lists_what_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='0'):
        cli.main(['train', '--help'])
    printed = capsys.readouterr().out
    assert choices().keys() == {'tasks', 'algorithms', 'agents'}
    for title, summaries in choices().items():
        assert f'\n{title}:\n' in printed
        for name, summary in summaries.items():
            assert summary and re.search(rf'^  {name} +{re.escape(summary)}$', printed, re.M)
    assert ' STR ' not in printed.partition('--demo-path')[0]


def test_listing_imports_no_torch() -> None:
    code = ('import sys\nfrom drail_ros.learn.train.names import choices\n'
            'assert choices()["algorithms"]["gail"].startswith("GAIL")\n'
            'assert not {"torch", "mujoco", "numpy"} & set(sys.modules)')
    subprocess.run([sys.executable, '-c', code], check=True)


def test_a_flag_is_not_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='2'):
        cli.main(['train', '--algo=gail'])
    assert 'unrecognized arguments: --algo=gail' in capsys.readouterr().err


def test_demonstrations_of_another_task_are_refused(
        tmp_path: Path, sine_demos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(['train', '--task=fetch_push', f'--demo-path={sine_demos}',
                     f'--output-dir={tmp_path / "run"}']) == 1
    printed = capsys.readouterr().err
    assert 'sine' in printed and 'fetch_push' in printed


def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path, sine_demos: Path) -> None:
    """A file size limit fails as a full disk does: in the middle of a write."""
    folder = tmp_path / 'run'
    assert train(folder, sine_demos) == 0
    before = (folder / 'checkpoint.safetensors').read_bytes()
    code = ('import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); '
            'from drail_ros import cli; from drail_ros.learn.train import checkpoint; '
            'resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); '
            'from pathlib import Path; import torch; from drail_ros.errors import UserError\n'
            'try: checkpoint.save_checkpoint(Path(sys.argv[1]), {"x": torch.zeros(100_000)})\n'
            'except UserError as error: print(error); sys.exit(1)')
    result = subprocess.run(
        [sys.executable, '-c', code, str(folder / 'checkpoint.safetensors')],
        capture_output=True, text=True)
    assert result.returncode == 1 and 'free disk space' in result.stdout, result.stderr
    assert (folder / 'checkpoint.safetensors').read_bytes() == before


def wait_for_rows(folder: Path, rows: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 90
    while len(read_metrics(folder)) < rows:
        assert process.poll() is None and time.monotonic() < deadline, process.stdout
        time.sleep(0.05)


def test_interrupt_ends_training_with_130_and_a_checkpoint(tmp_path: Path,
                                                           sine_demos: Path) -> None:
    folder = tmp_path / 'run'
    process = subprocess.Popen(
        [*DRAIL, 'train', '--task=sine', f'--output-dir={folder}', f'--demo-path={sine_demos}',
         '--total-steps=10000000', *SMALL], stderr=subprocess.PIPE, text=True)
    wait_for_rows(folder, 2, process)
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 130 and '--resume true' in printed and 'Traceback' not in printed
    assert (folder / 'checkpoint.safetensors').exists()

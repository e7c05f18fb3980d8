# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""``drail demos``, as a user types it: exchanged, checked, joined, divided, cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drail_ros import cli, plugins
from drail_ros.data.demonstrations import Demonstrations, Episode, Layout
from drail_ros.data.storage import load, save

pytest.importorskip('h5py')
pytest.importorskip('pyarrow')


def demonstrations(task_name: str = 'fetch_push', episodes: int = 5,
                   seed: int = 0) -> Demonstrations:
    """Episodes of random numbers, 3, 4, 5 … transitions long."""
    task, rng = plugins.load(plugins.TASKS, task_name), np.random.default_rng(seed)
    made = []
    for length in range(3, 3 + episodes):
        obs = rng.normal(size=(length + 1, task.observation_size)).astype(np.float32)
        last = np.arange(length) == length - 1
        made.append(Episode(
            Layout.of(task), obs[:-1],
            rng.uniform(-1, 1, (length, task.action_size)).astype(np.float32), obs[1:], last,
            ~last & False, last, np.arange(length), 1.0, 'random'))
    return Demonstrations.join(made, created='2026-11-22T00:00:00+00:00')


@pytest.fixture
def demos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a dataset of 5 episodes, 25 transitions."""
    monkeypatch.chdir(tmp_path)
    save(demonstrations(), tmp_path / 'demos')
    return Path('demos')


def drail(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    """Run ``drail demos`` and return what it printed."""
    assert cli.main(['demos', *words]) == status
    printed = capsys.readouterr()
    return printed.err if status else printed.out


@pytest.mark.parametrize('name', ['arrays', 'lerobot', 'minari', 'robomimic'])
def test_there_and_back(name: str, demos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert drail(capsys, 'export', 'demos', 'out-v0', '--format', name) == (
        f'out-v0: 5 episodes, 25 transitions written as {name}; nothing lost\n')
    assert drail(capsys, 'import', 'out-v0', 'again', '--format', name,
                 '--task', 'fetch_push') == (
        'again: 5 episodes, 25 transitions from out-v0; nothing lost\n')
    for file in sorted(demos.rglob('*.*')):
        assert (Path('again') / file.relative_to(demos)).read_bytes() == file.read_bytes()
    assert 'exists already' in drail(capsys, 'import', 'out-v0', 'again', '--format', name,
                                     status=1)


def test_what_an_import_did_not_find_is_told(demos: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    loaded = load(demos)
    low, high = plugins.load(plugins.TASKS, 'fetch_push').command_limits()
    np.savez('mine.npz', obs=loaded.obs, next_obs=loaded.next_obs,
             action=low + (loaded.action + 1) / 2 * (high - low) / 1.001, done=loaded.terminated)
    said = drail(capsys, 'import', 'mine.npz', 'mine', '--format', 'arrays', '--actions', 'units')
    assert said.startswith('mine: 5 episodes, 25 transitions from mine.npz; but: ')
    assert 'no success in the file' in said and 'done taken as' in said
    assert np.abs(load('mine').action - loaded.action).max() < 0.01


def test_check_names_all_problems(demos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert drail(capsys, 'check', 'demos') == (
        'demos: 5 episodes, 25 transitions, nothing wrong\n')
    for number in (1, 3):
        file = demos / 'episodes' / f'episode_{number:06d}.npz'
        file.write_bytes(file.read_bytes()[:-50])
    said = drail(capsys, 'check', 'demos', status=1)
    assert '2 problems' in said and 'episode_000001' in said and 'episode_000003' in said


def test_check_tells_repeated_episodes(demos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drail(capsys, 'merge', 'twice', 'demos', 'demos')
    assert '5 episodes repeat an earlier one' in drail(capsys, 'check', 'twice')


def test_merged_datasets_are_one_after_the_other(demos: Path,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    save(demonstrations(episodes=2, seed=1), 'more')
    said = drail(capsys, 'merge', 'all', 'demos', 'more')
    assert said.startswith('all: 7 episodes, 32 transitions from 2 datasets')
    merged = load('all')
    assert merged.numbers == list(range(7))
    assert np.array_equal(merged.obs[25:], load('more').obs)
    save(demonstrations('sine'), 'other')
    said = drail(capsys, 'merge', 'none', 'demos', 'other', status=1)
    assert 'other: task is sine, expected fetch_push' in said and 'rate_hz' in said
    assert not Path('none').exists()


@pytest.mark.parametrize(('at', 'first'), [('2', 2), ('0.8', 4), ('1', 1)])
def test_a_split_divides_no_episode(at: str, first: int, demos: Path,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    drail(capsys, 'split', 'demos', 'a', 'b', '--at', at)
    a, b = load('a'), load('b')
    assert (a.num_episodes, b.num_episodes) == (first, 5 - first)
    assert np.array_equal(np.concatenate([a.action, b.action]), load(demos).action)
    assert b.numbers == list(range(first, 5)) and a.created == load(demos).created


@pytest.mark.parametrize('at', ['0', '5', '0.01', '1.0', 'half', '-1', '1e400.'])
def test_a_split_leaves_some_on_both_sides(at: str, demos: Path,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    assert 'cannot split 5 episodes' in drail(capsys, 'split', 'demos', 'a', 'b', f'--at={at}',
                                              status=1)
    assert not Path('a').exists()


def test_a_split_is_done_whole_or_not_at_all(demos: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    Path('b').mkdir()
    assert 'b exists' in drail(capsys, 'split', 'demos', 'a', 'b', '--at=2', status=1)
    assert 'named twice' in drail(capsys, 'split', 'demos', 'a', 'a', '--at=2', status=1)
    assert not Path('a').exists()


def test_episodes_and_beginnings_are_kept(demos: Path,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    assert drail(capsys, 'trim', 'demos', 'some', '--episodes', '0-1,4') == (
        'some: 3 episodes, 14 transitions of 5 episodes, 25 transitions in demos\n')
    assert load('some').numbers == [0, 1, 4]
    drail(capsys, 'trim', 'some', 'short', '--episodes=4', '--first=2')
    short = load('short')
    assert short.lengths.tolist() == [2] and not short.terminated.any()
    for wrong in ('5', '3-9', '4-3', 'x', '1,,2', ''):
        words = ['trim', 'demos', 'wrong', f'--episodes={wrong}', '--first=-1']
        assert 'expected' in drail(capsys, *words, status=1)
    assert not Path('wrong').exists()


def test_formats_that_are_only_read_or_unknown(demos: Path,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    said = drail(capsys, 'export', 'demos', 'x', '--format=tensors', status=1)
    assert 'read, not written' in said and 'robomimic' in said
    assert 'robomimic' in drail(capsys, 'export', 'demos', 'x', '--format=robomimik', status=1)

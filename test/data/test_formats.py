# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Formats of other programs: what was written is read again, bit by bit, or said to be lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_episodes import PUSH, random_episode, SINE

from drail_ros import plugins
from drail_ros.data.demonstrations import ARRAYS, Demonstrations, Layout
from drail_ros.data.formats.format import Format, NORMALISED, UNITS
from drail_ros.data.formats.from_arrays import from_arrays, Recorded
from drail_ros.data.storage import load, save
from drail_ros.errors import UserError
from drail_ros.tasks.task import Array, Task

pytest.importorskip('h5py')
pytest.importorskip('pyarrow')

FORMATS = {name: plugins.load(plugins.FORMATS, name) for name in plugins.names(plugins.FORMATS)}
WRITTEN = [name for name, chosen in FORMATS.items() if chosen.export]


def some_demonstrations(task: Task, seed: int, gaps: bool = False) -> Demonstrations:
    """Episodes of random lengths, ends, noise levels and sources; numbered with gaps or not."""
    rng = np.random.default_rng(seed)
    episodes = []
    for i in range(int(rng.integers(1, 6))):
        length = int(rng.integers(1, 12))
        last = np.arange(length) == length - 1
        ends = [last & bool(rng.integers(2)) for _ in range(3)]
        step = np.arange(length) + int(rng.integers(2))
        if gaps:
            step = np.cumsum(rng.integers(1, 4, length))
        episodes.append(random_episode(
            task, length, seed + i, terminated=ends[0], truncated=ends[1], step=step,
            success=ends[2] & task.has_success, noise=float(rng.choice([1.0, 1.3, np.nan])),
            source=str(rng.choice(['', 'expert', 'Ana, mit ü']))))
    numbers = np.cumsum(rng.integers(1, 4, len(episodes))) if gaps else range(len(episodes))
    return Demonstrations.join(episodes, [int(n) for n in numbers], '2026-11-22T00:00:00+00:00',
                               '0.0.1')


def same_arrays(one: Demonstrations, other: Demonstrations) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name))
               and getattr(one, name).dtype == getattr(other, name).dtype for name in ARRAYS)


def same_facts(one: Demonstrations, other: Demonstrations) -> bool:
    return (np.array_equal(one.noise, other.noise, equal_nan=True) and one.layout == other.layout
            and (one.sources, one.created, one.version)
            == (other.sources, other.created, other.version))


@pytest.mark.parametrize('name', FORMATS)
def test_a_format_is_a_format(name: str) -> None:
    assert isinstance(FORMATS[name], Format) and plugins.summary(plugins.FORMATS, name)


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('task', [PUSH, SINE], ids=lambda task: task.name)
@pytest.mark.parametrize('name', WRITTEN)
def test_nothing_is_lost_of_whole_episodes(name: str, task: Task, seed: int,
                                           tmp_path: Path) -> None:
    demos = some_demonstrations(task, seed)
    assert FORMATS[name].export(demos, tmp_path / 'there-v0') == []
    again, notes = FORMATS[name].load(tmp_path / 'there-v0', task, NORMALISED)
    assert notes == []
    assert same_arrays(again, demos) and same_facts(again, demos)
    assert np.array_equal(again.episode, demos.episode)
    assert again.content_hash() == demos.content_hash()
    assert [file.name for file in tmp_path.iterdir()] == ['there-v0'], 'nothing is left over'


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('name', WRITTEN)
def test_steps_left_out_are_kept_or_said_to_be_lost(name: str, seed: int, tmp_path: Path) -> None:
    demos = some_demonstrations(SINE, 10 + seed, gaps=True)
    lost = FORMATS[name].export(demos, tmp_path / 'there-v0')
    again, _ = FORMATS[name].load(tmp_path / 'there-v0', SINE, NORMALISED)
    assert same_arrays(again, demos), 'each step as it was, wherever episodes begin'
    if name in ('arrays', 'robomimic'):
        assert np.array_equal(again.episode, demos.episode)
    assert same_facts(again, demos) or 'cut into' in ''.join(lost)


@pytest.mark.parametrize('name', WRITTEN)
def test_what_is_there_is_not_overwritten(name: str, tmp_path: Path) -> None:
    path = tmp_path / 'there-v0'
    path.write_text('precious')
    with pytest.raises(UserError, match='exists already'):
        FORMATS[name].export(some_demonstrations(PUSH, 0), path)
    assert path.read_text() == 'precious'


@pytest.mark.parametrize('name', WRITTEN)
def test_a_full_disk_leaves_nothing(name: str, tmp_path: Path,
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr('drail_ros.files.os.fsync', full)
    with pytest.raises(UserError, match='No space left'):
        FORMATS[name].export(some_demonstrations(PUSH, 0), tmp_path / 'there-v0')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('name', WRITTEN)
def test_another_task_is_refused(name: str, tmp_path: Path) -> None:
    FORMATS[name].export(some_demonstrations(PUSH, 0), tmp_path / 'there-v0')
    with pytest.raises(UserError, match=r'expected (sine|\[?.state)'):
        FORMATS[name].load(tmp_path / 'there-v0', SINE, NORMALISED)


def test_a_saved_dataset_is_loaded(tmp_path: Path) -> None:
    demos = some_demonstrations(PUSH, 3, gaps=True)
    save(demos, tmp_path / 'demos')
    again = load(tmp_path / 'demos', PUSH)
    assert same_arrays(again, demos) and same_facts(again, demos)
    assert np.array_equal(again.episode, demos.episode)


def recorded(**changes: Any) -> Recorded:
    episode = random_episode(PUSH, 4)
    arrays = {name: getattr(episode, name) for name in ARRAYS}
    return Recorded('demo_0', **{**arrays, **changes})


def convert(*episodes: Recorded, task: Task = PUSH, actions: str = NORMALISED) -> Any:
    return from_arrays(Path('file'), task, episodes, actions)


def test_numbers_of_other_types_are_converted_and_rounding_is_told() -> None:
    exact = random_episode(PUSH, 4)
    demos, notes = convert(recorded(obs=exact.obs.astype(float), terminated=[0, 0, 0, 1.0],
                                    step=np.arange(4, dtype=np.uint8)))
    assert notes == [] and np.array_equal(demos.obs, exact.obs)
    assert demos.terminated.tolist() == [False, False, False, True]
    third = np.full((4, PUSH.action_size), 1 / 3)
    assert convert(recorded(action=third)).notes == ['float64 rounded to float32 (1 episode)']


def test_commands_in_units_become_actions() -> None:
    low, high = PUSH.command_limits()
    commands = np.stack([low, high, (low + high) / 2, high]).astype(np.float32)
    demos, _ = convert(recorded(action=commands), actions=UNITS)
    assert np.allclose(demos.action[:, 0], [-1, 1, 0, 1], atol=1e-6)
    assert np.abs(demos.action).max() <= 1
    with pytest.raises(UserError, match=r'command is .* in row 1'):
        convert(recorded(action=commands * [[1], [1.001], [1], [1]]), actions=UNITS)


def test_what_a_file_does_not_say_is_told() -> None:
    demos, notes = convert(recorded(success=None, terminated=None, truncated=None,
                                    done=[0, 0, 0, 1]))
    assert demos.terminated[-1] and not demos.truncated.any() and not demos.success.any()
    assert notes == ['done taken as terminated, at the time limit as truncated (1 episode)',
                     'no success in the file: no step is marked as one (1 episode)']
    demos, notes = convert(recorded(truncated=None))
    assert notes == ['no truncated in the file: no step is marked so (1 episode)']
    demos, notes = convert(recorded(terminated=None, done=[0, 0, 0, 1]))
    assert notes == [] and demos.terminated.tolist() == [False, False, False, True]
    late = np.arange(4) + PUSH.horizon - 4
    demos, _ = convert(recorded(terminated=None, truncated=None, done=[0, 0, 0, 1], step=late))
    assert demos.truncated[-1] and not demos.terminated.any()


def test_without_what_followed_the_last_step_is_left_out() -> None:
    demos, notes = convert(recorded(next_obs=None))
    assert len(demos) == 3 and not demos.terminated.any()
    assert np.array_equal(demos.next_obs, random_episode(PUSH, 4).obs[1:])
    assert 'last step' in notes[0]
    with pytest.raises(UserError, match='one step and no next_obs'):
        convert(Recorded('demo_0', obs=np.zeros((1, 16)), action=np.zeros((1, 3)), done=[1]))


@pytest.mark.parametrize(('changes', 'message'), [
    pytest.param({'obs': None}, 'obs is missing', id='missing'),
    pytest.param({'obs': np.zeros((4, 3))}, r'obs has shape \(4, 3\)', id='shape'),
    pytest.param({'obs': np.zeros((0, 16))}, 'at least one row', id='empty'),
    pytest.param({'obs': np.full((4, 16), 'a')}, 'obs is <U1', id='text'),
    pytest.param({'obs': np.full((4, 16), None)}, 'obs is object', id='objects'),
    pytest.param({'obs': np.zeros((4, 16), complex)}, 'obs is complex128', id='complex'),
    pytest.param({'obs': np.full((4, 16), np.nan)}, 'nan.* in row 0', id='nan'),
    pytest.param({'obs': np.full((4, 16), 1e300)}, 'such as 1e.300', id='overflow'),
    pytest.param({'action': np.full((4, 3), 1.01)}, r'expected \[-1, 1\]', id='outside'),
    pytest.param({'success': [0, 2, 0, 1]}, 'success is int64', id='flag'),
    pytest.param({'success': [0, 1]}, r'success is .* of shape \(2,\)', id='flags'),
    pytest.param({'step': [0.0, 1, 2, 3]}, 'step is float64', id='step'),
    pytest.param({'step': [0, 2, 1, 3]}, 'step does not increase', id='order'),
    pytest.param({'terminated': [0, 1, 0, 1]}, 'goes on after its end in row 1', id='end'),
    pytest.param({'next_obs': np.zeros((4, 16))}, 'not the obs of the step after', id='reset'),
])
def test_arrays_that_are_no_episode_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        convert(recorded(**changes), recorded(obs=None))
    assert 'demo_0: obs is missing' in str(error.value), 'all problems, not the first'


def test_actions_in_units_get_a_hint() -> None:
    with pytest.raises(UserError, match='--actions units'):
        convert(recorded(action=np.full((4, 3), 25.0)))


def arrays_file(path: Path, **changes: Array | None) -> Path:
    """Write rows as somebody's script might: one array after the other, ends marked."""
    episodes = [random_episode(PUSH, 4, seed) for seed in range(2)]
    rows = {name: np.concatenate([getattr(e, name) for e in episodes])
            for name in ('obs', 'action', 'next_obs')}
    rows |= {'done': np.tile([0, 0, 0, 1], 2), **changes}
    np.savez(path, **{name: array for name, array in rows.items() if array is not None})
    return path


def test_a_file_of_bare_arrays_is_divided_at_its_ends(tmp_path: Path) -> None:
    file = arrays_file(tmp_path / 'mine.npz', weight=np.ones(8))
    demos, notes = FORMATS['arrays'].load(file, PUSH, NORMALISED)
    assert demos.lengths.tolist() == [4, 4] and demos.step.tolist() == [0, 1, 2, 3] * 2
    assert notes[:2] == ['taken for fetch_push at 25 Hz, which the file does not say',
                         'weight not taken over']
    with pytest.raises(UserError, match='neither an episode ends'):
        FORMATS['arrays'].load(arrays_file(tmp_path / 'b.npz', done=None), PUSH, NORMALISED)


def test_expert_files_of_drail_are_read(tmp_path: Path) -> None:
    torch = pytest.importorskip('torch')
    episodes = [random_episode(PUSH, 4, seed) for seed in range(3)]
    rows = {theirs: torch.tensor(np.concatenate([getattr(e, ours) for e in episodes]))
            for theirs, ours in (('obs', 'obs'), ('next_obs', 'next_obs'), ('actions', 'action'))}
    torch.save({**rows, 'done': torch.tensor([0.0, 0, 0, 1] * 3), 'ep_found_goal':
                torch.ones(12)}, tmp_path / 'expert.pt')
    demos, notes = FORMATS['tensors'].load(tmp_path / 'expert.pt', PUSH, NORMALISED)
    assert demos.lengths.tolist() == [4, 4, 4] and demos.sources == ('expert.pt',) * 3
    assert np.array_equal(demos.action, rows['actions'].numpy())
    assert demos.terminated.sum() == 3
    assert 'ep_found_goal not taken over' in notes


def test_robomimic_files_of_others_are_read(tmp_path: Path) -> None:
    import h5py
    episode = random_episode(PUSH, 4)
    with h5py.File(tmp_path / 'theirs.hdf5', 'w') as file:
        group = file.create_group('data/demo_3')
        group['obs/flat'], group['next_obs/flat'] = episode.obs, episode.next_obs
        group['actions'], group['dones'] = episode.action.astype(float), [0, 1, 1, 1]
    demos, notes = FORMATS['robomimic'].load(tmp_path / 'theirs.hdf5', PUSH, NORMALISED)
    assert demos.numbers == [3] and np.array_equal(demos.obs, episode.obs)
    assert demos.terminated.tolist() == [False, False, False, True]
    assert notes[1] == '2 dones before the last step of an episode, taken for no end'


def test_a_minari_dataset_has_a_version_in_its_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='fetch_push-v0'):
        FORMATS['minari'].export(some_demonstrations(PUSH, 0), tmp_path / 'push')


def test_what_lerobot_writes_is_what_its_layout_says(tmp_path: Path) -> None:
    pandas = pytest.importorskip('pandas')
    demos = some_demonstrations(PUSH, 1)
    FORMATS['lerobot'].export(demos, tmp_path / 'set')
    info = json.loads((tmp_path / 'set/meta/info.json').read_text())
    tasks = pandas.read_parquet(tmp_path / 'set/meta/tasks.parquet')
    assert tasks.index.tolist() == ['fetch_push'] and tasks.task_index.tolist() == [0]
    frames = pandas.read_parquet(tmp_path / 'set/data/chunk-000/file-000.parquet')
    assert set(frames) == set(info['features'])
    assert np.array_equal(np.stack(frames['observation.state']), demos.obs)
    episodes = pandas.read_parquet(tmp_path / 'set/meta/episodes/chunk-000/file-000.parquet')
    assert episodes.length.tolist() == demos.lengths.tolist()
    assert episodes.dataset_from_index.tolist() == demos.starts.tolist()
    stats = json.loads((tmp_path / 'set/meta/stats.json').read_text())
    assert np.allclose(stats['action']['mean'], demos.action.mean(axis=0), atol=1e-6)
    assert stats['action']['count'] == [len(demos)]


def test_lerobot_files_of_others_lack_the_last_observation(tmp_path: Path) -> None:
    import pyarrow.parquet as pq
    demos = Demonstrations.join([random_episode(PUSH, 5), random_episode(PUSH, 3, 1)])
    FORMATS['lerobot'].export(demos, tmp_path / 'set')
    file = tmp_path / 'set/data/chunk-000/file-000.parquet'
    kept = ['observation.state', 'action', 'timestamp', 'frame_index', 'episode_index', 'index',
            'task_index']
    pq.write_table(pq.read_table(file).select(kept), file)
    loaded, notes = FORMATS['lerobot'].load(tmp_path / 'set', PUSH, NORMALISED)
    assert loaded.lengths.tolist() == [4, 2] and len(notes) == 3
    assert loaded.layout == Layout.of(PUSH)

"""Demonstrations: what is refused, what survives a crash, what the scripted experts give."""

import dataclasses
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drail_ros import files, plugins
from drail_ros.data.collect import Summary, collect
from drail_ros.data.demonstrations import ARRAYS, Demonstrations, Episode, Layout
from drail_ros.data.describe import describe
from drail_ros.data.storage import DatasetWriter, load
from drail_ros.errors import UserError
from drail_ros.sim.batch_sim import Step
from drail_ros.sim.make import make_sim
from drail_ros.tasks.task import Array, Task
from drail_ros.view.demonstrations import plot_demonstrations

SINE: Task = plugins.load(plugins.TASKS, 'sine')
PUSH: Task = plugins.load(plugins.TASKS, 'fetch_push')


def random_episode(task: Task = PUSH, length: int = 8, seed: int = 0, **changes: Any) -> Episode:
    """An episode that ends in success, of random numbers."""
    rng = np.random.default_rng(seed)
    obs = rng.normal(size=(length + 1, task.observation_size)).astype(np.float32)
    end = np.arange(length) == length - 1
    arrays = {
        'obs': obs[:-1], 'next_obs': obs[1:],
        'action': rng.uniform(-1, 1, (length, task.action_size)).astype(np.float32),
        'terminated': end, 'truncated': np.zeros(length, bool), 'success': end,
        'step': np.arange(length), 'noise': 1.0, 'source': 'random numbers',
    }
    return Episode(Layout.of(task), **{**arrays, **changes})


def same(one: Demonstrations, other: Demonstrations) -> bool:
    """Whether two sets agree in every array and every fact."""
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name))
               for field in dataclasses.fields(one))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three episodes of 8, 9 and 10 transitions."""
    with DatasetWriter(tmp_path / 'demos', PUSH) as writer:
        for i in range(3):
            writer.append(random_episode(length=8 + i, seed=i))
    return tmp_path / 'demos'


def episode_file(dataset: Path, number: int) -> Path:
    return dataset / 'episodes' / f'episode_{number:06d}.npz'


def rewrite(file: Path, **changes: Array | None) -> None:
    """Change arrays of a stored episode (None: leave out), as another program might."""
    with np.load(file, allow_pickle=False) as stored:
        arrays = {**stored, **changes}
    np.savez(file, **{name: a for name, a in arrays.items() if a is not None})


def test_what_was_stored_is_loaded(dataset: Path) -> None:
    demos = load(dataset, PUSH)
    expected = Demonstrations.join([random_episode(length=8 + i, seed=i) for i in range(3)],
                                   created=demos.created)
    assert same(demos, expected)
    assert (demos.num_episodes, len(demos), demos.lengths.tolist()) == (3, 27, [8, 9, 10])
    assert demos.noise_levels == (1.0,) and demos.sources == ('random numbers',) * 3
    assert demos.layout == Layout.of(PUSH)
    for name, dtype in ARRAYS.items():
        array = getattr(demos, name)
        assert array.dtype == dtype and array.flags.c_contiguous and not array.flags.writeable


def test_stored_episodes_are_plain_npz_and_json(dataset: Path) -> None:
    index = json.loads((dataset / 'dataset.json').read_text(),
                       parse_constant=lambda word: pytest.fail(f'{word} is not JSON'))
    assert index['rate_hz'] == 25.0 and index['observation'][0]['unit'] == 'm'
    with np.load(episode_file(dataset, 0), allow_pickle=False) as stored:
        assert set(stored) == {*ARRAYS, 'info', 'sha256'}


def test_stored_bytes_are_the_same_each_time(dataset: Path, tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / 'again', PUSH) as writer:
        writer.append(random_episode())
    again = episode_file(tmp_path / 'again', 0).read_bytes()
    assert again == episode_file(dataset, 0).read_bytes()


# What makes an episode invalid

@pytest.mark.parametrize(('changes', 'complaint'), [
    pytest.param({'obs': np.zeros((8, 5), np.float32)}, r'obs is float32 of shape \(8, 5\), '
                 r'expected float32 of shape \(8, 16\)', id='width'),
    pytest.param({'action': np.zeros((8, 3))}, 'action is float64', id='type'),
    pytest.param({'success': np.zeros(7, bool)}, r'success is bool of shape \(7,\)', id='length'),
    pytest.param({'action': np.full((8, 3), 1.01, np.float32)}, r'expected \[-1, 1\] \(8 such',
                 id='action out of range'),
    pytest.param({'action': np.full((8, 3), np.nan, np.float32)}, 'expected finite', id='nan'),
    pytest.param({'step': np.array([0, 1, 2, 2, 3, 4, 5, 6])}, 'step does not', id='repeated'),
    pytest.param({'truncated': np.arange(8) == 3}, 'goes on after its end in row 3', id='end'),
    pytest.param({'next_obs': np.zeros((8, 16), np.float32)}, 'not the obs of the step after it',
                 id='observation after a reset'),
])
def test_episode_is_refused(changes: dict[str, Array], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        random_episode(**changes)


def test_empty_episode_is_refused() -> None:
    with pytest.raises(UserError, match='no transitions'):
        random_episode(length=0)


def test_steps_may_have_gaps_where_next_obs_is_not_the_next_row() -> None:
    episode = random_episode(length=8)
    kept = [0, 1, 5, 7]
    some = random_episode(**{name: getattr(episode, name)[kept] for name in ARRAYS})
    assert some.step.tolist() == kept


# Damage: everything is found and named, nothing that is damaged is loaded

def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def flip_bits_of_data(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x10
    file.write_bytes(content)


@pytest.mark.parametrize(('damage', 'complaint'), [
    pytest.param(truncate, 'truncated or damaged', id='truncated'),
    pytest.param(flip_bits_of_data, 'truncated or damaged', id='flipped bit'),
    pytest.param(lambda f: f.write_bytes(b''), 'truncated or damaged', id='empty'),
    pytest.param(lambda f: f.write_text('hello'), 'truncated or damaged', id='other content'),
    pytest.param(lambda f: rewrite(f, obs=None), 'array obs is missing', id='no obs'),
    pytest.param(lambda f: rewrite(f, sha256=None), 'sha256 is missing', id='no checksum'),
    pytest.param(lambda f: rewrite(f, success=np.zeros(9, bool)), 'checksum mismatch',
                 id='edited'),
    pytest.param(lambda f: rewrite(f, obs=np.full((9, 16), np.inf, np.float32)),
                 'expected finite', id='infinite'),
    pytest.param(lambda f: rewrite(f, action=np.full((9, 3), 2, np.float32)),
                 r'expected \[-1, 1\]', id='action out of range'),
    pytest.param(lambda f: rewrite(f, step=np.zeros((2, 2))), 'step is float64 of shape',
                 id='shape'),
    pytest.param(lambda f: rewrite(f, obs=np.array(None)), 'obs is missing|damaged', id='pickle'),
    pytest.param(lambda f: f.rename(f.with_name('episode_1.npz')), 'not the name of an episode',
                 id='name'),
])
def test_damaged_episode_is_named(dataset: Path, damage: Any, complaint: str) -> None:
    damage(episode_file(dataset, 1))
    with pytest.raises(UserError, match=complaint) as error:
        load(dataset)
    assert 'episodes/episode_' in str(error.value)
    assert 'the other 2 episodes are whole' in str(error.value)


def test_all_problems_are_reported_at_once(dataset: Path) -> None:
    truncate(episode_file(dataset, 0))
    rewrite(episode_file(dataset, 2), action=np.full((10, 3), np.nan, np.float32),
            success=np.zeros(3, bool))
    with pytest.raises(UserError) as error:
        load(dataset, dataclasses.replace(PUSH, rate_hz=50.0))
    message = str(error.value)
    assert '4 problems' in message
    for part in ('rate_hz is 25.0, expected 50.0', 'episode_000000.npz: truncated',
                 'episode_000002.npz: success is bool', 'episode_000002.npz: checksum mismatch'):
        assert part in message


def test_no_flipped_byte_changes_what_is_learned_from(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path, SINE) as writer:
        writer.append(random_episode(SINE, length=1))
    intact, file = load(tmp_path), episode_file(tmp_path, 0)
    content = file.read_bytes()
    detected = 0
    for position in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        file.write_bytes(damaged)
        try:
            # What is not detected is in parts of the zip format that nobody reads.
            assert same(load(tmp_path), intact), f'byte {position}'
        except UserError:
            detected += 1
    assert detected > len(content) / 7 * 0.5


@pytest.mark.parametrize(('prepare', 'complaint'), [
    pytest.param(lambda p: None, 'No such file', id='nothing there'),
    pytest.param(lambda p: p.write_text('file'), 'Not a directory', id='a file'),
    pytest.param(lambda p: p.mkdir(), 'No such file', id='empty folder'),
    pytest.param(lambda p: DatasetWriter(p, PUSH).close(), 'no episodes', id='no episodes'),
    pytest.param(lambda p: (p.mkdir(), (p / 'dataset.json').write_text('{"format":')), 'damaged',
                 id='half a JSON'),
    pytest.param(lambda p: (p.mkdir(), (p / 'dataset.json').write_text('[1]')), 'damaged',
                 id='other JSON'),
    pytest.param(lambda p: (p.mkdir(), (p / 'dataset.json').write_text('{"format": "lerobot"}')),
                 "format 'lerobot'", id='other format'),
])
def test_not_a_dataset(tmp_path: Path, prepare: Any, complaint: str) -> None:
    prepare(tmp_path / 'demos')
    with pytest.raises(UserError, match=complaint):
        load(tmp_path / 'demos')


def test_dataset_of_another_task_is_refused(dataset: Path) -> None:
    with pytest.raises(UserError, match='task is fetch_push, expected sine'):
        load(dataset, SINE)


# Writing

def test_reopened_dataset_is_appended_to(dataset: Path) -> None:
    before = load(dataset)
    with DatasetWriter(dataset, PUSH) as writer:
        assert writer.num_episodes == 3
        assert writer.append(random_episode(seed=3)) == 3
    after = load(dataset)
    assert after.num_episodes == 4
    assert after.subset(27).content_hash() == before.content_hash()


def test_episode_deleted_by_hand_is_gone_and_its_number_stays_free(dataset: Path) -> None:
    episode_file(dataset, 1).unlink()
    with DatasetWriter(dataset, PUSH) as writer:
        writer.append(random_episode(length=5))
    demos = load(dataset)
    assert np.unique(demos.episode).tolist() == [0, 2, 3]
    assert demos.lengths.tolist() == [8, 10, 5] and demos.num_episodes == 3


@pytest.mark.parametrize(('task', 'complaint'), [
    pytest.param(SINE, 'task fetch_push', id='task'),
    pytest.param(dataclasses.replace(PUSH, rate_hz=50.0), 'rate_hz 25.0', id='rate'),
    pytest.param(dataclasses.replace(PUSH, observation=PUSH.observation[::-1]),
                 'observation fields', id='order of fields'),
    pytest.param(dataclasses.replace(PUSH, command_fields=(dataclasses.replace(
        PUSH.command_fields[0], high=2.0),)), 'action field gripper_velocity', id='limits'),
])
def test_appending_something_else_is_refused(dataset: Path, task: Task, complaint: str) -> None:
    for attempt in (lambda: DatasetWriter(dataset, task),
                    lambda: DatasetWriter(dataset, PUSH).append(random_episode(task))):
        with pytest.raises(UserError, match=complaint):
            attempt()
    assert load(dataset).num_episodes == 3


def test_second_writer_waits_its_turn(dataset: Path) -> None:
    with DatasetWriter(dataset, PUSH):
        with pytest.raises(UserError, match='being written by another process'):
            DatasetWriter(dataset, PUSH)
    DatasetWriter(dataset, PUSH).close()


def test_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / 'thesis.tex').write_text('important')
    with pytest.raises(UserError, match='not a dataset'):
        DatasetWriter(tmp_path, PUSH)
    assert [file.name for file in tmp_path.iterdir()] == ['thesis.tex']


WRITER = """
import sys
sys.path.insert(0, {tests!r})
from test_demonstrations import *
with DatasetWriter(sys.argv[1], PUSH) as writer:
    {body}
"""


def writer_process(path: Path, body: str, *before: str) -> subprocess.Popen[str]:
    """Start a process that writes to a dataset; ``body`` is Python that uses ``writer``."""
    code = WRITER.format(tests=str(Path(__file__).parent), body=body)
    return subprocess.Popen([*before, sys.executable, '-c', code, str(path)], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_killed_writer_loses_no_finished_episode(tmp_path: Path) -> None:
    process = writer_process(tmp_path / 'demos', 'while True: '
                             'print(writer.append(random_episode(length=500)), flush=True)')
    with process:
        assert process.stdout
        told = [int(process.stdout.readline()) for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        told += [int(line) for line in process.stdout]
    demos = load(tmp_path / 'demos', PUSH)
    assert told == list(range(len(told)))
    assert demos.num_episodes in (len(told), len(told) + 1)
    (tmp_path / 'demos' / 'episodes' / '.episode_000999.npz.part').write_bytes(b'half')
    with DatasetWriter(tmp_path / 'demos', PUSH) as writer:
        assert writer.append(random_episode()) == demos.num_episodes
    assert load(tmp_path / 'demos').num_episodes == demos.num_episodes + 1
    assert not list((tmp_path / 'demos' / 'episodes').glob('.*'))


@pytest.mark.parametrize('call', ['fsync', 'replace'])
def test_file_is_old_or_new_wherever_writing_stops(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def stop(*_: object) -> None:
        raise OSError(errno.EIO, 'stopped')

    file = tmp_path / 'file'
    files.replace_file(file, b'old')
    monkeypatch.setattr(files.os, call, stop)
    with pytest.raises(OSError, match='stopped'):
        files.replace_file(file, b'new')
    assert [f.name for f in tmp_path.iterdir()] == ['file'] and file.read_bytes() == b'old'


FILL = """
    small, large = random_episode(length=5), random_episode(length=5000)
    for _ in range(2): writer.append(small)
    {limit}
    try: writer.append(large)
    except UserError as error: print(error)
    {again}
    print('number', writer.append(small))
"""


def test_file_that_cannot_be_written_is_reported_and_nothing_lost(tmp_path: Path) -> None:
    limit = 'import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, -1))'
    process = writer_process(tmp_path / 'demos', FILL.format(limit=limit, again='').strip())
    output, errors = process.communicate(timeout=30)
    assert 'found:    File too large' in output, errors
    assert 'the 2 episodes stored so far are safe' in output
    assert 'number 2' in output
    assert load(tmp_path / 'demos').num_episodes == 3


def test_full_disk_is_reported_and_nothing_lost(tmp_path: Path) -> None:
    isolated = ('unshare', '--mount') + ('--user', '--map-root-user') * (os.geteuid() != 0)
    mount = 'mount -t tmpfs -o size=200k tmpfs "$0"'
    if not shutil.which('unshare') or subprocess.run(
            [*isolated, 'sh', '-c', mount, str(tmp_path)], capture_output=True).returncode:
        pytest.skip('this system lets no one mount a small file system')
    saved = tmp_path.with_name('saved')
    code = FILL.format(limit='', again=f'import shutil; shutil.copytree(writer.path, "{saved}")')
    process = writer_process(tmp_path / 'demos', code.strip(), *isolated, 'sh', '-c',
                             mount.replace('$0', str(tmp_path)) + ' && exec "$0" "$@"')
    output, errors = process.communicate(timeout=30)
    assert f'found:    {os.strerror(errno.ENOSPC)}' in output, errors
    assert 'number 2' in output
    assert load(saved).num_episodes == 2


# Subsets and hashes

@pytest.mark.parametrize(('transitions', 'episodes'), [(8, 1), (16, 1), (17, 2), (26, 2), (27, 3)])
def test_subset_holds_the_first_whole_episodes(dataset: Path, transitions: int,
                                               episodes: int) -> None:
    demos = load(dataset)
    subset = demos.subset(transitions)
    assert subset.num_episodes == episodes == len(subset.noise) == len(subset.sources)
    assert np.array_equal(subset.obs, demos.obs[:len(subset)])
    assert subset.lengths.tolist() == demos.lengths.tolist()[:episodes]


@pytest.mark.parametrize(('transitions', 'complaint'), [(28, 'fewer demonstrations'),
                                                        (7, 'at least 8'), (0, 'at least 8')])
def test_impossible_subset_is_refused(dataset: Path, transitions: int, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        load(dataset).subset(transitions)


def test_hash_is_the_same_for_years() -> None:
    zeros = np.zeros((2, 1), np.float32)
    fixed = random_episode(SINE, 2, obs=zeros, next_obs=zeros, action=zeros)
    assert Demonstrations.join([fixed]).content_hash() == (
        '3867a80eaff3f44ff106b2c1ebe0a7b39ac265be3024198d1e45526db0082ccb')


def test_hash_ignores_names_and_dates(dataset: Path) -> None:
    demos = load(dataset)
    other = dataclasses.replace(demos, created='', version='9', noise=(2.0,) * 3,
                                episode=demos.episode * 2, sources=('someone else',) * 3)
    assert other.content_hash() == demos.content_hash() == load(dataset).content_hash()


@pytest.mark.parametrize('changes', [
    pytest.param({'action': np.zeros((8, 3), np.float32)}, id='action'),
    pytest.param({'success': np.zeros(8, bool)}, id='success'),
    pytest.param({'terminated': np.zeros(8, bool), 'truncated': np.arange(8) == 7}, id='end'),
    pytest.param({'step': np.arange(8) + 1}, id='step'),
])
def test_hash_sees_every_array(changes: dict[str, Array]) -> None:
    one, other = (Demonstrations.join([random_episode(**c)]) for c in ({}, changes))
    assert one.content_hash() != other.content_hash()


def test_hash_sees_where_episodes_begin() -> None:
    cut = random_episode(length=2, terminated=np.zeros(2, bool), step=np.array([0, 5]))
    one = Demonstrations.join([cut])
    two = dataclasses.replace(one, episode=np.arange(2), noise=(1.0,) * 2, sources=('',) * 2)
    assert one.content_hash() != two.content_hash()


# Collecting

def collected(path: Path, task: Task, episodes: int, threads: int = 1,
              **options: Any) -> tuple[Summary, Demonstrations]:
    summary = collect(task, task.expert, path, episodes, lambda noise, num_envs: make_sim(
        task, num_envs, noise, threads=threads), **options)
    return summary, load(path, task)


@pytest.fixture(scope='module')
def pushes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, Demonstrations]:
    return collected(tmp_path_factory.mktemp('push') / 'demos', PUSH, 24, noise_low=1.0,
                     noise_high=1.25)


def test_expert_pushes_end_in_success(pushes: tuple[Summary, Demonstrations]) -> None:
    summary, demos = pushes
    ends = demos.starts + demos.lengths - 1
    assert demos.num_episodes == summary.episodes == 24 and summary.transitions == len(demos)
    assert demos.success[ends].all() and demos.terminated[ends].all()
    assert demos.success.sum() == 24
    assert demos.noise == (1.0, 1.25) * 12
    assert [level.kept for level in summary.levels] == [12, 12] and summary.failed <= 2
    # Levels start differently, not as stretched copies of each other.
    blocks = demos.obs[demos.starts, 3]
    assert abs(np.corrcoef(blocks[0::2], blocks[1::2])[0, 1]) < 0.9


def test_sine_demonstrations_are_the_paper_s_pairs(tmp_path: Path) -> None:
    _, demos = collected(tmp_path / 'demos', SINE, 40)
    assert SINE.demonstrated and SINE.demonstrated(demos.obs).all()
    assert 1850 < len(demos) < 2150 and demos.num_episodes == 40
    error = demos.action - np.sin(0.2 * np.pi * demos.obs)
    inside = np.abs(demos.action) < 0.9
    assert abs(error[inside].std() - 0.05) < 0.005
    assert (np.diff(demos.step)[np.diff(demos.episode) == 0] > 1).any()


def test_same_seed_same_demonstrations_whatever_the_threads_and_the_number(
        tmp_path: Path, pushes: tuple[Summary, Demonstrations]) -> None:
    _, fewer = collected(tmp_path / 'a', PUSH, 10, threads=3, noise_low=1.0, noise_high=1.25)
    assert fewer.content_hash() == pushes[1].subset(len(fewer)).content_hash()
    one, other = (collected(tmp_path / f'sine{seed}', SINE, 2, seed=seed)[1] for seed in (1, 2))
    assert one.content_hash() != other.content_hash()


class ScriptedSim:
    """Episodes of scripted lengths and outcomes; step k is paid k.

    Observation: (environment, episode) in one.
    """

    def __init__(self, num_envs: int, length: Any, succeeds: Any) -> None:
        self.task = SCRIPTED
        self._length, self._succeeds = length, succeeds
        self._episode, self._age = np.zeros(num_envs, int), np.zeros(num_envs, int)

    def reset(self, seed: int) -> Array:
        return self._observe()

    def step(self, actions: Array) -> Step:
        final_obs = self._observe()
        self._age += 1
        ended = np.array([age >= self._length(i, k)
                          for i, (k, age) in enumerate(zip(self._episode, self._age))])
        success = ended & np.array([bool(self._succeeds(i, k))
                                    for i, k in enumerate(self._episode)])
        reward = self._age.astype(np.float32)
        self._episode += ended
        self._age[ended] = 0
        return Step(self._observe(), final_obs, terminated=success, truncated=ended & ~success,
                    success=success, reward=reward)

    def close(self) -> None:
        pass

    def _observe(self) -> Array:
        return (np.arange(len(self._episode)) * 100 + self._episode)[:, None].astype(np.float32)


SCRIPTED = dataclasses.replace(SINE, name='scripted', demonstrated=None, success_help='ends well',
                               reward=lambda before, actions, after: actions[:, 0])


def test_failures_are_counted_and_long_episodes_not_crowded_out(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    summary = collect(SCRIPTED, SCRIPTED.expert, tmp_path, 32, lambda noise, n: ScriptedSim(
        n, length=lambda i, k: 50 if i % 2 else 2, succeeds=lambda i, k: i != 3 or k % 2),
        progress=lambda stored, total: told.append((stored, total)))
    demos = load(tmp_path)
    expected = [100 * i + k for k in (0, 1) for i in range(16)]
    expected[3], expected[16 + 3] = 301, 303
    assert demos.obs[demos.starts, 0].tolist() == expected
    assert (summary.levels[0].kept, summary.failed) == (32, 2)
    assert told == [(i + 1, 32) for i in range(32)]
    assert sorted(summary.levels[0].returns) == [3.0] * 16 + [1275.0] * 16
    assert '2 failed (94.1% success), return 639.0 ± 636.0' in str(summary)


def test_expert_that_never_succeeds_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='hardly ever succeeds'):
        collect(SCRIPTED, SCRIPTED.expert, tmp_path, 3, lambda noise, n: ScriptedSim(
            n, length=lambda i, k: 2, succeeds=lambda i, k: False))


@pytest.mark.parametrize(('task', 'options', 'complaint'), [
    pytest.param(PUSH, {'noise_high': 9.0}, 'out of range', id='noise'),
    pytest.param(PUSH, {'noise_low': 2.0, 'noise_high': 1.0}, 'above the highest', id='order'),
    pytest.param(SINE, {'episodes': 0}, 'nothing to collect', id='none'),
])
def test_impossible_collection_is_refused(tmp_path: Path, task: Task, options: dict[str, Any],
                                          complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        collected(tmp_path / 'demos', task, **{'episodes': 1, **options})
    assert not (tmp_path / 'demos').exists()


def test_collecting_twice_into_one_dataset_is_refused(tmp_path: Path) -> None:
    collected(tmp_path / 'demos', SINE, 1)
    with pytest.raises(UserError, match='holds demonstrations already'):
        collected(tmp_path / 'demos', SINE, 1)


# Looking at them

def test_description_names_every_number_with_its_unit(
        pushes: tuple[Summary, Demonstrations]) -> None:
    text = describe(pushes[1])
    assert pushes[1].content_hash() in text
    assert '24, 24 ended in success' in text and '1x (12 episodes), 1.25x (12 episodes)' in text
    assert re.search(r'^gripper_position\.x +m +1\.3\d\d ', text, re.MULTILINE)
    assert re.search(r'^finger_positions\.1 +m ', text, re.MULTILINE)
    assert re.search(r'^gripper_velocity\.z .* -1\.25 to 1\.25 m/s$', text, re.MULTILINE)


@pytest.mark.parametrize('kind', ['paths', 'one observation', 'unknown noise'])
def test_picture_is_drawn(tmp_path: Path, kind: str,
                          pushes: tuple[Summary, Demonstrations]) -> None:
    demos = {'paths': lambda: pushes[1],
             'one observation': lambda: Demonstrations.join([random_episode(SINE)]),
             'unknown noise': lambda: Demonstrations.join([random_episode(noise=float('nan'))]),
             }[kind]()
    plot_demonstrations(demos, tmp_path / 'picture.png')
    content = (tmp_path / 'picture.png').read_bytes()
    assert content[:8] == b'\x89PNG\r\n\x1a\n' and len(content) > 20_000
    with pytest.raises(UserError, match='cannot write'):
        plot_demonstrations(demos, tmp_path / 'picture.png' / 'picture.png')

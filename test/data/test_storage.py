# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Demonstrations on disk: what is stored, what is refused, what survives a crash."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from random_episodes import PUSH, random_episode, SINE

from drail_ros.data.demonstrations import ARRAYS, Demonstrations, Layout
from drail_ros.data.storage import DatasetWriter, load
from drail_ros.errors import UserError
from drail_ros.tasks.task import Array, Task


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
    assert after.first(3).content_hash() == before.content_hash()


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
from random_episodes import *
from drail_ros.data.storage import DatasetWriter
from drail_ros.errors import UserError
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

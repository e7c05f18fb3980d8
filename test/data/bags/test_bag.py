# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Bags of episodes: whoever is killed while writing loses a moment at most; others read them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import textwrap

from mcap.reader import make_reader
import numpy as np
import pytest
from rosbags.rosbag2 import Reader
import yaml

from drail_ros.data.bags.bag import BagWriter, facts_of, part_of, salvage, Topic
from drail_ros.data.bags.types import definition_of, typestore
from drail_ros.errors import UserError

JOINTS, POSE = '/arm/joint_states', '/arm/pose'
QOS = ({'history': 'keep_last', 'depth': 5, 'reliability': 'reliable', 'durability': 'volatile',
        'deadline': {'sec': 0, 'nsec': 0}, 'lifespan': {'sec': 0, 'nsec': 0},
        'liveliness': 'automatic', 'liveliness_lease_duration': {'sec': 0, 'nsec': 0},
        'avoid_ros_namespace_conventions': False},)
TOPICS = [Topic(JOINTS, 'sensor_msgs/msg/JointState',
                *definition_of('sensor_msgs/msg/JointState'), QOS),
          Topic(POSE, 'geometry_msgs/msg/PoseStamped',
                *definition_of('geometry_msgs/msg/PoseStamped'))]
START_NS = 1_700_000_000 * 10**9


def joints(i: int) -> bytes:
    types = typestore().types
    stamp = types['builtin_interfaces/msg/Time'](sec=1_700_000_000, nanosec=i)
    message = types['sensor_msgs/msg/JointState'](
        header=types['std_msgs/msg/Header'](stamp=stamp, frame_id='base'),
        name=['shoulder', 'elbow'], position=np.array([i, -i], float), velocity=np.zeros(0),
        effort=np.zeros(0))
    return bytes(typestore().serialize_cdr(message, 'sensor_msgs/msg/JointState'))


def write(path: Path, count: int, facts: Mapping[str, str] = {}) -> BagWriter:
    writer = BagWriter(path, TOPICS, {'task': 'reach', **facts})
    for i in range(count):
        writer.write(JOINTS, joints(i), START_NS + 10 * i, START_NS + i)
    return writer


def read(path: Path) -> list[float]:
    """Return what the elbow said, as a reader of somebody else's finds it."""
    with Reader(path) as reader:
        return [-typestore().deserialize_cdr(raw, connection.msgtype).position[1]
                for connection, _, raw in reader.messages() if connection.topic == JOINTS]


def test_a_finished_bag_is_read_by_others(tmp_path: Path) -> None:
    writer = write(tmp_path / 'episode_0', 50)
    assert writer.messages == {JOINTS: 50, POSE: 0}
    writer.close({'success': 'true'})
    bag = tmp_path / 'episode_0'
    assert read(bag) == list(range(50)) and not part_of(bag).exists()
    with Reader(bag) as reader:
        assert (reader.start_time, reader.end_time) == (START_NS, START_NS + 491)
        by_topic = {each.topic: each for each in reader.connections}
        assert by_topic[JOINTS].msgcount == 50 and by_topic[POSE].msgcount == 0
        assert by_topic[JOINTS].ext.offered_qos_profiles[0].depth == 5
        assert 'float64[] position' in by_topic[JOINTS].msgdef.data
    with (bag / 'episode_0_0.mcap').open('rb') as stream:
        own = make_reader(stream, validate_crcs=True)
        assert own.get_header().profile == 'ros2'
        assert own.get_summary().statistics.message_count == 50
        assert [message.publish_time for _, _, message in own.iter_messages()] == [
            START_NS + i for i in range(50)]
    info = yaml.safe_load((bag / 'metadata.yaml').read_text())['rosbag2_bagfile_information']
    assert info['custom_data'] == {'task': 'reach', 'success': 'true'}
    assert info['topics_with_message_count'][0]['topic_metadata']['type_description_hash'] == (
        TOPICS[0].type_hash)
    assert facts_of(bag / 'episode_0_0.mcap') == {'task': 'reach', 'success': 'true'}


def test_wherever_the_file_is_cut_off_what_was_before_is_saved(tmp_path: Path) -> None:
    writer = write(tmp_path / 'bag', 20)
    writer.flush()
    writer.abandon()
    whole = (tmp_path / 'bag.part' / 'bag_0.mcap').read_bytes()
    shutil.rmtree(tmp_path / 'bag.part')
    saved = []
    for size in [*range(0, len(whole), 37), len(whole)]:
        part = tmp_path / f'cut_{size}.part'
        part.mkdir()
        (part / f'cut_{size}_0.mcap').write_bytes(whole[:size])
        found = salvage(part, {'recovered': 'true'})
        assert not part.exists()
        saved.append(0 if found is None else found.messages)
        if found is not None:
            assert read(found.path) == list(range(found.messages))
            assert facts_of(found.path / f'cut_{size}_0.mcap') == {
                'task': 'reach', 'recovered': 'true'}
            # What lies between two chunks is lost: a chunk is 1 KiB and a message longer.
            assert found.lost_bytes < 1024 + 300
    assert saved == sorted(saved) and len(set(saved)) > 3
    assert 20 - saved[-1] <= 1024 // len(joints(0)), 'only an open chunk is lost'


@pytest.mark.parametrize('place', [0.1, 0.5, 0.9])
def test_what_follows_a_damaged_place_is_left_out(tmp_path: Path, place: float) -> None:
    writer = write(tmp_path / 'bag', 100)
    writer.flush()
    writer.abandon()
    file = tmp_path / 'bag.part' / 'bag_0.mcap'
    damaged = bytearray(file.read_bytes())
    at = int(place * len(damaged))
    damaged[at:at + 8] = bytes(byte ^ 0xff for byte in damaged[at:at + 8])
    file.write_bytes(damaged)
    found = salvage(tmp_path / 'bag.part', {})
    count = 0 if found is None else found.messages
    assert count < 100 * place + 1
    if found is not None:
        assert read(found.path) == list(range(count)) and found.lost_bytes > 0
        assert f'{found.lost_bytes} bytes' in str(found)


def test_a_bag_that_was_finished_but_not_named_is_saved_whole(tmp_path: Path) -> None:
    write(tmp_path / 'bag', 30).close({'success': 'true'})
    (tmp_path / 'bag').rename(tmp_path / 'bag.part')
    found = salvage(tmp_path / 'bag.part', {})
    assert found is not None and (found.messages, found.lost_bytes) == (30, 0)
    assert facts_of(found.path / 'bag_0.mcap')['success'] == 'true'


def test_nothing_is_written_over(tmp_path: Path) -> None:
    write(tmp_path / 'bag', 3).close({})
    with pytest.raises(UserError, match='bag exists already'):
        BagWriter(tmp_path / 'bag', TOPICS, {})
    write(tmp_path / 'other', 3).abandon()
    with pytest.raises(UserError, match='other.part exists already'):
        BagWriter(tmp_path / 'other', TOPICS, {})
    (tmp_path / 'other').mkdir()
    with pytest.raises(UserError, match='exists already'):
        salvage(tmp_path / 'other.part', {})
    assert read(tmp_path / 'bag') == [0, 1, 2]


def test_a_discarded_bag_leaves_nothing(tmp_path: Path) -> None:
    write(tmp_path / 'bag', 100).discard()
    assert not list(tmp_path.iterdir())


def test_a_bag_that_cannot_be_read_again_is_not_finished(tmp_path: Path) -> None:
    writer = write(tmp_path / 'bag', 100)
    writer.flush()
    file = tmp_path / 'bag.part' / 'bag_0.mcap'
    with file.open('r+b') as stream:
        stream.seek(3000)
        stream.write(bytes(10))
    with pytest.raises(UserError, match='not written as it should'):
        writer.close({})
    assert file.exists() and not (tmp_path / 'bag').exists()


RECORDER = textwrap.dedent("""
    import sys, time
    sys.path.insert(0, {folder!r})
    from test_bag import *
    writer = write(Path({path!r}), 0)
    for i in range(10**9):
        writer.write(JOINTS, joints(i), START_NS + i, START_NS + i)
        if i % 10 == 9:
            writer.flush()
            print(i, flush=True)
""")


@pytest.mark.parametrize('kills', [pytest.param(3, id='three times'), pytest.param(
    100, id='a hundred times', marks=pytest.mark.slow)])
def test_a_killed_writer_loses_what_it_had_not_flushed(tmp_path: Path, kills: int) -> None:
    rng = np.random.default_rng(0)
    for kill in range(kills):
        path = tmp_path / f'bag_{kill}'
        code = RECORDER.format(folder=str(Path(__file__).parent), path=str(path))
        with subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE,
                              text=True) as process:
            assert process.stdout
            for _ in range(rng.integers(1, 200)):
                flushed = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            flushed = max([flushed, *map(int, process.stdout.read().split())])
        found = salvage(part_of(path), {})
        assert found is not None and read(path) == list(range(found.messages))
        assert found.messages > flushed - 1024 // len(joints(0))


def test_a_full_disk_costs_what_found_no_room(tmp_path: Path) -> None:
    limited = RECORDER.replace('writer =', textwrap.dedent("""
        import resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        writer ="""))
    path = tmp_path / 'bag'
    run = subprocess.run([sys.executable, '-c', limited.format(
        folder=str(Path(__file__).parent), path=str(path))], capture_output=True, text=True)
    assert 'File too large' in run.stderr
    flushed = int(run.stdout.split()[-1])
    found = salvage(part_of(path), {})
    assert found is not None and found.messages >= flushed > 100
    assert read(path) == list(range(found.messages))


def test_without_room_to_save_it_an_unfinished_bag_stays(tmp_path: Path) -> None:
    writer = write(tmp_path / 'bag', 500)
    writer.flush()
    writer.abandon()
    before = (tmp_path / 'bag.part' / 'bag_0.mcap').read_bytes()
    code = textwrap.dedent(f"""
        import resource, signal
        from pathlib import Path
        from drail_ros.data.bags.bag import salvage
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        salvage(Path({str(tmp_path / 'bag.part')!r}), {{}})
    """)
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert 'UserError' in run.stderr and 'make room on the disk' in run.stderr
    assert [path.name for path in (tmp_path / 'bag.part').iterdir()] == ['bag_0.mcap']
    assert (tmp_path / 'bag.part' / 'bag_0.mcap').read_bytes() == before
    found = salvage(tmp_path / 'bag.part', {})
    assert found is not None and found.messages > 495


def test_types_that_nobody_knows_are_refused() -> None:
    with pytest.raises(UserError, match="'my_msgs/msg/Thing' is not known"):
        definition_of('my_msgs/msg/Thing')

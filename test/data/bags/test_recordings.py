# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""A folder of recorded episodes, and when one may begin: without ROS, at times made up."""

from __future__ import annotations

from pathlib import Path
import shutil
from typing import Any

import numpy as np
import pytest
from robot_messages import COMMAND, Event, PERIOD_NS, pushed, START_NS, TASK, TYPES

from drail_ros.data.bags.audit import TopicAudit
from drail_ros.data.bags.bag import facts_of, Topic
from drail_ros.data.bags.demonstrate import episode_of
from drail_ros.data.bags.recorder import Recorder
from drail_ros.data.bags.recordings import episodes_in, Recordings, Setup
from drail_ros.data.bags.types import definition_of, typestore
from drail_ros.errors import UserError
from drail_ros.robot.names import RobotNames
from drail_ros.robot.refusals import RefusedError

SETUP = Setup('fetch_push', 25.0, '', ('left', 'right'), tuple(sorted(TYPES.items())))
EVENTS, EXPECTED, _ = pushed()
PERIOD_S = PERIOD_NS / 1e9


def recorder(folder: Path, least_free_mb: float = 0.0) -> Recorder:
    recorded = [Topic(f'/arm/{topic}', kind, *definition_of(kind))
                for topic, kind in TYPES.items()]
    return Recorder(TASK, Recordings(folder, SETUP), recorded,
                    {f'/arm/{topic}': topic for topic in TYPES}, RobotNames(), 0.2, least_free_mb)


def hear(to: Recorder, events: list[Event]) -> None:
    for topic, message, received_ns in events:
        stamp = message.header.stamp
        kind = TYPES[topic]

        def decode(data: bytes, kind: str = kind) -> Any:
            return typestore().deserialize_cdr(data, kind)
        to.hear(f'/arm/{topic}', bytes(typestore().serialize_cdr(message, kind)),
                stamp.sec * 10**9 + stamp.nanosec, received_ns, received_ns / 1e9, decode)


def warmed_up(folder: Path, **more: Any) -> Recorder:
    """Return a recorder that has heard sensors long enough to know their rates."""
    found = recorder(folder, **more)
    hear(found, [event for event in EVENTS if event[0] != COMMAND][:4 * 10])
    return found


def now_s(step: float = 9.5) -> float:
    return START_NS / 1e9 + step * PERIOD_S


def test_an_episode_is_recorded_in_the_order_received(tmp_path: Path) -> None:
    """However the topics are taken in turns by whoever waits for them."""
    to = warmed_up(tmp_path)
    assert to.start({'operator': 'me'}, now_s()) == 'episode_00000' and to.records
    shuffled = sorted(EVENTS, key=lambda event: (event[2] // (8 * PERIOD_NS), event[0]))
    assert shuffled != EVENTS
    hear(to, shuffled)
    told = to.stop({'success': 'true'}, now_s(60))
    steps = len(EXPECTED['obs'])
    assert told.kept and told.steps == steps and 'faultless' in str(told)
    bag, = episodes_in(tmp_path)
    assert facts_of(bag / 'episode_00000_0.mcap')['steps'] == str(steps)
    live, found = to.assembler.finish(), episode_of(bag, TASK)
    assert live is not None and found.episode is not None
    for name in ('obs', 'action', 'next_obs'):
        assert np.array_equal(getattr(live, name), getattr(found.episode, name))
    assert np.array_equal(live.obs, EXPECTED['obs'])


def test_an_episode_begins_only_where_sensors_are_fit_for_it(tmp_path: Path) -> None:
    to = recorder(tmp_path)
    with pytest.raises(RefusedError, match='/arm/goal_pose nothing came yet'):
        to.start({}, now_s())
    hear(to, [event for event in EVENTS if event[0] not in (COMMAND, 'object_pose')][:30])
    with pytest.raises(RefusedError, match='not ready: /arm/object_pose nothing came yet$'):
        to.start({}, now_s())
    slow = [event for event in EVENTS if event[0] == 'object_pose'][:10:2]
    hear(to, slow)
    with pytest.raises(RefusedError, match='object_pose at 12.5 Hz, expected 20 or more'):
        to.start({}, now_s())
    with pytest.raises(RefusedError, match='silent for'):
        to.start({}, now_s(60))


def test_too_little_room_on_the_disk(tmp_path: Path) -> None:
    free_mb = shutil.disk_usage(tmp_path).free / 1e6
    to = warmed_up(tmp_path, least_free_mb=2 * free_mb)
    with pytest.raises(RefusedError, match='MB are free on the disk'):
        to.start({}, now_s())


def test_an_episode_ends_before_the_disk_is_full(tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    to = warmed_up(tmp_path, least_free_mb=1.0)
    to.start({}, now_s())
    hear(to, EVENTS)
    assert to.tick(now_s() + 0.9) is None and to.tick(now_s() + 1.1) is None
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage._replace(free=900_000))
    told = to.tick(now_s() + 2.2)
    assert told is not None and told.kept and not to.records
    assert facts_of(episodes_in(tmp_path)[0] / 'episode_00000_0.mcap')['ended'] == (
        'disk nearly full')


def test_discarding_keeps_the_numbers_going(tmp_path: Path) -> None:
    to = warmed_up(tmp_path)
    for name in ('episode_00000', 'episode_00001'):
        assert to.start({}, now_s()) == name
        hear(to, EVENTS)
        to.stop({}, now_s(60))
        hear(to, [event for event in EVENTS if event[0] != COMMAND][:40])
    to.start({}, now_s())
    assert to.discard() == 'episode_00002' and len(episodes_in(tmp_path)) == 2
    for call in (to.discard, lambda: to.stop({}, now_s())):
        with pytest.raises(RefusedError, match='not recording'):
            call()
    assert to.start({}, now_s()) == 'episode_00002'
    with pytest.raises(RefusedError, match='already recording: episode_00002'):
        to.start({}, now_s())
    assert to.close(now_s(60)) is not None and len(episodes_in(tmp_path)) == 3


def test_a_folder_is_of_one_setup_and_one_writer(tmp_path: Path) -> None:
    first = Recordings(tmp_path, SETUP)
    with pytest.raises(UserError, match='another process records to'):
        Recordings(tmp_path, SETUP)
    first.close()
    for change, told in (({'rate_hz': 50.0}, 'rate_hz 25.0, now 50.0'),
                         ({'joints': ('a',)}, "joints ('left', 'right'), now ('a',)"),
                         ({'task': 'reach'}, "task 'fetch_push', now 'reach'")):
        with pytest.raises(UserError) as error:
            Recordings(tmp_path, Setup(**{**vars(SETUP), **change}))
        assert told in str(error.value)
    Recordings(tmp_path, SETUP).close()
    (tmp_path / 'recording.json').write_text('{}')
    with pytest.raises(UserError, match='is damaged'):
        Recordings(tmp_path, SETUP)


def test_what_was_left_unfinished_is_saved_at_the_next_start(tmp_path: Path) -> None:
    to = warmed_up(tmp_path)
    to.start({'operator': 'me'}, now_s())
    hear(to, EVENTS)
    to.tick(now_s(60))
    shutil.copytree(tmp_path, tmp_path / 'copy')
    (tmp_path / 'copy' / 'episode_00007').mkdir()
    again = Recordings(tmp_path / 'copy', SETUP)
    saved, = again.salvaged
    assert len(EVENTS) - 5 < saved.messages <= len(EVENTS) and not again.unsaved
    assert facts_of(saved.path / 'episode_00000_0.mcap') == {
        'operator': 'me', 'recovered': 'true'}
    assert again.next().name == 'episode_00008'
    again.close()
    to.close(now_s(61))


def test_an_audit_counts_what_is_wrong() -> None:
    audit = TopicAudit()
    for i in range(50):
        audit.hear(10**9 + i * 10**7, 5.0 + i * 0.01)
    assert audit.rate_hz(5.49) == pytest.approx(100.0) and audit.problem(80.0, 5.5) == ''
    assert audit.problem(120.0, 5.5) == 'at 100.0 Hz, expected 120 or more'
    audit.hear(10**9, 5.8)
    audit.lose(3)
    told = audit.values(5.8)
    assert (told['clock jumps'], told['lost'], told['longest gap [s]']) == (1, 3, 0.31)
    audit.hear(0, 5.81)
    assert audit.problem(10.0, 5.82) == 'without time stamps'
    audit.begin()
    assert audit.values(5.82) == {'messages': 0, 'rate [Hz]': audit.values(5.82)['rate [Hz]'],
                                  'longest gap [s]': 0.0}

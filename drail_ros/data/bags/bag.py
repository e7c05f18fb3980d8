# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""One recorded episode as a rosbag2 folder in MCAP, of which nothing is lost when writing ends.

While it is written the folder is called ``NAME.part``. Messages go to the file in small chunks,
each whole in itself, so that whatever stops the writer (a kill, a full disk, a power cut) costs
what came after the last ``flush``; ``salvage`` makes a whole bag of the rest. Knows nothing of
tasks and of ROS: messages are bytes in CDR.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
import io
import os
from pathlib import Path
import shutil
import struct

from mcap.exceptions import McapError
from mcap.records import Channel, McapRecord, Message, Metadata, Schema
from mcap.stream_reader import StreamReader
from mcap.writer import CompressionType, Writer
import yaml

from drail_ros.errors import UserError
from drail_ros.files import flush_folder, write_whole

PART = '.part'
"""Suffix of the folder of an episode that is not finished."""
_FACTS, _ROSBAG2 = 'drail_ros', 'rosbag2'
"""Names of the metadata in the MCAP file: ours, written first, and rosbag2's, written last."""
_CHUNK_BYTES = 1024
"""Chunks end where they reach this size. What is in an open one is lost when the process is: at
this size that is a few readings of joints, and less than a picture."""
_LARGEST_RECORD_BYTES = 1 << 30
_VERSION = 9
"""Of rosbag2's metadata, as from Jazzy on."""


@dataclass(frozen=True)
class Topic:
    """What is recorded of a topic."""

    name: str
    type: str
    """Such as ``sensor_msgs/msg/JointState``."""
    definition: str
    """Of the type and those in it, in the syntax of ``.msg`` files."""
    type_hash: str
    """``RIHS01_…``."""
    qos: tuple[Mapping[str, object], ...] = ()
    """Offered by its publishers, as in rosbag2's metadata."""


@dataclass
class _Counts:
    """What rosbag2 wants to know of the messages in a bag."""

    of_topic: dict[str, int] = field(default_factory=dict)
    first_ns: int = 0
    last_ns: int = 0

    def add(self, topic: str, received_ns: int) -> None:
        first = not self.total
        self.of_topic[topic] = self.of_topic.get(topic, 0) + 1
        self.first_ns = received_ns if first else min(self.first_ns, received_ns)
        self.last_ns = received_ns if first else max(self.last_ns, received_ns)

    @property
    def total(self) -> int:
        return sum(self.of_topic.values())


class BagWriter:
    """Writes the bag ``path``; ``facts`` are names and texts about it.

    Raises:
        UserError: there is such a bag already.

    Any method raises OSError where the disk is full or gone: what was flushed stays in the
    unfinished bag.

    """

    def __init__(self, path: Path, topics: Sequence[Topic], facts: Mapping[str, str]) -> None:
        self.path, self._part = path, part_of(path)
        for existing in (self.path, self._part):
            if existing.exists():
                raise UserError(f'{existing} exists already', expected='a new bag',
                                do='record under another name')
        self._part.mkdir(parents=True)
        self._bag = _Bag(self._part / _file_name(path), topics, facts, _CHUNK_BYTES)
        flush_folder(self._part)
        flush_folder(self._part.parent)

    @property
    def messages(self) -> Mapping[str, int]:
        """How many were written so far, by topic."""
        return self._bag.counts.of_topic

    def write(self, topic: str, data: bytes, received_ns: int, published_ns: int) -> None:
        """Append a message: CDR, when it was received and when published [ns]."""
        self._bag.write(topic, data, received_ns, published_ns)

    def flush(self) -> None:
        """Have the disk keep what was written, but for what an open chunk holds."""
        self._bag.sync()

    def close(self, facts: Mapping[str, str]) -> None:
        """Finish the bag with more facts, and check that all of it can be read again.

        Raises:
            UserError: what lies on the disk is not what was written; it stays there.

        """
        self._bag.finish(facts)
        _publish(self._part, self.path, self._bag)

    def discard(self) -> None:
        """Delete all of it."""
        self._bag.abandon()
        shutil.rmtree(self._part)

    def abandon(self) -> None:
        """Leave the bag unfinished, for ``salvage``."""
        self._bag.abandon()


@dataclass(frozen=True)
class Salvaged:
    """What was saved of an unfinished bag."""

    path: Path
    messages: int
    seconds: float
    """Between the first message and the last."""
    lost_bytes: int
    """At the end, which were no whole message."""

    def __str__(self) -> str:
        lost = f'; {self.lost_bytes} bytes at the end were no whole message' * (
            self.lost_bytes > 0)
        return f'{self.path}: {self.messages} messages of {self.seconds:.2f} s saved{lost}'


def part_of(path: Path) -> Path:
    """Return the folder in which the bag ``path`` is written."""
    return path.with_name(path.name + PART)


def salvage(part: Path, facts: Mapping[str, str]) -> Salvaged | None:
    """Make a whole bag of an unfinished one, with more facts; None where it holds no message.

    It is written anew beside the old file, which goes last, so this may itself be interrupted and
    begun again.

    Raises:
        UserError: there is a bag of that name, or the disk has no room; all is left as it was.

    """
    path = part.with_name(part.name.removesuffix(PART))
    if path.exists():
        raise UserError(f'{part} cannot be finished', found=f'{path} exists already',
                        do='rename one of the two')
    file, whole = part / _file_name(path), part / 'whole.mcap'
    whole.unlink(missing_ok=True)
    reading = _Prefix(file)
    try:
        bag = _copy(reading, whole, facts)
        if bag is None:
            shutil.rmtree(part)
            return None
        whole.replace(file)
        bag.file = file
        _publish(part, path, bag)
    except OSError as error:
        whole.unlink(missing_ok=True)
        raise UserError(f'{part} cannot be finished yet', found=error.strerror or error,
                        do='make room on the disk; nothing of it is lost') from error
    seconds = (bag.counts.last_ns - bag.counts.first_ns) / 1e9
    return Salvaged(path, bag.counts.total, seconds, reading.lost_bytes)


def facts_of(file: Path) -> dict[str, str]:
    """Return the facts in an MCAP file, finished or not."""
    facts: dict[str, str] = {}
    for record in _Prefix(file):
        if isinstance(record, Metadata) and record.name == _FACTS:
            facts |= record.metadata
    return facts


class _Bag:
    """An MCAP file that is being written, and what rosbag2's metadata will say of it."""

    def __init__(self, file: Path, topics: Sequence[Topic], facts: Mapping[str, str],
                 chunk_bytes: int) -> None:
        self.file, self.topics, self.facts = file, tuple(topics), dict(facts)
        self.counts = _Counts({topic.name: 0 for topic in topics})
        self._stream = file.open('xb')
        self._writer = Writer(self._stream, chunk_size=chunk_bytes,
                              compression=CompressionType.NONE)
        self._writer.start(profile='ros2', library='drail_ros')
        self._writer.add_metadata(_FACTS, self.facts)
        self._channels: dict[str, int] = {}
        schemas: dict[str, int] = {}
        for topic in topics:
            if topic.type not in schemas:
                schemas[topic.type] = self._writer.register_schema(
                    topic.type, 'ros2msg', topic.definition.encode())
            self._channels[topic.name] = self._writer.register_channel(
                topic.name, 'cdr', schemas[topic.type], {
                    'offered_qos_profiles': yaml.safe_dump(list(topic.qos)),
                    'topic_type_hash': topic.type_hash})
        self.sync()

    def write(self, topic: str, data: bytes, received_ns: int, published_ns: int) -> None:
        self._writer.add_message(self._channels[topic], received_ns, data, published_ns)
        self.counts.add(topic, received_ns)

    def sync(self) -> None:
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def finish(self, facts: Mapping[str, str]) -> None:
        self.facts |= facts
        self._writer.add_metadata(_FACTS, dict(facts))
        self._writer.add_metadata(_ROSBAG2, {
            'serialized_metadata': yaml.safe_dump(self.metadata(), sort_keys=False)})
        self._writer.finish()
        self.sync()
        self._stream.close()

    def abandon(self) -> None:
        try:
            self._stream.close()
        except OSError:  # the disk is full: what was buffered is lost
            pass

    def metadata(self) -> dict[str, object]:
        """Return what ``metadata.yaml`` says; keys are rosbag2's."""
        counts = self.counts
        start = {'nanoseconds_since_epoch': counts.first_ns}
        duration = {'nanoseconds': counts.last_ns - counts.first_ns}
        return {
            'version': _VERSION, 'storage_identifier': 'mcap', 'duration': duration,
            'starting_time': start, 'message_count': counts.total,
            'topics_with_message_count': [{
                'topic_metadata': {
                    'name': topic.name, 'type': topic.type, 'serialization_format': 'cdr',
                    'offered_qos_profiles': [dict(qos) for qos in topic.qos],
                    'type_description_hash': topic.type_hash},
                'message_count': counts.of_topic.get(topic.name, 0)} for topic in self.topics],
            'compression_format': '', 'compression_mode': '',
            'relative_file_paths': [self.file.name],
            'files': [{'path': self.file.name, 'starting_time': dict(start),
                       'duration': dict(duration), 'message_count': counts.total}],
            'custom_data': dict(self.facts), 'ros_distro': ''}


class _Prefix:
    """Iterates over the records of an MCAP file, as far as they are whole."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.lost_bytes = 0
        """Behind the last whole record; known at the end."""

    def __iter__(self) -> Iterator[McapRecord]:
        try:
            size = self._file.stat().st_size
        except FileNotFoundError:
            return
        with self._file.open('rb') as stream:
            reader = StreamReader(stream, validate_crcs=True,
                                  record_size_limit=_LARGEST_RECORD_BYTES)
            whole = 0
            try:
                for record in reader.records:
                    yield record
                    whole = stream.tell()
                whole = size
            except (McapError, ValueError, struct.error, io.UnsupportedOperation):
                pass  # this is where it was cut off
            self.lost_bytes = size - whole


def _copy(records: Iterator[McapRecord] | _Prefix, file: Path,
          facts: Mapping[str, str]) -> _Bag | None:
    """Write what is whole to a new file; None where there is no message."""
    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    topics: dict[int, Topic] = {}
    before: dict[str, str] = {}
    bag: _Bag | None = None
    try:
        for record in records:
            if isinstance(record, Schema):
                schemas[record.id] = record
            elif isinstance(record, Channel):
                channels[record.id] = record
                topics[record.id] = _topic(record, schemas[record.schema_id])
            elif isinstance(record, Metadata) and record.name == _FACTS:
                before |= record.metadata
            elif isinstance(record, Message):
                if bag is None:  # all channels are told of before the first message
                    bag = _Bag(file, list(topics.values()), before, _CHUNK_BYTES)
                bag.write(channels[record.channel_id].topic, record.data, record.log_time,
                          record.publish_time)
        if bag is not None:
            bag.finish({**before, **facts})
    except BaseException:
        if bag is not None:
            bag.abandon()
        raise
    return bag


def _topic(channel: Channel, schema: Schema) -> Topic:
    about = channel.metadata
    return Topic(channel.topic, schema.name, schema.data.decode(),
                 about.get('topic_type_hash', ''),
                 tuple(yaml.safe_load(about.get('offered_qos_profiles', '')) or ()))


def _publish(part: Path, path: Path, bag: _Bag) -> None:
    """Give a bag that is written its name, once all of it was read again."""
    found = _Counts({topic.name: 0 for topic in bag.topics})
    channels: dict[int, str] = {}
    reading = _Prefix(bag.file)
    for record in reading:
        if isinstance(record, Channel):
            channels[record.id] = record.topic
        elif isinstance(record, Message):
            found.add(channels[record.channel_id], record.log_time)
    if found != bag.counts or reading.lost_bytes:
        raise UserError(f'{bag.file} was not written as it should', expected=bag.counts,
                        found=f'{found}, {reading.lost_bytes} bytes that cannot be read',
                        do='check the disk')
    text = yaml.safe_dump({'rosbag2_bagfile_information': bag.metadata()}, sort_keys=False)
    write_whole(part / 'metadata.yaml', text.encode())
    part.rename(path)
    flush_folder(path.parent)


def _file_name(path: Path) -> str:
    return f'{path.name}_0.mcap'

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Recorded bags (rosbag2, MCAP or sqlite) of the task's topics: one, or a folder of them.

Whoever recorded them: our recorder, ``ros2 bag record -a``, another tool. Commands are in the
units of the task. Read, not written: observations do not tell what each sensor said.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from drail_ros.data.bags.demonstrate import Demonstrated, episode_of
from drail_ros.data.demonstrations import Demonstrations, Episode
from drail_ros.data.formats.format import Format, Loaded, plural, unusable
from drail_ros.errors import UserError
from drail_ros.tasks.task import Task

_METADATA = 'metadata.yaml'


def load(path: Path, task: Task, actions: str) -> Loaded:
    """Read a bag, or all bags in a folder; episodes without success are left out.

    Raises:
        UserError: there is no bag, or none with an episode to learn from.

    """
    found: list[Demonstrated] = []
    problems: list[str] = []
    for bag in bags_in(path):
        try:
            found.append(episode_of(bag, task))
        except UserError as error:
            problems.append(' '.join(str(error).split()))
    episodes, notes = _to_learn_from(found, task)
    if not episodes:
        raise unusable(path, [*problems, *notes] or ['no bag'],
                       'give a rosbag2 folder, an MCAP file, or a folder of such')
    return Loaded(Demonstrations.join(episodes), [*problems, *notes])


def bags_in(path: Path) -> list[Path]:
    """Return the bag ``path``, or the bags in it in order of their names."""
    if path.is_file() or (path / _METADATA).exists():
        return [path]
    if not path.is_dir():
        return []
    return sorted(entry for entry in path.iterdir()
                  if (entry / _METADATA).exists() or entry.suffix == '.mcap')


def _to_learn_from(found: list[Demonstrated], task: Task) -> tuple[list[Episode], list[str]]:
    """Return the episodes to keep, and what became of the others and of the messages."""
    counts: Counter[str] = Counter()
    episodes = []
    for each in found:
        if each.episode is None:
            counts['without a step left out'] += 1
        elif task.has_success and not each.episode.success.any():
            counts['without success left out'] += 1
        else:
            episodes.append(each.episode)
            if str(each.tally) != 'faultless':
                counts['with faults, see below'] += 1
    notes = [f'{plural(count, "episode")} {what}' for what, count in counts.items()]
    notes += [f'{each.path.name}: {each.tally}' for each in found
              if each.episode in episodes and str(each.tally) != 'faultless']
    return episodes, notes


FORMAT = Format(load)

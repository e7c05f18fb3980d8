# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A robot's own names of what a task names: joints and frames."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from drail_ros.errors import unknown_name, UserError

_EXPECTED = 'task_name:=robot_name, separated by commas'


@dataclass(frozen=True)
class RobotNames:
    """The robot's name of each joint and frame of a task; what is not listed is named alike."""

    joints: Mapping[str, str] = field(default_factory=dict)
    frames: Mapping[str, str] = field(default_factory=dict)

    def joint(self, name: str) -> str:
        """Return the robot's name of a joint."""
        return self.joints.get(name, name)

    def frame(self, name: str) -> str:
        """Return the robot's name of a frame."""
        return self.frames.get(name, name)


def parse_names(setting: str, text: str, known: Collection[str]) -> dict[str, str]:
    """``'task_name:=robot_name, …'`` → the robot's name of each of the names listed.

    ``setting`` says in errors where the text stood, ``known`` are the task's names.

    Raises:
        UserError: the form is wrong, a name is none of the task's, or a name occurs twice.

    """
    found: dict[str, str] = {}
    for pair in filter(None, map(str.strip, text.split(','))):
        ours, _, theirs = (part.strip() for part in pair.partition(':='))
        if not ours or not theirs:
            raise UserError(f'setting {setting!r} has the wrong form', found=pair,
                            expected=_EXPECTED)
        if ours not in known:
            raise unknown_name(f'name of the task in setting {setting!r}', ours, known)
        if ours in found:
            raise UserError(f'setting {setting!r} names {ours!r} twice', found=text,
                            expected='each name once')
        found[ours] = theirs
    robots = [found.get(name, name) for name in known]
    twice = sorted({name for name in robots if robots.count(name) > 1})
    if twice:
        raise UserError(f'setting {setting!r} gives two names of the task one of the robot',
                        found=', '.join(twice), expected='a name of its own for each')
    return found

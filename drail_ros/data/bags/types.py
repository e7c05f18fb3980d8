# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Definitions of message types, for those who read a bag without the packages it came from."""

from __future__ import annotations

from functools import cache

from rosbags.typesys import get_typestore, Stores
from rosbags.typesys.store import Typestore

from drail_ros.errors import UserError


@cache
def typestore() -> Typestore:
    """Return the types of a ROS 2 distribution's common message packages."""
    return get_typestore(Stores.ROS2_JAZZY)


def definition_of(message_type: str) -> tuple[str, str]:
    """``sensor_msgs/msg/JointState`` → its definition with all types in it, and its hash.

    Raises:
        UserError: the type is none of the common packages'.

    """
    store = typestore()
    if message_type not in store.fielddefs:
        raise UserError(f'message type {message_type!r} is not known', expected='a type of the '
                        'common message packages (sensor_msgs, geometry_msgs, nav_msgs, …)')
    return store.generate_msgdef(message_type, ros_version=2)[0], store.hash_rihs01(message_type)

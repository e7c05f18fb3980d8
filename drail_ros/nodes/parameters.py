# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Settings ↔ ROS parameters: the same names, help, units and ranges as on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from drail_ros.errors import unknown_name
from drail_ros.settings import Scalar, Spec

_ALWAYS = ('use_sim_time', 'start_type_description_service')
_LARGEST = 1e18


def given(node: Node) -> dict[str, Any]:
    """Return the parameters set from outside (file, command line, launch), by name."""
    return {name: parameter.value for name, parameter in node.get_parameters_by_prefix('').items()
            if name not in _ALWAYS and not name.startswith('qos_overrides.')}


def declare(node: Node, specs: Iterable[Spec],
            values: Mapping[str, Scalar] | None = None) -> dict[str, Any]:
    """Declare settings as read-only parameters and return their values.

    ``values`` are the resolved ones; without them, those given from outside or the defaults.
    An integer is accepted where a setting is a floating-point number.

    Raises:
        UserError: a parameter is unknown, or has the wrong type or range.

    """
    known = {spec.name: spec for spec in specs}
    outside = given(node)
    for name in outside:
        if name not in known:
            raise unknown_name(f'parameter of node {node.get_name()}', name, known)
    chosen: Mapping[str, object] = outside if values is None else values
    resolved = {name: spec.convert(chosen.get(name, spec.default))
                for name, spec in known.items()}
    for name, spec in known.items():
        if node.has_parameter(name):
            node.undeclare_parameter(name)
        node.declare_parameter(name, resolved[name], _descriptor(spec), ignore_override=True)
    node.add_on_set_parameters_callback(partial(_refuse_unknown, known))
    return resolved


def _refuse_unknown(known: Mapping[str, Spec], parameters: Iterable[Parameter]
                    ) -> SetParametersResult:
    for parameter in parameters:
        if parameter.name not in (*known, *_ALWAYS):
            return SetParametersResult(successful=False, reason=str(
                unknown_name('parameter', parameter.name, known)))
    return SetParametersResult(successful=True)


def _descriptor(spec: Spec) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(name=spec.name, description=spec.describe(), read_only=True)
    if spec.low is not None or spec.high is not None:
        low = -_LARGEST if spec.low is None else spec.low
        high = _LARGEST if spec.high is None else spec.high
        if spec.type is int:
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
        elif spec.type is float:
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(low), to_value=float(high))]
    return descriptor

# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Settings on hopper."""

from __future__ import annotations

from drail_ros.presets.locomotion import LOCOMOTION
from drail_ros.presets.rule import Rule, When

DIFFAIL = {'reward.penalty_weight': 0.0, 'reward.width': 256}

RULES = (
    *LOCOMOTION,
    Rule(When(algorithm='diffail', preset='default'), DIFFAIL),
    Rule(When(algorithm='diffail', agent='sac', preset='published'), {
        **DIFFAIL, 'total_steps': 760_000}),
    Rule(When(algorithm='iq_learn', preset='published'), {'learner.value_term': 'first'}),
    Rule(When(algorithm='opolo', preset='published'), {
        'learner.learning_rate': 1e-4, 'learner.cloning_weight': 0.01}),
)

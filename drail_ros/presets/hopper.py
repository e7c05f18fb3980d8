"""Settings on hopper."""

from __future__ import annotations

from drail_ros.presets.locomotion import LOCOMOTION
from drail_ros.presets.rule import Rule, When

DIFFAIL = {'reward.penalty_weight': 0.0, 'reward.width': 256}

RULES = (
    *LOCOMOTION,
    Rule(When(algorithm='diffail', preset='default'), DIFFAIL),
    Rule(When(algorithm='diffail', agent='sac', preset='published'), DIFFAIL),
)

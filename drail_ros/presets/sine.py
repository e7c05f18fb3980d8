"""Settings on sine."""

from __future__ import annotations

from drail_ros.presets.rule import Rule, When

RULES = (
    Rule(When(), {'total_steps': 400_000, 'fast_matmul': False}),
    Rule(When(agent='ppo', preset='default'), {
        'learner.epochs': 10, 'learner.width': 64, 'learner.learning_rate': 1e-6}),
    Rule(When(algorithm='drail', preset='default'), {
        'reward.width': 128, 'reward.label_size': 1}),
    Rule(When(algorithm='gail', preset='default'), {'reward.width': 128}),
)

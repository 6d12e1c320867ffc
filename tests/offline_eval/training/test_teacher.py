"""A logistic regression on features."""

import numpy as np
import pytest
import torch

from offline_eval.training.teacher import fit_teacher


def blobs(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 4
    return (rng.normal(size=(n, 5)) + 6 * np.eye(5)[labels] + 100).astype(np.float32), np.eye(4)[labels]


def test_it_learns_what_is_apart():
    features, targets = blobs()
    teacher = fit_teacher(features, targets, np.ones(len(features)), l2=0.01)
    readings = teacher.read(torch.from_numpy(features))
    assert readings.sum(1) == pytest.approx(np.ones(len(features)))
    assert np.mean(readings.argmax(1) == targets.argmax(1)) > 0.98


def test_held_back_it_says_the_shares_of_the_weights():
    features, targets = blobs()
    weights = np.where(targets[:, 2] == 1, 3.0, 1.0)
    readings = fit_teacher(features, targets, weights, l2=30.0).read(torch.from_numpy(features))
    assert readings[0] == pytest.approx([1 / 6, 1 / 6, 1 / 2, 1 / 6], abs=0.03)


def test_it_is_the_best_at_its_loss():
    """At the least loss the gradient vanishes: l2 times the weights is what the targets still ask for."""
    features, targets = blobs()
    teacher = fit_teacher(features, targets, np.ones(len(features)), l2=0.1)

    rows = torch.from_numpy(features)
    rest = torch.from_numpy(targets - teacher.read(rows)).float().T @ ((rows - teacher.mean) / teacher.std)
    assert (rest / len(rows)).numpy() == pytest.approx((0.1 * teacher.linear.weight).numpy(), abs=1e-3)

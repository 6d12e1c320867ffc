"""Answers fold by fold: kept, written, and read again only for the clips and labels they were made for."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import UsageError
from offline_eval.comparison.baselines.floor import ClassPrior, Uniform
from offline_eval.comparison.predictions import out_of_fold, read_predictions, write_predictions
from offline_eval.comparison.system import Predictor
from offline_eval.datasets.kinds import open_dataset
from offline_eval.labels.clips import Clip, one_hot
from offline_eval.labels.folds import speaker_folds


class Counting(ClassPrior):
    """A class prior that counts its lessons."""

    def __init__(self, recipe: str) -> None:
        self.recipe = recipe
        self.lessons = 0

    def fit(self, train: Sequence[Clip]) -> Predictor:
        self.lessons += 1
        return super().fit(train)


@pytest.fixture(scope="module")
def clips(tones) -> list[Clip]:
    return [*open_dataset(tones).load().clips][::4]


@pytest.fixture(scope="module")
def made(clips, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    folds = speaker_folds(clips, 3)
    return [out_of_fold(s, clips, folds, cache=cache, progress=lambda _: None) for s in (ClassPrior(), Uniform())]


@pytest.fixture
def table(clips, made, tmp_path) -> Path:
    write_predictions(tmp_path / "predictions.csv", clips, made)
    return tmp_path / "predictions.csv"


def test_finished_folds_are_learned_again_only_after_the_recipe_or_the_clips_have_changed(clips, tmp_path):
    folds = speaker_folds(clips, 3)
    lessons = {}
    for name, recipe, some in [("first", "1", folds), ("again", "1", folds), ("recipe", "2", folds)]:
        system = Counting(recipe)
        out_of_fold(system, clips, some, cache=tmp_path, progress=lambda _: None)
        lessons[name] = system.lessons
    relabelled = [replace(clips[0], target=one_hot("neutral")), *clips[1:]]
    system = Counting("1")
    out_of_fold(system, relabelled, speaker_folds(relabelled, 3), cache=tmp_path, progress=lambda _: None)
    assert lessons == {"first": 3, "again": 0, "recipe": 3}
    assert system.lessons == 3


def test_answers_are_read_as_they_were_written_and_those_of_other_clips_are_passed_over(clips, made, table):
    for some in (clips, clips[5:]):
        for before, after in zip(made, read_predictions(table, some), strict=True):
            assert after.system == before.system
            assert np.array_equal(after.probabilities, before.probabilities[len(clips) - len(some) :])
            assert np.array_equal(after.folds, before.folds[len(clips) - len(some) :])


def test_answers_for_other_labels_are_refused(clips, table):
    with pytest.raises(UsageError, match=r"the target of .* is not that of the data"):
        read_predictions(table, [replace(clips[0], target=one_hot("neutral")), *clips[1:]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], "uniform has no answer for 1 of"),
        (lambda lines: [*lines, lines[-1]], "a second answer of uniform"),
        (lambda lines: [*lines[:-1], lines[-1].replace("0.25", "0.35")], "csv, line"),
        (lambda lines: [lines[0].replace("fold", "part"), *lines[1:]], "no column fold"),
        (lambda lines: lines[:1], "no predictions for these clips"),
    ],
)
def test_a_table_that_is_not_whole_is_named(clips, table, change, message):
    table.write_text("\n".join(change(table.read_text(encoding="utf-8").splitlines())) + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_predictions(table, clips)

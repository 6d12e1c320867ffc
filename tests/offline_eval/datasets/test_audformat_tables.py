"""Databases in audformat: what is written is read again, and those of others are understood."""

import os
import pickle
from dataclasses import replace
from pathlib import Path

import audformat
import pandas as pd
import pytest

from core.errors import UsageError
from offline_eval.cli import main
from offline_eval.datasets.audformat_tables import NOT_BY_FILE, STATED_TWICE, UNRATED, read_audformat, write_audformat
from offline_eval.datasets.evaluation import read_corpus
from offline_eval.labels.annotation import AnnotatedCorpus, AnnotatedUtterance, Rating
from offline_eval.synthetic.tree import write_tree
from tests.offline_eval.datasets.trees import add_sounds, add_text


def corpus(folder: Path) -> AnnotatedCorpus:
    first = AnnotatedUtterance(
        utterance_id="a",
        corpus="made_up",
        path=folder / "wav" / "a.wav",
        speaker="made_up_1",
        ratings=(
            Rating("E2", ("anger", "neutral")),
            Rating("E1", ("sadness",)),
            Rating("F1", ("other",), self_report=True),
        ),
        dialogue="d",
        session="01",
        consensus="frustration",
        transcript='The "kettle", sings.',
        language="en",
        gender="F",
    )
    second = AnnotatedUtterance(
        utterance_id="b",
        corpus="made_up",
        path=None,
        speaker="2",
        ratings=(Rating("x", ("anger", "fear"), (0.75, 0.25)),),
    )
    return AnnotatedCorpus(
        utterances=(first, second), skipped={"hidden file": 2}, licences={"made_up": "none"}, notes=("a note",)
    )


def test_a_corpus_comes_back_as_it_was(tmp_path):
    folder = tmp_path / "db"
    written = corpus(folder)
    write_audformat(written, "made_up", folder)
    assert read_audformat(folder) == written


def test_sound_outside_of_the_database_is_named_by_its_absolute_path(tmp_path):
    written = corpus(tmp_path / "elsewhere")
    write_audformat(written, "made_up", tmp_path / "db")
    assert read_audformat(tmp_path / "db") == written


def test_raters_are_those_of_the_database(tmp_path):
    write_audformat(corpus(tmp_path / "db"), "made_up", tmp_path / "db")
    database = audformat.Database.load(str(tmp_path / "db"))
    assert sorted(database.raters) == ["E1", "E2", "F1", "x"]
    assert database.schemes["emotion"].labels == ["anger", "fear", "frustration", "neutral", "other", "sadness"]
    assert database["ratings"].df["rater"].tolist() == ["E2", "E2", "E1", "F1", "x", "x"]


def test_a_database_of_another_hand_is_read_by_its_columns_with_raters(tmp_path):
    database = audformat.Database("others")
    database.raters["r1"], database.raters["r2"] = audformat.Rater(), audformat.Rater()
    table = database["voice"] = audformat.Table(audformat.filewise_index(["b.wav", "wav/a.wav"]))
    for rater, labels in {"r1": [None, "Angry"], "r2": [None, "Neutral state"]}.items():
        table[f"emotion.{rater}"] = audformat.Column(rater_id=rater)
        table[f"emotion.{rater}"].set(labels)
    table["speaker"] = audformat.Column()
    table["speaker"].set(["7", "8"])
    database["parts"] = audformat.Table(audformat.segmented_index(["wav/a.wav"], ["0s"], ["1s"]))
    database.save(str(tmp_path), storage_format="csv")
    add_sounds(tmp_path, "wav/a.wav")
    found = read_audformat(tmp_path)
    (utterance,) = found.utterances
    assert utterance.ratings == (Rating("r1", ("anger",)), Rating("r2", ("neutral",)))
    assert (utterance.utterance_id, utterance.path, utterance.speaker) == ("wav/a", tmp_path / "wav/a.wav", "8")
    assert found.skipped == {NOT_BY_FILE: 1, UNRATED: 1}


def test_without_raters_the_column_emotion_is_the_one_rating(tmp_path):
    database = audformat.Database("others")
    table = database["gold"] = audformat.Table(audformat.filewise_index(["a.wav"]))
    table["emotion"] = audformat.Column()
    table["emotion"].set(pd.Series(["happy"]).tolist())
    database.save(str(tmp_path), storage_format="csv")
    (utterance,) = read_audformat(tmp_path).utterances
    assert (utterance.ratings, utterance.path) == ((Rating("label", ("happiness",)),), None)
    assert utterance.speaker == "others_a.wav"


def test_a_rating_in_two_tables_is_one_vote_and_an_unknown_label_is_named(tmp_path):
    database = audformat.Database("others")
    for name, files in {"all": ["a.wav", "b.wav"], "train": ["a.wav"]}.items():
        table = database[name] = audformat.Table(audformat.filewise_index(files))
        table["emotion"] = audformat.Column()
        table["emotion"].set(["ang", "meh"][: len(files)])
    database.save(str(tmp_path), storage_format="csv")
    found = read_audformat(tmp_path)
    assert [one.ratings for one in found.utterances] == [(Rating("label", ("anger",)),), (Rating("label", ("meh",)),)]
    assert list(found.lines()) == [
        "labels that are not known, and so none of the four: meh 1",
        f"left out in reading: {STATED_TWICE} 1",
    ]


def test_what_is_no_database_or_holds_no_rating_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no db\.yaml"):
        read_audformat(tmp_path)
    add_text(tmp_path / "broken" / "db.yaml", "name: [")
    with pytest.raises(UsageError, match="not plain YAML"):
        read_audformat(tmp_path / "broken")
    add_text(tmp_path / "list" / "db.yaml", "[1]")
    with pytest.raises(UsageError, match="cannot be read as an audformat database"):
        read_audformat(tmp_path / "list")
    audformat.Database("empty").save(str(tmp_path / "empty"))
    with pytest.raises(UsageError, match="no rating"):
        read_audformat(tmp_path / "empty")


def test_a_header_that_would_run_a_program_does_not_run_it(tmp_path):
    canary = tmp_path / "canary"
    add_text(tmp_path / "db.yaml", f"name: !!python/object/apply:os.mkdir ['{canary}']")
    with pytest.raises(UsageError, match="not plain YAML"):
        read_audformat(tmp_path)
    assert not canary.exists()


class Canary:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("table", ["ratings", "/../elsewhere"])
def test_a_pickled_table_that_would_run_a_program_does_not_run_it(tmp_path, table):
    canary, folder = tmp_path / "canary", tmp_path / "made"
    write_audformat(AnnotatedCorpus(utterances=()), "made", folder)
    header = (folder / "db.yaml").read_text()
    (folder / "db.yaml").write_text(header.replace("\n  ratings:", f"\n  {table}:"))
    (folder / "db.ratings.csv").unlink()
    for name in ("db.ratings.pkl", "elsewhere.pkl"):
        (folder / name).write_bytes(pickle.dumps(Canary(canary)))
    with pytest.raises(UsageError, match=r"pickled tables are not read|is no name of a table"):
        read_audformat(folder)
    assert not canary.exists()


def test_a_folder_with_something_in_it_is_not_written_over(tmp_path):
    add_text(tmp_path / "x", "")
    with pytest.raises(UsageError, match="not an empty folder"):
        write_audformat(replace(corpus(tmp_path), notes=()), "made_up", tmp_path)


def test_the_command_writes_what_evaluations_read(tmp_path, capsys):
    tree, out = tmp_path / "tree", tmp_path / "db"
    write_tree(tree, sound=False)
    with pytest.raises(SystemExit) as stopped:
        main(["audformat", str(out), "--dataset", "synthetic", "--root", str(tree)])
    assert not stopped.value.code
    read, written = read_audformat(out), read_corpus("synthetic", tree)
    assert [u.ratings for u in read.utterances] == [u.ratings for u in written.utterances]
    assert f"{len(written.utterances)} utterances" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        main(["audformat", str(out), "--dataset", "synthetic", "--root", str(tree)])
    assert stopped.value.code == 2
    assert "not an empty folder" in capsys.readouterr().err

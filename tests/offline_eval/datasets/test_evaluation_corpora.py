"""Corpora by name, as utterances with ratings."""

from collections import Counter

import numpy as np
import pytest

from core.errors import UsageError
from offline_eval.datasets import evaluation
from offline_eval.datasets.evaluation import read_corpus
from offline_eval.datasets.guides import CORPORA
from offline_eval.datasets.kinds import open_dataset
from offline_eval.labels.annotation import Rating
from offline_eval.labels.policy import LabelPolicy
from offline_eval.labels.rated import humans_of
from offline_eval.scoring.metrics.divergence import kl_divergence
from offline_eval.scoring.metrics.overlap import bhattacharyya_distance
from tests.offline_eval.datasets.trees import add_sounds, add_text

VOTES = (
    "clip_id,actor,sentence,intended_emotion,intensity,votes_anger,votes_disgust,votes_fear,votes_happiness,"
    "votes_neutral,votes_sadness,n_responses,four_class_votes,path\n"
    "9001_DFA_ANG_XX,9001,DFA,anger,XX,2,1,0,0,0,0,3,2,\n"
    "9001_IEO_NEU_XX,9001,IEO,neutral,XX,0,0,0,0,1,0,1,1,a.wav\n"
)


def told(corpus) -> list[tuple[str, str, tuple[Rating, ...]]]:
    return [(one.utterance_id, one.speaker, one.ratings) for one in corpus.utterances]


def test_every_corpus_that_can_be_read_has_a_guide():
    assert set(CORPORA) == set(evaluation._READERS)
    assert all(
        guide.title and guide.ratings and guide.licence and guide.url and guide.layout for guide in CORPORA.values()
    )


def test_an_unknown_name_is_refused_with_the_one_that_may_be_meant(tmp_path):
    with pytest.raises(UsageError, match="no data set 'iemocp'") as error:
        read_corpus("iemocp", tmp_path)
    assert error.value.hint == "did you mean iemocap?"


def test_a_root_that_is_missing_is_refused_with_where_to_get_it(tmp_path):
    for root in (None, tmp_path / "absent"):
        with pytest.raises(UsageError) as error:
            read_corpus("crema-d", root)
        assert "CheyneyComputerScience/CREMA-D" in error.value.hint


def test_an_intended_emotion_is_one_rating_and_what_is_none_of_the_four_stays(tmp_path):
    add_sounds(tmp_path, "Actor_01/03-01-05-01-02-01-01.wav", "Actor_02/03-01-06-01-01-01-02.wav", "a.wav")
    corpus = read_corpus("ravdess", tmp_path)
    assert told(corpus) == [
        ("ravdess_03-01-05-01-02-01-01", "ravdess_01", (Rating("intended", ("anger",)),)),
        ("ravdess_03-01-06-01-01-01-02", "ravdess_02", (Rating("intended", ("fear",)),)),
    ]
    assert [one.transcript for one in corpus.utterances] == [
        "Dogs are sitting by the door.",
        "Kids are talking by the door.",
    ]
    assert corpus.skipped == {"file name not understood": 1}
    assert corpus.licences == {"ravdess": "CC BY-NC-SA 4.0"}


def test_votes_for_a_voice_are_a_rating_of_each_listener(tmp_path):
    add_sounds(tmp_path, "AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1002_DFA_ANG_XX.wav")
    add_text(
        tmp_path / "processedResults" / "tabulatedVotes.csv",
        ",A,D,F,H,N,S,fileName\n100001,2,1,0,0,0,0,1001_DFA_ANG_XX\n100002,0,0,0,0,0,0,1002_DFA_ANG_XX\n",
    )
    corpus = read_corpus("crema-d", tmp_path)
    (utterance,) = corpus.utterances
    assert utterance.ratings == (
        Rating("listener 1", ("anger",)),
        Rating("listener 2", ("anger",)),
        Rating("listener 3", ("disgust",)),
    )
    assert utterance.transcript == "Don't forget a jacket."
    assert corpus.skipped == {"no votes": 1}
    assert list(corpus.lines()) == ["left out in reading: no votes 1"]


def test_where_only_the_winners_are_known_they_are_one_rating(tmp_path):
    add_sounds(tmp_path, "AudioWAV/1001_DFA_ANG_XX.wav")
    add_text(tmp_path / "summaryTable.csv", "FileName,VoiceVote\n1001_DFA_ANG_XX,A:S\n")
    (utterance,) = read_corpus("crema-d", tmp_path).utterances
    assert utterance.ratings == (Rating("listeners", ("anger", "sadness")),)


def test_the_votes_of_crema_d_are_read_without_its_sound(tmp_path):
    add_text(tmp_path / "cremad_voice_votes.csv", VOTES)
    add_sounds(tmp_path, "a.wav")
    corpus = read_corpus("crema-d", tmp_path)
    assert corpus == read_corpus("crema-d", tmp_path / "cremad_voice_votes.csv")
    angry, neutral = corpus.utterances
    assert [rating.labels for rating in angry.ratings] == [("anger",), ("anger",), ("disgust",)]
    assert (angry.path, neutral.path) == (None, tmp_path / "a.wav")
    assert (angry.utterance_id, angry.speaker) == ("crema-d_9001_DFA_ANG_XX", "crema-d_9001")


def test_a_folder_of_ones_own_has_a_table_of_labels_or_votes(tmp_path):
    add_sounds(tmp_path, "a.wav", "b.wav")
    table = add_text(
        tmp_path / "mine.csv",
        "path,speaker,anger,happiness,sadness,neutral,frustration,transcript\n"
        "a.wav,1,2,0,0,0,1,Made up.\nb.wav,2,0,0,0,1,0,\n",
    )
    corpus = read_corpus("folder", tmp_path)
    assert corpus == read_corpus("folder", table)
    assert [[r.labels[0] for r in one.ratings] for one in corpus.utterances] == [
        ["anger", "anger", "frustration"],
        ["neutral"],
    ]
    assert [one.transcript for one in corpus.utterances] == ["Made up.", None]
    add_text(table, "path,speaker,label\na.wav,1,angry\nb.wav,2,boredom\n")
    assert [one.ratings for one in read_corpus("folder", tmp_path).utterances] == [
        (Rating("table", ("anger",)),),
        (Rating("table", ("boredom",)),),
    ]
    add_text(table, "path,speaker,anger,happiness,sadness,neutral\na.wav,1,0.75,0,0,0.25\n")
    assert read_corpus("folder", tmp_path).utterances[0].ratings == (
        Rating("table", ("anger", "neutral"), (0.75, 0.25)),
    )
    add_text(tmp_path / "._mine.csv", "")
    read_corpus("folder", tmp_path)
    add_text(tmp_path / "second.TSV", "")
    with pytest.raises(UsageError, match="2 tables"):
        read_corpus("folder", tmp_path)


@pytest.mark.parametrize("again", ["a.wav", "./a.wav", "x/../a.wav"])
def test_a_row_given_twice_is_refused_and_not_counted_twice(tmp_path, again):
    add_sounds(tmp_path, "a.wav", "x/b.wav")
    table = add_text(tmp_path / "mine.csv", f"path,speaker,label\na.wav,1,angry\n{again},1,angry\n")
    with pytest.raises(UsageError, match=r"two clips of mine have the id a\.wav"):
        read_corpus("folder", table)


def test_labels_that_are_not_known_and_what_is_left_out_are_said(tmp_path):
    add_sounds(tmp_path, "a.wav", "b.wav", "c.wav", "d.wav")
    text = "path,speaker,label\na.wav,1,ang\nb.wav,1,wistful\nc.wav,1,exc\nd.wav,1,wistful\n"
    corpus = read_corpus("folder", add_text(tmp_path / "mine.csv", text))
    assert [one.ratings[0].labels for one in corpus.utterances] == [
        ("anger",),
        ("wistful",),
        ("excited",),
        ("wistful",),
    ]
    assert list(corpus.lines()) == ["labels that are not known, and so none of the four: wistful 2"]
    kept = LabelPolicy().apply(corpus.utterances).rated
    assert [one.hard_label for one in kept] == ["anger", "happiness"], "the policy makes happiness of excited"
    voted = VOTES.replace("2,1,0,0,0,0,3,2", "0,0,0,0,0,0,0,0").replace("a.wav", "")
    crema_d = read_corpus("crema-d", add_text(tmp_path / "votes.csv", voted))
    assert [one.ratings for one in crema_d.utterances] == [(), (Rating("listener 1", ("neutral",)),)]


@pytest.mark.shared
def test_the_shared_votes_of_crema_d_give_the_known_numbers(shared):
    corpus = read_corpus("crema-d", shared / "data" / "cremad_voice_votes.csv")
    assert len(corpus.utterances) == 7442
    kept = LabelPolicy(subset="plurality").apply(corpus.utterances)
    assert kept.n_by_subset == {"four_only": 1636, "plurality": 5606, "consensus4490": 0, "consensus5531": 0}
    human = humans_of(kept.rated)
    for model, kl, distance in ((np.full(4, 1 / 4), 0.938, 0.436), (human.mean(0), 0.637, 0.279)):
        constant = np.tile(model, (len(human), 1))
        assert kl_divergence(human, constant).mean() == pytest.approx(kl, abs=5e-4)
        assert bhattacharyya_distance(human, constant).mean() == pytest.approx(distance, abs=5e-4)
    labels = Counter(one.hard_label for one in kept.rated)
    assert labels["neutral"] / len(kept.rated) == pytest.approx(0.695, abs=5e-4)


@pytest.mark.shared
def test_the_shared_votes_over_six_emotions_give_the_known_numbers(shared):
    labels = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
    utterances = read_corpus("crema-d", shared / "data" / "cremad_voice_votes.csv").utterances
    counts = [Counter(rating.labels[0] for rating in one.ratings) for one in utterances]
    votes = np.array([[count[label] for label in labels] for count in counts], dtype=np.float64)
    human = votes / votes.sum(1, keepdims=True)
    assert votes.sum(1).mean() == pytest.approx(9.21, abs=5e-3)
    for model, kl, distance in ((np.full(6, 1 / 6), 0.963, 0.437), (human.mean(0), 0.744, 0.322)):
        constant = np.tile(model, (len(human), 1))
        assert kl_divergence(human, constant).mean() == pytest.approx(kl, abs=5e-4)
        assert bhattacharyya_distance(human, constant).mean() == pytest.approx(distance, abs=5e-4)


@pytest.mark.shared
def test_the_shared_clips_are_one_rating_each(shared):
    corpus = read_corpus("manifest", shared / "data")
    dataset = open_dataset(shared / "data").load()
    assert len(corpus.utterances) == len(dataset.clips) + len(dataset.others)
    kept = LabelPolicy().apply(corpus.utterances)
    assert {one.utterance.utterance_id: one.human for one in kept.rated} == {c.clip_id: c.target for c in dataset.clips}
    assert kept.agreements["unanimous"] == len(kept.rated)

"""The tree in the shape of IEMOCAP: it has the numbers that are known of the corpus, and nothing of the corpus."""

from collections import Counter
from pathlib import Path

import pytest
import soundfile

from core.errors import UsageError
from offline_eval.cli import main
from offline_eval.datasets import iemocap, iemocap_grammar
from offline_eval.datasets.evaluation import read_corpus
from offline_eval.datasets.iemocap import read_iemocap
from offline_eval.labels.policy import LabelPolicy
from offline_eval.synthetic.tree import LONGEST_S, SHORTEST_S, write_tree


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> tuple:
    root = tmp_path_factory.mktemp("iemocap") / "tree"
    assert write_tree(root, "full", sound=False) == 10_039
    return read_iemocap(root).utterances


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("iemocap") / "tree"
    write_tree(root)
    return root


def test_sessions_dialogues_speakers_and_consensus_codes_are_as_many_as_in_the_corpus(full):
    assert Counter(one.session for one in full) == {"1": 1819, "2": 1811, "3": 2136, "4": 2103, "5": 2170}
    assert Counter("impro" in one.utterance_id for one in full) == {True: 4784, False: 5255}
    assert len({one.dialogue for one in full}) == 151
    assert len({one.speaker for one in full}) == 10
    assert sum(one.dialogue == "iemocap_Ses05M_script01_1b" for one in full) == 81
    assert Counter(one.consensus for one in full) == {
        None: 2507,
        "frustration": 1849,
        "neutral": 1708,
        "anger": 1103,
        "sadness": 1084,
        "excited": 1041,
        "happiness": 595,
        "surprise": 107,
        "fear": 40,
        "other": 3,
        "disgust": 2,
    }


def test_every_rule_keeps_as_many_as_of_the_corpus(full):
    kept = LabelPolicy().apply(full)
    assert kept.n_by_subset == {
        "four_only": 4420,
        "plurality": 6260,
        "consensus4490": 4490,
        "consensus5531": 5531,
    }
    assert kept.agreements == {"unanimous": 2351, "majority": 4094 - 2351, "plurality": 4120 - 4094, "tie": 300}
    assert sum(one.utterance.consensus is None for one in kept.rated) == 895
    ratings = [one.utterance.ratings for one in kept.rated]
    assert sum(any("excited" in rating.labels for rating in given) for given in ratings) == 2255
    assert sum(any(rating.self_report for rating in given) for given in ratings) == 1250


def test_without_the_merge_of_excited_the_rules_keep_as_many_as_of_the_corpus(full):
    kept = LabelPolicy(merge_excited=False).apply(full)
    assert len(kept.rated) == 2165
    assert kept.agreements == {"unanimous": 1203, "majority": 1974 - 1203, "plurality": 1995 - 1974, "tie": 170}


def test_speakers_report_on_themselves_in_improvised_dialogues_only(full):
    reporting = [one for one in full if any(rating.self_report for rating in one.ratings)]
    assert {"impro" in one.utterance_id for one in reporting} == {True}
    assert all(one.ratings[-1].rater == f"{one.gender}1" for one in reporting)


def test_the_tree_is_the_same_each_time(small, tmp_path):
    write_tree(tmp_path / "again")
    files = sorted(path.relative_to(small) for path in small.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*.*"))
    assert all((small / file).read_bytes() == (tmp_path / "again" / file).read_bytes() for file in files)


def test_a_small_tree_has_ten_speakers_every_pitfall_and_short_sound(small):
    corpus = read_iemocap(small)
    assert len({one.speaker for one in corpus.utterances}) == len({one.dialogue for one in corpus.utterances}) == 10
    assert {"iemocap_Ses05M_script01_1b", "iemocap_Ses03M_impro05a"} <= {one.dialogue for one in corpus.utterances}
    assert corpus.skipped == {iemocap.HIDDEN: 10, iemocap_grammar.NO_TURN: 10, iemocap.UNRATED_TRANSCRIPT: 10}
    assert all(one.transcript and one.path for one in corpus.utterances)
    assert not [note for note in corpus.notes if "summary stands" in note]
    for one in corpus.utterances:
        sound = soundfile.info(one.path)
        assert (sound.samplerate, sound.channels) == (16_000, 1)
        assert sound.duration == pytest.approx((SHORTEST_S + LONGEST_S) / 2, abs=(LONGEST_S - SHORTEST_S) / 2 + 1e-3)
    assert len({one.path.read_bytes() for one in corpus.utterances}) == len(corpus.utterances)


def test_under_its_own_name_it_is_not_taken_for_the_corpus(small):
    corpus = read_corpus("synthetic", small)
    assert {one.corpus for one in corpus.utterances} == {"synthetic"}
    assert not [line for line in LabelPolicy().apply(corpus.utterances).lines() if "the paper" in line]


def test_without_a_root_a_small_tree_is_written_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corpus = read_corpus("synthetic")
    assert read_corpus("synthetic") == corpus
    assert (tmp_path / ".cache/synthetic/Session1").is_dir()


def test_a_folder_with_something_in_it_is_not_written_into(small):
    with pytest.raises(UsageError, match="not an empty folder"):
        write_tree(small)


def test_the_command_writes_a_tree(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["synthetic", str(tmp_path / "tree"), "--no-sound"])
    assert ended.value.code == 0
    assert "utterances; try `emotion-eval run --dataset synthetic --root" in capsys.readouterr().out
    assert len(read_iemocap(tmp_path / "tree").utterances) > 50

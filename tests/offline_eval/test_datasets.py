from collections import Counter
from pathlib import Path

import pytest

from core.errors import UsageError
from offline_eval.clips import Clip, in_split, one_hot, require_trainable
from offline_eval.datasets.tables import open_dataset

HEADER = "dataset,clip_id,speaker,sentence,intended_emotion,licence,split,path\n"


def manifest(folder: Path, *rows: str) -> Path:
    (folder / "a.wav").touch()
    (folder / "manifest.csv").write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return folder


def table(folder: Path, text: str) -> Path:
    (folder / "a.wav").touch()
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


def clip(speaker: str, split: str, emotion: str = "anger", clip_id: str = "") -> Clip:
    return Clip(
        path=Path("a.wav"),
        clip_id=clip_id or f"{speaker}-{emotion}",
        corpus="c",
        speaker=speaker,
        split=split,
        target=one_hot(emotion),
    )


def one_of_each(speaker: str, split: str) -> list[Clip]:
    return [clip(speaker, split, emotion) for emotion in ("anger", "happiness", "sadness", "neutral")]


def test_a_manifest_gives_clips_of_the_four_emotions_and_counts_the_others(tmp_path):
    folder = manifest(
        tmp_path,
        'nemo,n1,nemo_A,"Tak, tak.",anger,CC BY-NC-SA 4.0,train,a.wav',
        "nemo,n2,nemo_A,x,fear,CC BY-NC-SA 4.0,train,a.wav",
        "ravdess,r1,ravdess_1,x,calm,CC BY-NC-SA 4.0,dev,a.wav",
        "other,o1,other_1,x,calm,,dev,a.wav",
    )
    dataset = open_dataset(folder).load()
    assert [(c.corpus, c.speaker, c.emotion, c.split) for c in dataset.clips] == [
        ("nemo", "nemo_A", "anger", "train"),
        ("ravdess", "ravdess_1", "neutral", "dev"),
    ]
    assert dataset.skipped == {"fear": 1, "calm": 1}
    assert dataset.licences == {"nemo": "CC BY-NC-SA 4.0", "ravdess": "CC BY-NC-SA 4.0"}


def test_a_table_of_ones_own_is_a_corpus_of_its_name(tmp_path):
    path = table(tmp_path, "path,speaker,label,split\na.wav,7,Happy,train\na.wav,8,bored,dev\n")
    dataset = open_dataset(path).load()
    assert [(c.corpus, c.speaker, c.emotion) for c in dataset.clips] == [("mine", "mine_7", "happiness")]
    assert dataset.clips[0].path == tmp_path / "a.wav"
    assert dataset.skipped == {"bored": 1}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("path,speaker,split\n", "no column label"),
        ("path,speaker,label,split\nb.wav,7,happy,train\n", "line 2: no file"),
        ("path,speaker,label,split\na.wav,7,happy,test\n", "'test' is neither train nor dev"),
        ("path,speaker,label,split\na.wav,,happy,dev\n", "line 2: speaker is empty"),
    ],
)
def test_a_row_that_is_not_understood_is_named(tmp_path, text, named):
    with pytest.raises(UsageError, match=named):
        open_dataset(table(tmp_path, text)).load()


@pytest.mark.parametrize("name", ["", "absent.csv", "a.wav"])
def test_what_is_no_data_set_is_refused(tmp_path, name):
    (tmp_path / "a.wav").touch()
    with pytest.raises(UsageError, match=r"no manifest\.csv|no such folder"):
        open_dataset(tmp_path / name)


def test_a_speaker_on_both_sides_is_refused():
    with pytest.raises(UsageError, match=r"1 speaker\(s\) are both in train and in dev, first ann"):
        require_trainable([*one_of_each("ann", "train"), clip("ann", "dev", clip_id="other")])


@pytest.mark.parametrize(
    ("clips", "why"),
    [
        (one_of_each("ann", "train"), "split dev"),
        (one_of_each("ann", "dev"), "split train"),
        ([*one_of_each("ann", "train"), *one_of_each("ann", "train"), clip("bob", "dev")], "two clips of c"),
        ([*one_of_each("ann", "train")[:3], clip("bob", "dev")], "no training clip shows neutral"),
    ],
)
def test_clips_without_an_honest_score_are_refused(clips, why):
    with pytest.raises(UsageError, match=why):
        require_trainable(clips)


def test_the_shared_manifest_has_the_counts_it_states(shared):
    dataset = open_dataset(shared / "data").load()
    require_trainable(dataset.clips)
    assert Counter(c.corpus for c in in_split(dataset.clips, "dev")) == {"ravdess": 72, "nemo": 360, "emodb": 58}
    assert len(in_split(dataset.clips, "train")) == 504 + 144 + 2158 + 208

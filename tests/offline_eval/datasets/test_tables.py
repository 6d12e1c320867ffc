"""The manifest of several corpora, and a table of one's own."""

import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from core.errors import UsageError
from offline_eval.datasets.kinds import load_datasets, open_dataset
from offline_eval.datasets.manifest import ManifestDataset
from offline_eval.datasets.table import CsvDataset
from offline_eval.labels.clips import UNLABELLED, in_split, require_distinct, require_trainable
from offline_eval.labels.votes import MOSTLY_OTHER, TOO_FEW
from tests.offline_eval.datasets.trees import add_sounds, add_text

MANIFEST = "dataset,clip_id,speaker,sentence,intended_emotion,licence,split,path\n"


def table(folder: Path, text: str) -> CsvDataset:
    return CsvDataset(add_text(add_sounds(folder, "a.wav", "b.wav", "c.wav") / "mine.csv", text))


def test_a_manifest_gives_clips_of_the_four_emotions_and_keeps_the_others_apart(tmp_path):
    add_sounds(tmp_path, "a.wav")
    rows = [
        'nemo,n1,nemo_A,"Tak, tak.",anger,CC BY-NC-SA 4.0,train,a.wav',
        "nemo,n2,nemo_A,x,fear,CC BY-NC-SA 4.0,train,a.wav",
        "ravdess,r1,ravdess_1,x,calm,CC BY-NC-SA 4.0,dev,a.wav",
        "other,o1,other_1,x,Calm,,dev,a.wav",
    ]
    add_text(tmp_path / "manifest.csv", MANIFEST + "\n".join(rows) + "\n")
    dataset = ManifestDataset(tmp_path).load()
    assert [(c.corpus, c.speaker, c.emotion, c.split) for c in dataset.clips] == [
        ("nemo", "nemo_A", "anger", "train"),
        ("ravdess", "ravdess_1", "neutral", "dev"),
    ]
    assert [(c.corpus, c.label, c.split) for c in dataset.others] == [
        ("nemo", "fear", "train"),
        ("other", "calm", "dev"),
    ]
    assert dataset.skipped == {"fear": 1, "calm": 1}
    assert dataset.licences == {"nemo": "CC BY-NC-SA 4.0", "ravdess": "CC BY-NC-SA 4.0", "other": "not stated"}


@pytest.mark.parametrize("mended", [False, True])
def test_the_code_in_a_name_decides_the_label_of_emotiontts(tmp_path, mended):
    add_sounds(tmp_path, "a.wav")
    stated = ["neutral", "happiness", *(("sadness", "anger") if mended else ("anger", "sadness"))]
    rows = [f"emotiontts,emotiontts_nea00{n}01,s,x,{label},,train,a.wav" for n, label in enumerate(stated)]
    other = ["emotiontts,somebody's,s,x,anger,,train,a.wav", "other,nea00201,s,x,anger,,train,a.wav"]
    add_text(tmp_path / "manifest.csv", MANIFEST + "\n".join([*rows, *other]) + "\n")
    emotions = [clip.emotion for clip in ManifestDataset(tmp_path).load().clips]
    assert emotions == ["neutral", "happiness", "sadness", "anger", "anger", "anger"]


def test_words_of_ased_that_belong_to_one_emotion_are_marked(tmp_path):
    add_sounds(tmp_path, "a.wav")
    rows = [f"{corpus},{corpus}{n},s,{n},anger,,train,a.wav" for corpus in ("ased", "nemo") for n in ("01", "02", "03")]
    add_text(tmp_path / "manifest.csv", MANIFEST + "\n".join(rows) + "\n")
    told = {clip.clip_id for clip in ManifestDataset(tmp_path).load().clips if clip.words_tell}
    assert told == {"ased03"}


def test_a_manifest_of_another_name_is_one_too_and_unlabelled_speech_is_kept_apart(tmp_path):
    add_sounds(tmp_path, "a.wav")
    path = add_text(tmp_path / "manifest_more.csv", MANIFEST + "books,b1,b_1,,unlabelled,,train,a.wav\n")
    for dataset in (open_dataset(path).load(), open_dataset(f"manifest:{path}").load()):
        assert [(clip.corpus, clip.label, clip.path) for clip in dataset.others] == [
            ("books", UNLABELLED, tmp_path / "a.wav")
        ]


def test_a_corpus_beside_a_copy_of_it_is_refused_until_one_is_left_out(tmp_path):
    add_sounds(tmp_path, "a.wav")
    rows = [
        f"{name},{name}_1,emodb_1,x,{label},,train,a.wav" for name in ("emodb", "emodb_full") for label in ("fear",)
    ]
    rows += [f"{name},{name}_2,emodb_1,x,anger,,train,a.wav" for name in ("emodb", "emodb_full")]
    add_text(tmp_path / "manifest.csv", MANIFEST + "\n".join(rows) + "\n")
    (both,) = load_datasets([tmp_path])
    with pytest.raises(UsageError, match="emodb and emodb_full are the same recordings") as error:
        require_distinct(both.clips)
    assert "--without emodb" in error.value.hint
    (one,) = load_datasets([tmp_path], without=["emodb"])
    require_distinct(one.clips)
    assert [clip.clip_id for clip in (*one.clips, *one.others)] == ["emodb_full_2", "emodb_full_1"]
    assert (one.skipped, list(one.licences)) == ({"fear": 1}, ["emodb_full"])
    with pytest.raises(UsageError, match="no corpus 'emodp'"):
        load_datasets([tmp_path], without=["emodp"])


def test_a_table_of_ones_own_is_a_corpus_of_its_name(tmp_path):
    dataset = table(tmp_path, "path,speaker,label,split\na.wav,7,Happy,train\nb.wav,8,bored,dev\n").load()
    assert [(c.corpus, c.speaker, c.emotion) for c in dataset.clips] == [("mine", "mine_7", "happiness")]
    assert dataset.clips[0].path == tmp_path / "a.wav"
    assert dataset.skipped == {"boredom": 1}
    assert dataset.licences == {"mine": "not stated"}


def test_a_table_may_name_corpus_licence_language_and_gender_and_write_columns_as_it_likes(tmp_path):
    dataset = table(
        tmp_path,
        "\ufeffPath, Speaker ,LABEL,Corpus,Licence,language,gender,note\na.wav,7,sad,calls,CC0,fi,F,x\n\n"
        "b.wav,8,angry,calls,CC0,fi,,\n",
    ).load()
    assert [(c.corpus, c.speaker, c.emotion, c.language, c.gender) for c in dataset.clips] == [
        ("calls", "calls_7", "sadness", "fi", "F"),
        ("calls", "calls_8", "anger", "fi", None),
    ]
    assert dataset.licences == {"calls": "CC0"}
    assert {c.split for c in dataset.clips} == {"train", "dev"}


@pytest.mark.parametrize("prefix", ["", "votes_"])
def test_votes_become_targets(tmp_path, prefix):
    header = ",".join(prefix + label for label in ("anger", "happy", "sadness", "neutral", "fear"))
    dataset = table(
        tmp_path, f"path,speaker,label,{header}\na.wav,1,fear,3,0,0,1,1\nb.wav,2,,1,0,0,0,0\nc.wav,2,,0,,0,1,4\n"
    ).load()
    assert [list(clip.target) for clip in dataset.clips] == [[0.75, 0, 0, 0.25]]
    assert dataset.votes_left_out == {"fear": 1}
    assert dataset.skipped == {TOO_FEW: 1, "fear": 1}


def test_shares_become_targets_without_a_number_of_votes(tmp_path):
    text = "path,speaker,anger,happiness,sadness,neutral,fear\na.wav,1,0.33,0,0.33,0,0.34\nb.wav,2,1,0,0,0,0\n"
    dataset = table(tmp_path, text + "c.wav,3,0.4,0,0,0,0.6\n").load()
    assert [list(clip.target) for clip in dataset.clips] == [[0.5, 0, 0.5, 0], [1, 0, 0, 0]]
    assert dataset.skipped == {"fear": 1}
    assert dataset.votes_left_out == {}


def test_a_tie_outside_the_four_is_skipped_with_the_reason(tmp_path):
    header = "path,speaker,votes_anger,votes_happiness,votes_sadness,votes_neutral,votes_fear,votes_disgust\n"
    dataset = table(tmp_path, header + "a.wav,1,2,0,0,0,4,4\n").load()
    assert dataset.skipped == {MOSTLY_OTHER: 1}
    assert not dataset.others


def test_a_column_that_only_happens_to_be_called_other_is_no_vote(tmp_path):
    dataset = table(tmp_path, "path,speaker,label,other\na.wav,1,angry,a remark\n").load()
    assert [clip.emotion for clip in dataset.clips] == ["anger"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("path,speaker,split\n", "no column label"),
        ("path,speaker,label,split\nd.wav,7,happy,train\n", "line 2: no file"),
        ("path,speaker,label,split\na.wav,7,happy,test\n", "'test' is neither train nor dev"),
        ("path,speaker,label,split\na.wav,7,happy,\n", "line 2: split is empty"),
        ("path,speaker,label,split\na.wav,,happy,dev\n", "line 2: speaker is empty"),
        ("path,speaker,label,split\na.wav,1,happy\n", "line 2: split is empty"),
        ("path,speaker,label\na.wav,1,happy, really\n", "line 2: more cells than the header"),
        ("path;speaker;label\na.wav;1;happy;x\n", "line 2: more cells than the header"),
        ("", "no column path, speaker, label"),
        ("path,speaker,anger,sadness\na.wav,1,2,3\n", "no column with votes for happiness, neutral"),
        ("path,speaker,votes_fear\na.wav,1,2\n", "no column with votes for anger, happiness, sadness, neutral"),
        ("path,speaker,label,votes_total\na.wav,1,sad,2\n", "votes for 'total', which is no label"),
        ("path,speaker,anger,happiness,sadness,neutral,votes_anger\n", "columns anger and votes_anger both hold"),
        (
            "path,speaker,anger,happiness,sadness,neutral\na.wav,1,2,two,0,0\n",
            "line 2: happiness 'two' is not a number",
        ),
        ("path,speaker,anger,happiness,sadness,neutral\na.wav,1,2,-1,0,0\n", "line 2: happiness '-1' is not a number"),
        ("path,speaker,anger,happiness,sadness,neutral\na.wav,1,2,nan,0,0\n", "line 2: happiness 'nan' is not"),
    ],
)
def test_a_table_that_is_not_understood_is_named(tmp_path, text, named):
    with pytest.raises(UsageError, match=named):
        table(tmp_path, text).load()


def test_a_table_that_is_no_text_is_named(tmp_path):
    (tmp_path / "mine.csv").write_bytes(b"path,speaker,label\n\xff\xfe\n")
    with pytest.raises(UsageError, match="cannot be read as a table"):
        CsvDataset(tmp_path / "mine.csv").load()


def test_a_row_given_twice_is_refused_before_training(tmp_path):
    dataset = table(
        tmp_path, "path,speaker,label,split\na.wav,1,sad,train\na.wav,1,angry,train\nb.wav,2,sad,dev\n"
    ).load()
    with pytest.raises(UsageError, match=r"two clips of mine have the id a\.wav"):
        require_trainable(dataset.clips)


def test_codes_and_words_of_other_languages_are_the_four_and_unknown_labels_are_named(tmp_path):
    add_sounds(tmp_path, "a.wav")
    labels = ("ang", "hap", "sad", "neu", "exc", "Freude", "colère", "meh")
    rows = [f"calls,c{n},calls_1,x,{label},,train,a.wav" for n, label in enumerate(labels)]
    add_text(tmp_path / "manifest.csv", MANIFEST + "\n".join(rows) + "\n")
    dataset = ManifestDataset(tmp_path).load()
    assert [clip.emotion for clip in dataset.clips] == [
        "anger",
        "happiness",
        "sadness",
        "neutral",
        "happiness",
        "anger",
    ]
    assert list(dataset.summary())[1:] == [
        "left out: excited 1, meh 1",
        "labels that are not known, and so none of the four: meh 1",
    ]
    with pytest.raises(UsageError, match="no clip of the four emotions is in split dev") as error:
        require_trainable(dataset.clips, dataset.others)
    assert error.value.hint == "labels that are not known: meh 1"


SPREADSHEETS = {
    "semicolons": "path;speaker;label\na.wav;7;happy\nb.wav;8;sad\n",
    "tabs": "path\tspeaker\tlabel\r\na.wav\t7\thappy\r\nb.wav\t8\tsad\r\n",
    "sep": "\ufeffsep=;\r\npath;speaker;label\r\na.wav;7;happy\r\nb.wav;8;sad\r\n",
    "blank rows": "path,speaker,label,,\n,,,,\na.wav,7,happy,,\nb.wav,8,sad,,,\n,,,,\n",
    "quotes after a blank": 'path, speaker, label\n"a.wav", "7", "happy"\n"b.wav", "8", "sad"\n',
    "here": "path,speaker,label\n.\\a.wav,7,happy\nb.wav,8,sad\n",
}


@pytest.mark.parametrize("text", SPREADSHEETS.values(), ids=SPREADSHEETS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_is_read_as_spreadsheets_save_it(tmp_path, text, encoding):
    dataset = table(tmp_path, "")
    dataset.path.write_bytes(text.removeprefix("\ufeff").encode(encoding))
    assert [(one.clip_id, one.speaker, one.heard.leading) for one in dataset.find().entries] == [
        ("a.wav", "mine_7", "happiness"),
        ("b.wav", "mine_8", "sadness"),
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"path,speaker,label\na.wav,Ren\xe9,sad\n", "cannot be read as a table: line 2 is not UTF-8"),
        (b"PK\x03\x04\x14\x00", "cannot be read as a table: a workbook or an archive"),
        ("path,speaker".encode("utf-16-le"), "NUL characters, as in UTF-16"),
        (b"<!DOCTYPE html>\n<html>", "a web page, not a table"),
        (b"path,speaker,label,Label \na.wav,1,sad,angry\n", "two columns are called label"),
        (
            b'path,speaker,label,transcript\na.wav,1,sad,"hello\nb.wav,1,sad,x\n',
            "line 2: its quotes are not understood",
        ),
        (b'path,speaker,label,note\na.wav,1,sad,"x\nb.wav,1,sad,y"\n', "line 2: a quote is not closed before line 3"),
        (b"path,speaker,anger,happiness,sadness,neutral\na.wav,1,1e9,0,0,0\n", "'1e9' is not a number of votes"),
        (b"path,speaker,label\n" + b"a" * 300 + b",1,sad\n", "mine.csv, line 2: "),
    ],
)
def test_what_hinders_reading_is_said_in_one_line(tmp_path, data, said):
    dataset = table(tmp_path, "")
    dataset.path.write_bytes(data)
    with pytest.raises(UsageError, match=said) as error:
        dataset.find()
    assert "\n" not in error.value.one_line()


def test_a_decimal_comma_is_named(tmp_path):
    text = "path;speaker;anger;happiness;sadness;neutral\na.wav;1;0,75;0,25;0;0\n"
    with pytest.raises(UsageError, match="anger '0,75' is not a number of votes") as error:
        table(tmp_path, text).find()
    assert error.value.hint == "a decimal point is written as a point"


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_table", ["NFC", "NFD"])
@pytest.mark.parametrize("between", ["/", "\\"])
def test_names_are_found_however_another_machine_writes_them(tmp_path, on_disk, in_table, between):
    folder, name = (unicodedata.normalize(on_disk, part) for part in ("Zoë", "café.wav"))
    add_sounds(tmp_path, f"{folder}/{name}")
    written = unicodedata.normalize(in_table, f"Zoë{between}café.wav")
    (entry,) = table(tmp_path, f"path,speaker,label\n{written},1,sad\n").find().entries
    assert entry.path == tmp_path / folder / name
    assert entry.clip_id == f"{folder}/{name}"


def test_one_column_that_is_called_like_an_emotion_is_no_table_of_votes(tmp_path):
    dataset = table(tmp_path, "path,speaker,label,neu\na.wav,1,angry,ja\n").load()
    assert [clip.emotion for clip in dataset.clips] == ["anger"]


@pytest.mark.shared
def test_the_shared_manifest_has_the_counts_it_states(shared):
    dataset = open_dataset(shared / "data").load()
    require_trainable(dataset.clips, dataset.others)
    assert Counter(c.corpus for c in in_split(dataset.clips, "dev")) == {"ravdess": 72, "nemo": 360, "emodb": 58}
    assert Counter(c.corpus for c in in_split(dataset.clips, "train")) == {
        "ravdess": 504 + 144,
        "nemo": 2158,
        "emodb": 208,
    }
    assert Counter((c.corpus, c.split) for c in dataset.others) == {
        ("ravdess", "train"): 3 * 144,
        ("ravdess", "dev"): 3 * 16,
        ("nemo", "train"): 539 + 449,
        ("nemo", "dev"): 90 + 89,
        ("emodb", "train"): 43 + 41 + 20,
        ("emodb", "dev"): 15 + 13 + 10,
    }
    speakers = {split: {c.speaker for c in in_split(dataset.clips, split)} for split in ("train", "dev")}
    assert speakers["dev"] == {"ravdess_19", "ravdess_20", "nemo_EB0", "emodb_12", "emodb_13"}
    assert len(speakers["train"]) == 18 + 6 + 6
    assert dataset.notes == ("ravdess: calm counts as neutral, 160 clips",)


def test_the_further_shared_manifest_has_the_counts_it_states(shared):
    (dataset,) = load_datasets([shared / "data" / "manifest_more.csv"])
    require_trainable(dataset.clips, dataset.others)
    assert Counter(c.corpus for c in dataset.clips) == {"emodb_full": 266, "ased": 1548, "emotiontts": 220}
    assert Counter(c.emotion for c in dataset.clips if c.clip_id[-5:-2] == "002") == {"sadness": 55}
    assert Counter(c.split for c in dataset.others if c.label == UNLABELLED) == {"train": 160, "dev": 30}
    assert sum(c.words_tell for c in dataset.clips if c.corpus != "ased") == 0

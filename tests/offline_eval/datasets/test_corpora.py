"""The corpora that are read from file names or from a table of their own: RAVDESS, EmoDB, TESS, nEMO."""

from collections import Counter

import pytest

from core.errors import UsageError
from offline_eval.datasets.dataset import hold_out
from offline_eval.datasets.emodb import EmodbDataset
from offline_eval.datasets.files import COPY, NOT_UNDERSTOOD
from offline_eval.datasets.kinds import open_dataset
from offline_eval.datasets.nemo import NemoDataset
from offline_eval.datasets.ravdess import RavdessDataset
from offline_eval.datasets.tess import TessDataset
from offline_eval.labels.clips import require_trainable
from tests.offline_eval.datasets.trees import add_sounds, add_text

LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


def ravdess(actor: int, emotion: int) -> str:
    return f"Actor_{actor:02d}/03-01-{emotion:02d}-01-02-01-{actor:02d}.wav"


def facts(dataset):
    return [(clip.clip_id, clip.speaker, clip.emotion, clip.gender, clip.language) for clip in dataset.clips]


def test_ravdess_names_give_emotion_and_actor_and_calm_counts_as_neutral(tmp_path):
    add_sounds(tmp_path, *(ravdess(actor, emotion) for actor in (1, 2) for emotion in range(1, 9)))
    dataset = RavdessDataset(tmp_path).load()
    emotions = ["neutral", "neutral", "happiness", "sadness", "anger"]
    assert facts(dataset)[::2] == [
        (f"ravdess_03-01-{code:02d}-01-02-01-01", "ravdess_01", emotion, "M", "en")
        for code, emotion in enumerate(emotions, 1)
    ]
    assert {clip.gender for clip in dataset.clips if clip.speaker == "ravdess_02"} == {"F"}
    assert dataset.skipped == {"fear": 2, "disgust": 2, "surprise": 2}
    assert Counter(clip.label for clip in dataset.others) == dataset.skipped
    assert dataset.notes == ("ravdess: calm counts as neutral, 2 clips",)
    assert dataset.licences == {"ravdess": "CC BY-NC-SA 4.0"}


def test_ravdess_songs_films_copies_and_foreign_files_are_left_out_and_counted(tmp_path):
    add_sounds(
        tmp_path,
        ravdess(1, 5),
        "again/" + ravdess(1, 5),
        "Actor_01/03-02-05-01-02-01-01.wav",
        "Actor_01/01-01-05-01-02-01-01.WAV",
        "Actor_01/._03-01-05-01-02-01-01.wav",
        "__MACOSX/Actor_01/03-01-04-01-02-01-01.wav",
        "Actor_01/03-01-09-01-02-01-01.wav",
        "test.wav",
    )
    add_text(tmp_path / "Actor_01" / "03-01-05-01-02-02-01.txt", "")
    dataset = RavdessDataset(tmp_path).load()
    assert [clip.path for clip in dataset.clips] == [tmp_path / ravdess(1, 5)]
    assert dataset.skipped == {COPY: 1, "song": 1, "not audio only": 1, NOT_UNDERSTOOD: 2}


def test_emodb_names_give_speaker_and_emotion_by_its_german_initial(tmp_path):
    names = ["03a01Wa", "08a02La", "09b01Ea", "10b02Ab", "11a04Fd", "13a05Tc", "16b10Nb"]
    add_sounds(tmp_path, *(f"wav/{name}.wav" for name in names), "wav/._03a01Wa.wav")
    dataset = EmodbDataset(tmp_path).load()
    assert facts(dataset) == [
        ("emodb_03a01Wa", "emodb_03", "anger", "M", "de"),
        ("emodb_11a04Fd", "emodb_11", "happiness", "M", "de"),
        ("emodb_13a05Tc", "emodb_13", "sadness", "F", "de"),
        ("emodb_16b10Nb", "emodb_16", "neutral", "F", "de"),
    ]
    assert [(clip.speaker, clip.label) for clip in dataset.others] == [
        ("emodb_08", "boredom"),
        ("emodb_09", "disgust"),
        ("emodb_10", "fear"),
    ]


def test_names_in_other_cases_are_the_same_names(tmp_path):
    add_sounds(tmp_path / "emodb", "WAV/03A01WA.WAV")
    assert [clip.emotion for clip in EmodbDataset(tmp_path / "emodb").load().clips] == ["anger"]
    add_sounds(tmp_path / "tess", "oaf_angry/oaf_back_angry.wav", "YAF_sad/YAF_BACK_SAD.WAV")
    assert [(c.speaker, c.emotion) for c in TessDataset(tmp_path / "tess").load().clips] == [
        ("tess_OAF", "anger"),
        ("tess_YAF", "sadness"),
    ]


def test_tess_names_give_actress_and_emotion_with_all_their_spellings(tmp_path):
    add_sounds(
        tmp_path,
        "OAF_angry/OAF_back_angry.wav",
        "OAF_neutral/OA_bite_neutral.wav",
        "OAF_Pleasant_surprise/OAF_back_ps.wav",
        "YAF_happy/YAF_back_happy.wav",
        "YAF_pleasant_surprised/YAF_back_pleasant_surprised.wav",
        "YAF_sad/YAF_back_sad.wav",
        "YAF_fear/YAF_back_fear.wav",
        "TESS Toronto emotional speech set data/OAF_angry/OAF_back_angry.wav",
    )
    dataset = TessDataset(tmp_path).load()
    assert {(clip.speaker, clip.emotion) for clip in dataset.clips} == {
        ("tess_OAF", "anger"),
        ("tess_OAF", "neutral"),
        ("tess_YAF", "happiness"),
        ("tess_YAF", "sadness"),
    }
    assert dataset.skipped == {"surprise": 2, "fear": 1, COPY: 1}
    assert len({clip.split for clip in dataset.clips if clip.speaker == "tess_OAF"}) == 1
    assert {clip.split for clip in dataset.clips} == {"train", "dev"}


def test_nemo_is_read_from_its_table_with_quotation_marks_and_stray_spaces(tmp_path):
    add_sounds(tmp_path, "samples/WR0_anger_1.wav", "samples/EB0_surprised_2.wav", "samples/EB0_sadness_3.wav")
    header = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
    rows = [
        'WR0_anger_1.wav\tanger\t„Ród" i "smok\tród i smok\t        WR0\tmale\t23',
        'EB0_surprised_2.wav\tsurprised\t"Co?\tco\t        EB0\tfemale\t27',
        "EB0_sadness_3\tsadness\tNie.\tnie\tEB0\t\t27",
    ]
    add_text(tmp_path / "data.tsv", header + "\n".join(rows) + "\n")
    dataset = NemoDataset(tmp_path).load()
    assert facts(dataset) == [
        ("nemo_WR0_anger_1", "nemo_WR0", "anger", "M", "pl"),
        ("nemo_EB0_sadness_3", "nemo_EB0", "sadness", None, "pl"),
    ]
    assert [(clip.clip_id, clip.label, clip.gender) for clip in dataset.others] == [
        ("nemo_EB0_surprised_2", "surprise", "F")
    ]


@pytest.mark.parametrize(
    ("table", "named"),
    [
        (
            "file_id\temotion\tspeaker_id\nWR0_anger_9.wav\tanger\tWR0\n",
            r"data\.tsv, line 2: no file .*WR0_anger_9\.wav",
        ),
        ("file_id\temotion\nWR0_anger_1.wav\tanger\n", "no column speaker_id"),
        ("file_id\temotion\tspeaker_id\nWR0_anger_1.wav\t \tWR0\n", "line 2: emotion is empty"),
        (LFS_POINTER, "a Git LFS pointer"),
    ],
)
def test_a_nemo_table_that_does_not_fit_is_named(tmp_path, table, named):
    add_sounds(tmp_path, "samples/WR0_anger_1.wav")
    add_text(tmp_path / "data.tsv", table)
    with pytest.raises(UsageError, match=named):
        NemoDataset(tmp_path).load()


@pytest.mark.parametrize("adapter", [RavdessDataset, EmodbDataset, TessDataset])
def test_a_folder_without_any_file_of_the_corpus_is_refused_with_the_layout_it_should_have(tmp_path, adapter):
    add_sounds(tmp_path, "a.wav")
    with pytest.raises(UsageError, match="no sound file named as in"):
        adapter(tmp_path).load()


def test_pointers_in_place_of_sound_are_refused(tmp_path):
    add_text(tmp_path / ravdess(1, 5), LFS_POINTER)
    with pytest.raises(UsageError, match="Git LFS pointer") as error:
        RavdessDataset(tmp_path).load()
    assert "git lfs pull" in error.value.hint


def test_without_a_stated_split_whole_speakers_are_held_out_the_same_ones_each_time(tmp_path):
    add_sounds(tmp_path, *(ravdess(actor, emotion) for actor in range(1, 13) for emotion in (1, 3, 4, 5, 6)))
    dataset = RavdessDataset(tmp_path).load()
    require_trainable(dataset.clips, dataset.others)
    assert len({clip.speaker for clip in dataset.clips if clip.split == "dev"}) == 2
    assert RavdessDataset(tmp_path).load() == dataset
    dev = {clip.speaker for clip in dataset.clips if clip.split == "dev"}
    assert {clip.speaker for clip in dataset.others if clip.split == "dev"} == dev


def test_named_speakers_replace_the_split_of_all_data(tmp_path):
    add_sounds(tmp_path / "r", *(ravdess(actor, emotion) for actor in range(1, 4) for emotion in (1, 3, 4, 5, 6)))
    add_sounds(tmp_path / "e", "03a01Wa.wav", "08a02Ta.wav")
    datasets = hold_out([open_dataset(tmp_path / name).load() for name in "re"], ["02", "emodb_08"])
    dev = {c.speaker for dataset in datasets for c in (*dataset.clips, *dataset.others) if c.split == "dev"}
    assert dev == {"ravdess_02", "emodb_08"}


def test_the_summary_says_who_is_held_out_and_what_was_left_out(tmp_path):
    add_sounds(tmp_path, *(ravdess(actor, emotion) for actor in (1, 2) for emotion in (2, 5, 6, 6, 7)), "x.wav")
    (dataset,) = hold_out([RavdessDataset(tmp_path).load()], ["02"])
    assert list(dataset.summary()) == [
        "ravdess: train 2 clips of 1 speaker(s) (ravdess_01), dev 2 clips of 1 speaker(s) (ravdess_02)",
        f"left out: disgust 2, fear 2, {NOT_UNDERSTOOD} 1",
        "ravdess: calm counts as neutral, 2 clips",
    ]


@pytest.mark.shared
def test_the_shared_clips_read_by_name_are_those_of_the_shared_manifest(shared):
    manifest = open_dataset(shared / "data").load()
    for name in ("ravdess", "emodb"):
        stated = {c.clip_id: (c.speaker, c.target, c.gender, c.language) for c in manifest.clips if c.corpus == name}
        dataset = open_dataset(shared / "data" / name).load()
        assert {c.clip_id: (c.speaker, c.target, c.gender, c.language) for c in dataset.clips} == stated
        assert dataset.skipped == Counter(c.label for c in manifest.others if c.corpus == name)

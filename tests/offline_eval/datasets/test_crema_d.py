import csv
from pathlib import Path

import pytest

from core.errors import UsageError
from offline_eval.datasets.crema_d import CremaDDataset
from offline_eval.labels.votes import MOSTLY_OTHER, NO_VOTES, TOO_FEW
from tests.offline_eval.datasets.trees import add_sounds, add_text

HEADER = '"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote"\n'


def wav(name: str) -> str:
    return f"AudioWAV/{name}.wav"


def tabulated(root: Path, *rows: str, header: str = HEADER) -> Path:
    return add_text(root / "processedResults" / "tabulatedVotes.csv", header + "\n".join(rows) + "\n")


def test_targets_are_the_votes_for_the_voice_alone_and_not_what_was_acted(tmp_path):
    add_sounds(tmp_path, wav("1001_DFA_ANG_XX"), wav("1002_IEO_HAP_HI"), "AudioMP3/1001_DFA_ANG_XX.mp3")
    tabulated(
        tmp_path,
        '"100001",1,1,0,0,3,0,"1001_DFA_ANG_XX",5,0.6,"N"',
        '"100002",0,0,1,2,2,0,"1002_IEO_HAP_HI",5,0.4,"H:N"',
        '"200001",9,0,0,0,0,0,"1001_DFA_ANG_XX",9,1,"A"',
        '"300001",9,0,0,0,0,0,"1001_DFA_ANG_XX",9,1,"A"',
    )
    add_text(tmp_path / "VideoDemographics.csv", '"ActorID","Age","Sex"\n1001,51,"Male"\n1002,21,"Female"\n')
    dataset = CremaDDataset(tmp_path).load()
    assert [(c.clip_id, c.speaker, c.gender, c.language, list(c.target)) for c in dataset.clips] == [
        ("crema-d_1001_DFA_ANG_XX", "crema-d_1001", "M", "en", [0.25, 0, 0, 0.75]),
        ("crema-d_1002_IEO_HAP_HI", "crema-d_1002", "F", "en", [0, 0.5, 0, 0.5]),
    ]
    assert dataset.votes_left_out == {"disgust": 1, "fear": 1}
    assert dataset.skipped == {}
    assert "votes left out: disgust 1, fear 1" in list(dataset.summary())


def test_clips_that_are_no_target_are_counted_by_what_they_are_or_why_not(tmp_path):
    rows = {
        "1001_DFA_ANG_XX": "1,0,5,0,0,0",
        "1001_DFA_DIS_XX": "0,9,0,0,0,0",
        "1001_DFA_FEA_XX": "2,2,2,0,0,0",
        "1001_DFA_HAP_XX": "0,0,0,1,0,0",
        "1001_DFA_NEU_XX": "0,0,0,0,0,0",
        "1001_DFA_SAD_XX": "0,0,0,0,0,5",
    }
    names = ["1001_IEO_NEU_XX", "1076_MTI_SAD_XX"]
    add_sounds(tmp_path, *(wav(name) for name in [*rows, *names]), wav("._1001_DFA_SAD_XX"), wav("noise"))
    tabulated(tmp_path, *(f'"10000{i}",{votes},"{name}",9,1,"N"' for i, (name, votes) in enumerate(rows.items(), 1)))
    dataset = CremaDDataset(tmp_path).load()
    assert [clip.clip_id for clip in dataset.clips] == ["crema-d_1001_DFA_SAD_XX"]
    assert [(clip.clip_id[-6:-3], clip.label) for clip in dataset.others] == [("ANG", "fear"), ("DIS", "disgust")]
    assert dataset.skipped == {
        "fear": 1,
        "disgust": 1,
        MOSTLY_OTHER: 1,
        TOO_FEW: 1,
        NO_VOTES: 2,
        "released without sound": 1,
        "file name not understood": 1,
    }


def test_without_counts_the_winners_share_the_target_and_it_is_said(tmp_path):
    names = ["1001_IEO_ANG_MD", "1001_IEO_FEA_HI", "1001_IEO_HAP_MD", "1001_IEO_NEU_XX"]
    add_sounds(tmp_path, *map(wav, names))
    votes = zip(names, ["A:D", "D:F", "H:N", "N"], strict=True)
    rows = [f'"{i}","{name}","{vote}","1","A","2","S","3"' for i, (name, vote) in enumerate(votes)]
    header = '"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote","MultiModalLevel"\n'
    add_text(tmp_path / "processedResults" / "summaryTable.csv", header + "\n".join(rows) + "\n")
    dataset = CremaDDataset(tmp_path).load()
    assert [list(clip.target) for clip in dataset.clips] == [[1, 0, 0, 0], [0, 0.5, 0, 0.5], [0, 0, 0, 1]]
    assert dataset.skipped == {MOSTLY_OTHER: 1}
    assert dataset.notes == ("crema-d: only the winners of the votes are known (summaryTable.csv), not their shares",)


def test_the_table_may_be_saved_again_by_r_or_pandas_and_lie_elsewhere(tmp_path):
    add_sounds(tmp_path, wav("1001_dfa_ang_xx"))
    header = "\ufeffUnnamed: 0,a,d,f,h,n,s,FILENAME\n"
    add_text(tmp_path / "data" / "tabulatedVotes.csv", header + "100001,3,0,0,0,0,0,1001_DFA_ANG_XX\n")
    assert [clip.emotion for clip in CremaDDataset(tmp_path).load().clips] == ["anger"]


def test_a_clip_with_two_rows_that_differ_is_refused(tmp_path):
    add_sounds(tmp_path, wav("1001_DFA_ANG_XX"))
    row = '"100001",3,0,0,0,0,0,"1001_DFA_ANG_XX",3,1,"A"'
    tabulated(tmp_path, row, row)
    assert len(CremaDDataset(tmp_path).load().clips) == 1
    tabulated(tmp_path, row, row.replace(",3,0,", ",0,3,"))
    with pytest.raises(UsageError, match="line 3: other votes for 1001_DFA_ANG_XX than in a row before"):
        CremaDDataset(tmp_path).load()


@pytest.mark.parametrize(
    ("header", "row", "named"),
    [
        (HEADER.replace('"S"', '"Sad"'), '"100001",1,0,0,0,0,0,"1001_DFA_ANG_XX",1,1,"A"', "no column s"),
        (
            HEADER.replace('"fileName"', '"clip"'),
            '"100001",1,0,0,0,0,0,"1001_DFA_ANG_XX",1,1,"A"',
            "no column filename",
        ),
        (HEADER.replace('""', '"row"'), '"100001",1,0,0,0,0,0,"1001_DFA_ANG_XX",1,1,"A"', "no column of row numbers"),
        (HEADER, '"100001",x,0,0,0,0,0,"1001_DFA_ANG_XX",1,1,"A"', "line 2: a 'x' is not a number of votes"),
    ],
)
def test_a_table_of_votes_that_is_not_understood_is_named(tmp_path, header, row, named):
    add_sounds(tmp_path, wav("1001_DFA_ANG_XX"))
    tabulated(tmp_path, row, header=header)
    with pytest.raises(UsageError, match=named):
        CremaDDataset(tmp_path).load()


def test_sound_alone_is_refused_because_what_was_acted_is_not_what_was_heard(tmp_path):
    add_sounds(tmp_path, wav("1001_DFA_ANG_XX"))
    with pytest.raises(UsageError, match=r"no tabulatedVotes\.csv and no summaryTable\.csv") as error:
        CremaDDataset(tmp_path).load()
    assert "not heard" in error.value.hint


@pytest.mark.shared
def test_the_released_votes_give_the_counts_that_were_computed_from_them_otherwise(shared, tmp_path):
    rows, four_only, expected = [], 0, 0
    (tmp_path / "AudioWAV").mkdir()
    with (shared / "data" / "cremad_voice_votes.csv").open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), 100_001):
            labels = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
            rows.append(f'"{number}",{",".join(row[f"votes_{label}"] for label in labels)},"{row["clip_id"]}",0,0,"A"')
            (tmp_path / wav(row["clip_id"])).touch()
            four, total = int(row["four_class_votes"]), int(row["n_responses"])
            expected += four >= 2 and 2 * four >= total and row["clip_id"] != "1076_MTI_SAD_XX"
            four_only += four == total
    tabulated(tmp_path, *rows)
    dataset = CremaDDataset(tmp_path).load()
    assert four_only == 1_636
    assert len(dataset.clips) == expected
    assert len(dataset.clips) + sum(dataset.skipped.values()) == 7_442
    assert len({clip.speaker for clip in dataset.clips}) == 91

"""MSP-Podcast in the layouts of its releases, with invented workers and turns."""

import pytest

from core.errors import UsageError
from offline_eval.datasets import msp_podcast
from offline_eval.datasets.msp_podcast import read_msp_podcast
from offline_eval.labels.annotation import Rating
from tests.offline_eval.datasets.trees import add_sounds, add_text

CONSENSUS = (
    "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set\n"
    "MSP-PODCAST_9001_0001.wav,N,3,4,3,17,Female,Test1\n"
    "MSP-PODCAST_9001_0002.wav,X,3,4,3,Unknown,Unknown,Train\n"
)
RATINGS = {
    "MSP-PODCAST_9001_0001": (Rating("WORKER1", ("neutral",)), Rating("WORKER2", ("anger",))),
    "MSP-PODCAST_9001_0002": (Rating("WORKER1", ("other",)),),
}


def ratings(corpus):
    return {one.utterance_id: one.ratings for one in corpus.utterances}


def detailed_in_columns() -> str:
    return (
        "FileName,Worker,EmoClass_Major,EmoClass_Second,EmoAct,EmoVal,EmoDom\n"
        'MSP-PODCAST_9001_0001.wav,WORKER1,Neutral,"Neutral,Confused",3,4,3\n'
        "MSP-PODCAST_9001_0001.wav,WORKER2,Angry,Angry,3,4,3\n"
        "MSP-PODCAST_9001_0002.wav,WORKER1,Other-Curious,,3,4,3\n"
        "MSP-PODCAST_9001_0002.wav,WORKER3,,,3,4,3\n"
        "MSP-PODCAST_9001_0003.wav,WORKER3,Sad,,3,4,3\n"
    )


def detailed_in_lines() -> str:
    return (
        "FileName,Annotation\n"
        'MSP-PODCAST_9001_0001.wav,"WORKER1; Neutral; Neutral,Confused; A:3; V:4; D:3;"\n'
        'MSP-PODCAST_9001_0001.wav,"WORKER2; Angry; A:3; V:4; D:3;"\n'
        'MSP-PODCAST_9001_0002.wav,"WORKER1; Other-Curious; ; A:3; V:4; D:3;"\n'
        'MSP-PODCAST_9001_0002.wav,"WORKER3; A:3; V:4; D:3;"\n'
        'MSP-PODCAST_9001_0003.wav,"WORKER3; Sad; ; A:3; V:4; D:3;"\n'
    )


def raw() -> str:
    return (
        "MSP-PODCAST_9001_0001.wav; N; A:3.0; V:4.0; D:3.0; \n"
        "WORKER1; Neutral; Neutral,Confused; A:3; V:4; D:3; \n"
        "WORKER2; Angry; Angry; A:3; V:4; D:3; \n\n"
        "MSP-PODCAST_9001_0002.wav; X; A:3.0; V:4.0; D:3.0; \n"
        "WORKER1; Other-Curious; ; A:3; V:4; D:3; \n"
        "stray\n\n"
        "MSP-PODCAST_9001_0003.wav; S; A:3.0; V:4.0; D:3.0; \n"
        "WORKER3; Sad; ; A:3; V:4; D:3; \n"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels_detailed.csv", detailed_in_columns()),
        ("labels_detailed.csv", detailed_in_lines()),
        ("labels.txt", raw()),
    ],
)
def test_each_workers_primary_emotion_is_a_vote_in_every_layout(tmp_path, name, text):
    add_text(tmp_path / "Labels" / name, text)
    add_text(tmp_path / "Labels" / "labels_consensus.csv", CONSENSUS)
    add_text(tmp_path / "Transcripts" / "MSP-PODCAST_9001_0001.txt", "made up words\n")
    add_sounds(tmp_path, "Audios/MSP-PODCAST_9001_0001.wav")
    corpus = read_msp_podcast(tmp_path)
    assert ratings(corpus) == RATINGS
    assert corpus.skipped == {msp_podcast.NOT_UNDERSTOOD: 1, msp_podcast.NO_CONSENSUS_ROW: 1}
    first, second = corpus.utterances
    assert (first.consensus, first.speaker, first.gender, first.session) == ("neutral", "msp-podcast_17", "F", "Test1")
    assert (first.path, first.transcript) == (tmp_path / "Audios/MSP-PODCAST_9001_0001.wav", "made up words")
    assert (second.consensus, second.speaker, second.path) == (None, "msp-podcast_unknown_9001", None)
    assert corpus.notes == ("msp-podcast: 1 utterances are without a sound file",)


def test_without_ratings_of_workers_the_consensus_is_the_one_rating(tmp_path):
    add_text(tmp_path / "labels_consensus.csv", CONSENSUS)
    corpus = read_msp_podcast(tmp_path)
    assert ratings(corpus) == {"MSP-PODCAST_9001_0001": (Rating("consensus", ("neutral",)),)}
    assert corpus.skipped == {msp_podcast.NO_AGREEMENT: 1}
    assert "only the consensus is known" in corpus.notes[0]


def test_ratings_of_workers_are_enough(tmp_path):
    add_text(tmp_path / "labels.txt", raw())
    assert len(read_msp_podcast(tmp_path).utterances) == 3


def test_no_labels_or_unknown_codes_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no labels_detailed\.csv"):
        read_msp_podcast(tmp_path)
    add_text(tmp_path / "labels_consensus.csv", CONSENSUS.replace(",X,", ",Q,"))
    with pytest.raises(UsageError, match="EmoClass 'Q' is none of"):
        read_msp_podcast(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"), [("labels_detailed.csv", detailed_in_columns()), ("labels.txt", raw())], ids=["columns", "lines"]
)
def test_one_byte_of_latin_1_costs_no_label(tmp_path, name, text):
    (tmp_path / name).write_bytes(text.replace("Curious", "Café").encode("latin-1"))
    corpus = read_msp_podcast(tmp_path)
    assert len(corpus.utterances) == 3
    assert ratings(corpus)["MSP-PODCAST_9001_0002"] == (Rating("WORKER1", ("other",)),)


@pytest.mark.parametrize("text", [detailed_in_columns(), detailed_in_lines()], ids=["columns", "lines"])
def test_an_unclosed_quote_costs_its_own_line_which_is_counted(tmp_path, text):
    first, rating, *more = text.splitlines()
    name, _, rest = rating.partition(",")
    add_text(tmp_path / "labels_detailed.csv", "\n".join([first, f'{name},"{rest.replace(chr(34), "")}', *more]))
    corpus = read_msp_podcast(tmp_path)
    assert ratings(corpus)["MSP-PODCAST_9001_0001"] == (Rating("WORKER2", ("anger",)),)
    assert len(corpus.utterances) == 3
    assert corpus.skipped == {msp_podcast.NOT_UNDERSTOOD: 2}


def test_a_rating_that_is_stated_twice_is_one_vote(tmp_path):
    text = detailed_in_columns()
    add_text(tmp_path / "labels_detailed.csv", text + text.splitlines()[-1] + "\n")
    corpus = read_msp_podcast(tmp_path)
    assert ratings(corpus)["MSP-PODCAST_9001_0003"] == (Rating("WORKER3", ("sadness",)),)
    assert corpus.skipped[msp_podcast.STATED_TWICE] == 1


def test_two_rows_of_one_turn_that_say_different_things_are_refused(tmp_path):
    row = CONSENSUS.splitlines()[1]
    add_text(tmp_path / "labels_consensus.csv", f"{CONSENSUS}{row}\n")
    assert len(read_msp_podcast(tmp_path).utterances) == 1
    add_text(tmp_path / "labels_consensus.csv", f"{CONSENSUS}{row.replace(',N,', ',A,')}\n")
    with pytest.raises(UsageError, match="line 4: something else of MSP-PODCAST_9001_0001"):
        read_msp_podcast(tmp_path)

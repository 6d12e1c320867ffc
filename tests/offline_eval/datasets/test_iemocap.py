"""The grammar and the pitfalls of IEMOCAP, on small trees of invented text."""

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from offline_eval.datasets import iemocap, iemocap_grammar
from offline_eval.datasets.files import COPY, lines_of
from offline_eval.datasets.iemocap import read_iemocap
from offline_eval.datasets.iemocap_grammar import UtteranceId, parse_listing, parse_summary, parse_transcript
from offline_eval.labels.annotation import Rating
from tests.offline_eval.datasets.trees import add_sounds, add_text

HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
ATTRIBUTES = "A-E2:\tval 3; act 2; dom  2;\t()\nA-E4:\tval 2; act 3; dom  3;\t(a made-up remark, with a comma)\n"


def block(name: str, *ratings: str, code: str = "neu") -> str:
    """`E2 Neutral;` becomes a line of its own."""
    lines = (f"C-{rating.replace(' ', ':	', 1)}\t()" for rating in ratings or ("E2 Neutral;",))
    return (
        "\n".join((f"[6.2901 - 8.2357]\t{name}\t{code}\t[2.5000, 2.5000, 2.5000]", *lines)) + "\n" + ATTRIBUTES + "\n"
    )


def dialogue(name: str) -> str:
    return f"Session{name[4]}/dialog/EmoEvaluation/{name}.txt"


def tree(root, *blocks: str, name: str = "Ses01F_impro01"):
    add_text(root / dialogue(name), HEADER + "".join(blocks))
    return root


def only(root):
    (utterance,) = read_iemocap(root).utterances
    return utterance


def votes(utterance) -> list[tuple[str, tuple[str, ...]]]:
    return [(rating.rater, rating.labels) for rating in utterance.ratings]


def test_a_block_gives_ratings_in_order_consensus_dialogue_session_and_speaker(tmp_path):
    tree(tmp_path, block("Ses01F_impro01_F000", "E2 Neutral;", "E3 Anger;", "E4 Neutral;"))
    utterance = only(tmp_path)
    assert votes(utterance) == [("E2", ("neutral",)), ("E3", ("anger",)), ("E4", ("neutral",))]
    assert (utterance.consensus, utterance.session, utterance.language) == ("neutral", "1", "en")
    assert (utterance.dialogue, utterance.speaker, utterance.gender) == (
        "iemocap_Ses01F_impro01",
        "iemocap_Ses01F",
        "F",
    )


def test_the_speaker_is_the_letter_of_the_utterance_not_that_of_the_dialogue(tmp_path):
    tree(tmp_path, block("Ses01F_impro01_M000"), block("Ses01F_impro01_F000"))
    assert [u.speaker for u in read_iemocap(tmp_path).utterances] == ["iemocap_Ses01F", "iemocap_Ses01M"]


def test_the_release_may_be_named_or_the_folder_that_holds_it(tmp_path):
    tree(tmp_path / "IEMOCAP_full_release", block("Ses01F_impro01_F000"))
    assert read_iemocap(tmp_path) == read_iemocap(tmp_path / "IEMOCAP_full_release")


@pytest.mark.parametrize(
    ("line", "labels"),
    [
        ("C-E3:\tFrustration; Anger;\t(made up)", ("frustration", "anger")),
        ("C-E3:\tNeutral state;\t()", ("neutral",)),
        ("C-E3:\tOther;\t(made up)", ("other",)),
        ("C-E3:\t Excited ;  Happiness;\t()", ("excited", "happiness")),
        ("C-E3:   Sadness;   ()", ("sadness",)),
        ("C-E3:\tFear;\t(a (nested) remark; with: marks", ("fear",)),
        ("C-E3:\tDisgust;", ("disgust",)),
    ],
)
def test_labels_of_a_rating_are_split_stripped_and_spelled_alike(line, labels):
    counts = Counter()
    (found,) = parse_summary([*block("Ses01F_impro01_F000").splitlines()[:1], line], counts)
    assert found.ratings == (Rating("E3", labels),)
    assert not +counts


def test_self_reports_are_told_from_evaluators(tmp_path):
    tree(tmp_path, block("Ses01F_impro01_F000", "E2 Anger;", "F1 Neutral;", "M1 Sadness;"))
    assert [rating.self_report for rating in only(tmp_path).ratings] == [False, True, True]


@pytest.mark.parametrize(
    ("code", "label"),
    [("xxx", None), ("oth", "other"), ("exc", "excited"), ("fru", "frustration"), ("fea", "fear"), ("sur", "surprise")],
)
def test_codes_become_labels_and_xxx_none(tmp_path, code, label):
    tree(tmp_path, block("Ses01F_impro01_F000", code=code))
    assert only(tmp_path).consensus == label


def test_utterances_without_agreement_keep_their_votes(tmp_path):
    tree(tmp_path, block("Ses01F_impro01_F000", "E1 Anger;", "E2 Sadness;", "E3 Neutral;", code="xxx"))
    assert len(only(tmp_path).ratings) == 3


@pytest.mark.parametrize(
    "name",
    [
        "Ses05M_script01_1b_F000",
        "Ses05M_script01_1_M012",
        "Ses03M_impro05a_F003",
        "Ses03M_impro08b_M021",
        "Ses01F_impro01_F000",
        "Ses04F_script03_2_M100",
    ],
)
def test_ids_of_all_scenes_are_understood(tmp_path, name):
    tree(tmp_path, block(name), name=name.rpartition("_")[0])
    assert only(tmp_path).utterance_id == name
    assert only(tmp_path).dialogue == f"iemocap_{name.rpartition('_')[0]}"


@pytest.mark.parametrize("name", ["Ses01F_impro01_MXX0", "Ses06F_impro01_F000", "Ses01F_impro01_F00", "Ses01F_impro01"])
def test_other_ids_are_no_utterances(name):
    assert UtteranceId.parse(name) is None
    counts = Counter()
    assert not list(parse_summary(block(name).splitlines(), counts))
    assert +counts == {iemocap_grammar.UNKNOWN_ID: 1}


@pytest.mark.parametrize(
    "line",
    [
        "A-E3:\tval 3; act 2; dom  2;\t()",
        "A-E3:\tval 3; act 2; dom  ;\t()",
        "A-E3:\tval ; act 2; dom 1;\t(made up",
        "A-F1:\tval 2.5; act  2; dom ;",
    ],
)
def test_attributes_may_have_blanks_and_double_spaces(line):
    counts = Counter()
    (found,) = parse_summary([*block("Ses01F_impro01_F000").splitlines(), line], counts)
    assert len(found.ratings) == 1
    assert not +counts


def test_what_is_not_understood_is_counted_and_the_rest_is_read(tmp_path):
    tree(
        tmp_path,
        "C-E1:\tAnger;\t()\n\nA-E1:\tval 1; act 1; dom 1;\t()\n\nsome stray words\n\n",
        block("Ses01F_impro01_F000", "E1 ;", "E2 Anger;").replace("A-E4", "B-E4"),
        block("Ses01F_impro01_F000"),
        block("Ses01F_impro01_F001", code="???"),
        block("Ses01F_impro01_F002").replace("C-E2:\tNeutral;\t()\n", ""),
    )
    corpus = read_iemocap(tmp_path)
    assert [(u.utterance_id[-4:], votes(u)) for u in corpus.utterances] == [
        ("F000", [("E2", ("anger",))]),
        ("F001", [("E2", ("neutral",))]),
    ]
    assert corpus.skipped == {
        iemocap_grammar.ORPHAN: 1,
        iemocap_grammar.NOT_UNDERSTOOD: 2,
        iemocap_grammar.NO_LABEL: 1,
        iemocap_grammar.STATED_TWICE: 1,
        iemocap_grammar.UNKNOWN_CODE: 1,
        iemocap.UNRATED: 1,
    }


def test_a_rater_with_two_lines_has_given_the_labels_of_both(tmp_path):
    tree(tmp_path, block("Ses01F_impro01_F000", "E2 Anger;", "E3 Sadness;", "E2 Neutral;"))
    assert votes(only(tmp_path)) == [("E2", ("anger", "neutral")), ("E3", ("sadness",))]


def test_blocks_may_follow_each_other_without_a_blank_line(tmp_path):
    tree(tmp_path, block("Ses01F_impro01_F000").rstrip("\n") + "\n", block("Ses01F_impro01_F001"))
    assert len(read_iemocap(tmp_path).utterances) == 2


def test_hidden_files_and_foreign_names_are_not_read(tmp_path):
    tree(tmp_path, block("Ses01F_impro01_F000"))
    folder = tmp_path / "Session1/dialog/EmoEvaluation"
    (folder / "._Ses01F_impro01.txt").write_bytes(b"\x00\x05\x16\x07")
    add_text(folder / "notes.txt", block("Ses01F_impro02_F000"))
    corpus = read_iemocap(tmp_path)
    assert len(corpus.utterances) == 1
    assert corpus.skipped == {iemocap.HIDDEN: 1, iemocap.NAME_NOT_UNDERSTOOD: 1}


def test_latin_1_is_read_where_a_file_is_not_utf_8_and_none_of_its_bytes_ends_a_line():
    assert lines_of("\ufeffcafé\r\nx".encode()) == ["café", "x"]
    assert lines_of("café".encode("latin-1") + b"\x85\x1c\nx") == ["café\x85\x1c", "x"]


def test_a_remark_in_latin_1_does_not_hide_its_rating(tmp_path):
    text = HEADER + block("Ses01F_impro01_F000", "E2 Anger;").replace("made-up", "naïve")
    (path := tmp_path / dialogue("Ses01F_impro01")).parent.mkdir(parents=True)
    path.write_bytes(text.encode("latin-1"))
    assert votes(only(tmp_path)) == [("E2", ("anger",))]


def test_sound_is_found_by_id_and_an_utterance_without_it_stays(tmp_path):
    tree(tmp_path, block("Ses01F_impro01_F000"), block("Ses01F_impro01_F001"))
    wav = "Session1/sentences/wav/Ses01F_impro01"
    add_sounds(
        tmp_path,
        f"{wav}/Ses01F_impro01_F000.wav",
        f"{wav}/._Ses01F_impro01_F001.wav",
        f"{wav}/Ses01F_impro01_MXX0.wav",
        f"{wav}/again/Ses01F_impro01_F000.wav",
    )
    corpus = read_iemocap(tmp_path)
    assert [u.path for u in corpus.utterances] == [tmp_path / wav / "Ses01F_impro01_F000.wav", None]
    assert corpus.skipped == {iemocap.UNRATED_SOUND: 1, COPY: 1}
    assert "iemocap: 1 utterances are without a sound file" in corpus.notes


def test_transcripts_have_continuations_unrated_turns_and_tags(tmp_path):
    tree(tmp_path, block("Ses01F_impro01_F000"), block("Ses01F_impro01_M000"), block("Ses01F_impro01_M001"))
    add_text(
        tmp_path / "Session1/dialog/transcriptions/Ses01F_impro01.txt",
        "Ses01F_impro01_F000 [006.2901-008.2357]: The kettle sings. [LAUGHTER]\n"
        "M: Made up.\n"
        "Ses01F_impro01_MXX0 [008.2357-009.0000]: Nobody rated this.\n"
        "Ses01F_impro01_M000 [009.0000-010.0000]:\n"
        "Ses01F_impro01_F000 [006.2901-008.2357]: Again.\n",
    )
    corpus = read_iemocap(tmp_path)
    assert [u.transcript for u in corpus.utterances] == ["The kettle sings. [LAUGHTER]", "", None]
    assert corpus.skipped == {
        iemocap_grammar.NO_TURN: 1,
        iemocap.UNRATED_TRANSCRIPT: 1,
        iemocap.TRANSCRIBED_TWICE: 1,
    }
    assert "iemocap: 1 utterances are without a transcript" in corpus.notes


def test_brackets_in_a_text_belong_to_it():
    ((name, text),) = parse_transcript(["Ses01F_impro01_F000 [1.0-2.0]: Look: [BREATHING] there."], Counter())
    assert (name, text) == ("Ses01F_impro01_F000", "Look: [BREATHING] there.")


def categorical(rater: str, folder: str = "Categorical") -> str:
    return f"Session1/dialog/EmoEvaluation/{folder}/Ses01F_impro01_{rater}_cat.txt"


def test_where_categorical_files_differ_the_summary_stands_and_the_differences_are_counted(tmp_path):
    tree(tmp_path, block("Ses01F_impro01_F000", "E2 Anger; Neutral;"), block("Ses01F_impro01_F001", "E2 Sadness;"))
    add_text(
        tmp_path / categorical("e2"),
        "Ses01F_impro01_F000 :Neutral state; :Anger; ()\nSes01F_impro01_F001 :Anger; (made up)\n",
    )
    add_text(tmp_path / categorical("f1", "Self-evaluation"), "Ses01F_impro01_F000 :Anger; ()\n")
    corpus = read_iemocap(tmp_path)
    assert [votes(u) for u in corpus.utterances] == [[("E2", ("anger", "neutral"))], [("E2", ("sadness",))]]
    assert [note for note in corpus.notes if "summary stands" in note] == [
        "iemocap: 1 ratings are in Categorical or Self-evaluation alone; the summary stands",
        "iemocap: 1 ratings differ between the summary and Categorical or Self-evaluation; the summary stands",
    ]


def test_where_there_is_no_summary_the_files_of_single_raters_stand_in(tmp_path):
    add_text(tmp_path / categorical("e2"), "Ses01F_impro01_F000 :Neutral state; ()\n")
    add_text(
        tmp_path / categorical("e3"), "Ses01F_impro01_F000 :Frustration; :Anger; ()\nstray\nSes01F_impro01_F001 :; ()"
    )
    add_text(tmp_path / categorical("f1", "Self-evaluation"), "Ses01F_impro01_F000 :Excited; ()\n")
    corpus = read_iemocap(tmp_path)
    (utterance,) = corpus.utterances
    assert [(r.rater, r.labels, r.self_report) for r in utterance.ratings] == [
        ("E2", ("neutral",), False),
        ("E3", ("frustration", "anger"), False),
        ("F1", ("excited",), True),
    ]
    assert utterance.consensus is None
    assert corpus.skipped == {iemocap_grammar.NOT_UNDERSTOOD: 1, iemocap_grammar.NO_LABEL: 1}
    assert "iemocap: 1 utterances are without a block in a summary" in corpus.notes


@pytest.mark.parametrize("line", [f"A-E1:\tval; act; dom{' ' * 2_000}x", f"C-E1:{' ' * 60_000}(\nx"])
def test_a_long_blank_line_takes_no_time(line):
    counts, began_s = Counter(), time.process_time()
    assert not list(parse_summary([line], counts))
    assert counts.total() == 1
    assert time.process_time() - began_s < 5, "milliseconds, or hours"


@pytest.mark.fuzz
@given(
    st.lists(
        st.one_of(
            st.sampled_from(block("Ses01F_impro01_F000").splitlines()),
            st.sampled_from(["", "Ses01F_impro01_F000 :Anger; ()", "Ses01F_impro01_F000 [1.0-2.0]: x", "% x"]),
            st.text(st.sampled_from(":;[]()-. \tACEFval012Ses_\u00e9\u2028"), max_size=30),
            st.text(max_size=20),
        ),
        max_size=12,
    )
)
def test_whatever_the_lines_are_each_is_read_or_counted(lines):
    lines = lines_of("\n".join(lines).encode())
    counts = Counter()
    blocks = list(parse_summary(lines, counts))
    heads = [line for line in lines if iemocap_grammar._HEAD.fullmatch(line.strip())]
    assert len(blocks) + counts[iemocap_grammar.UNKNOWN_ID] == len(heads)
    full = [line for line in lines if line.strip()]
    for parse in (parse_transcript, lambda given, counts: parse_listing(given, "E1", counts)):
        counts = Counter()
        assert len(list(parse(lines, counts))) + counts.total() == len(full)


def test_a_folder_without_sessions_or_without_ratings_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no Session1 to Session5"):
        read_iemocap(tmp_path)
    (tmp_path / "Session2").mkdir()
    with pytest.raises(UsageError, match="no rated utterance in Session2"):
        read_iemocap(tmp_path)

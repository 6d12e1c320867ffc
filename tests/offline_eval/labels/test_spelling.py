"""Labels of other corpora, in other words."""

import unicodedata
from collections import Counter

import pytest

from core.distribution import EMOTIONS
from offline_eval.labels import spelling
from offline_eval.labels.spelling import LABELS, normalised, unknown_labels


@pytest.mark.parametrize(
    ("spellings", "label"),
    [
        (
            "ang ANG Angry ärger Aerger colère colere rabbia злость 生气 분노",
            "anger",
        ),
        ("hap Happy joy Freude joie alegría gioia радость 快乐 행복", "happiness"),
        ("sad Traurig tristesse tristeza smutek грусть 悲伤 슬픔", "sadness"),
        ("neu neutral neutral_state Neutre neutro нейтральный 中立 중립", "neutral"),
        ("exc excitement", "excited"),
        ("fru", "frustration"),
        ("fea paura", "fear"),
        ("dis", "disgust"),
        ("sur", "surprise"),
        ("oth", "other"),
    ],
)
def test_codes_and_words_of_other_languages_are_labels(spellings, label):
    for spelled in spellings.split():
        assert normalised(spelled) == label
        assert normalised(unicodedata.normalize("NFD", spelled)) == label


def test_no_spelling_means_two_labels_and_every_label_itself():
    spelled = [
        word
        for label, words in spelling._SPELLINGS.items()
        for word in {spelling._plain(word) for word in (label, *words.split())}
    ]
    assert not [word for word, labels in Counter(spelled).items() if labels > 1]
    assert set(EMOTIONS) <= set(LABELS)
    assert all(normalised(label) == label for label in LABELS)


def test_a_letter_that_is_only_turkish_may_be_written_without_its_look():
    dotless = "k\N{LATIN SMALL LETTER DOTLESS I}zg\N{LATIN SMALL LETTER DOTLESS I}n"
    assert normalised(dotless) == normalised("kizgin") == "anger"


@pytest.mark.parametrize("letter", "ahsnAHSN")
def test_a_letter_alone_is_no_label_since_corpora_mean_different_things_by_it(letter):
    assert normalised(letter) not in LABELS


def test_labels_that_mean_nothing_are_named_with_their_number_and_not_without_end():
    assert unknown_labels(["anger", "fear", "wistful", "meh", "wistful", "unlabelled"], but="unlabelled") == (
        "wistful 2, meh 1"
    )
    assert unknown_labels(["anger"]) == ""
    assert unknown_labels(map(str, range(100))).endswith(", and 88 others")

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from offline_eval.labels.splits import dev_speakers, find_speakers

CORPORA = {"ravdess": ["ravdess_03", "ravdess_07"], "emodb": ["emodb_03"], "crema-d": ["crema-d_1001"]}


@given(st.sets(st.text(min_size=1), min_size=2))
def test_about_one_speaker_in_six_is_held_out_and_never_none_or_all(speakers):
    dev = dev_speakers(speakers)
    assert dev < speakers
    assert len(dev) == max(1, round(len(speakers) / 6))


@given(st.lists(st.text()))
def test_who_is_held_out_depends_on_the_speakers_alone(speakers):
    assert dev_speakers(speakers) == dev_speakers([*speakers[::-1], *speakers])


def test_the_same_speakers_are_held_out_on_every_machine():
    speakers = [f"ravdess_{actor:02d}" for actor in range(1, 25)]
    assert dev_speakers(speakers) == {"ravdess_09", "ravdess_10", "ravdess_13", "ravdess_20"}


def test_the_only_speaker_is_not_held_out():
    assert dev_speakers(["ann"]) == frozenset()


@pytest.mark.parametrize("name", ["crema-d_1001", "1001"])
def test_a_speaker_may_be_named_with_or_without_the_corpus(name):
    assert find_speakers([name], CORPORA) == {"crema-d_1001"}


def test_a_name_that_two_corpora_have_needs_the_corpus():
    with pytest.raises(UsageError, match="'03' may be emodb_03 or ravdess_03"):
        find_speakers(["07", "03"], CORPORA)


def test_a_name_that_no_corpus_has_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match="no speaker '7'") as error:
        find_speakers(["7"], CORPORA)
    assert error.value.hint == "speakers: crema-d_1001, emodb_03, ravdess_03, ravdess_07"

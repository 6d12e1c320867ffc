import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ltu_as.prompt import PROMPTS, render
from core.ltu_as.tiny import tiny_tokenizer


def test_the_transcript_has_a_block_of_its_own():
    assert render("Why?", "I see {x}.") == "### Instruction:\nWhy?\n\n### Input:\nI see {x}.\n\n### Response:\n"


@pytest.mark.parametrize("transcript", [None, "", " ", "\n\t "])
def test_without_words_there_is_no_block(transcript):
    assert render("Why?", transcript) == "### Instruction:\nWhy?\n\n### Response:\n"


@pytest.mark.parametrize("name", PROMPTS)
def test_a_name_stands_for_its_question(name):
    assert render(name, "hm") == render(PROMPTS[name], "hm")


def test_the_papers_prompts_offer_the_emotions_in_their_own_order():
    assert "[Happiness, Sadness, Neutral, Angry]" in PROMPTS["single"]
    assert "anger, happiness, sadness, and neutral" in PROMPTS["ambiguous"]


HOSTILE = st.lists(st.sampled_from(["#", "###", " ", "Response:", "\n", "<", "<s>", "</s>", "<unk>", ">", "s", "hm"]))


@given(HOSTILE.map("".join))
def test_a_transcript_cannot_forge_the_template_or_special_tokens(transcript):
    text = render("single", f"a{transcript}b")
    assert text.count("###") == 3
    ids = tiny_tokenizer().encode(text)
    assert [i for i in ids if i < 3] == [1]


@given(st.text(alphabet=st.characters(exclude_characters="#<"), min_size=1))
def test_an_ordinary_transcript_is_not_changed(transcript):
    if transcript.strip():
        assert f"\n{transcript}\n" in render("single", transcript)

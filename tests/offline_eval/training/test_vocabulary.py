import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ltu_as.prompt import PROMPTS, render
from core.ltu_as.tokenizer import Tokenizer
from core.ltu_as.verbalizer import CONTEXTS, Verbalizer
from offline_eval.training.vocabulary import train_vocabulary

TOKENIZER = Tokenizer(train_vocabulary(1024))


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("word", ["Anger", "Angry", "Happiness", "Sadness", "Neutral"])
def test_an_emotion_word_takes_two_pieces(word, context):
    assert len(TOKENIZER.pieces(word, context)) == 2


@pytest.mark.parametrize("prompt", list(PROMPTS))
def test_the_answers_of_a_prompt_differ_in_their_first_piece(prompt):
    answers = Verbalizer.from_tokenizer(TOKENIZER).answers(prompt)
    assert len({pieces[0] for pieces in answers.values()}) == 4


@pytest.mark.parametrize("prompt", list(PROMPTS))
def test_a_prompt_is_a_prefix_of_prompt_and_answer(prompt):
    asked = TOKENIZER.encode(render(prompt))
    both = TOKENIZER.encode(render(prompt) + "Happiness: 10%, Neutral: 20%, Sadness: 5%, Anger: 65%")
    assert both[: len(asked)] == asked
    assert TOKENIZER.decode(both[len(asked) :]) == "Happiness: 10%, Neutral: 20%, Sadness: 5%, Anger: 65%"


def test_special_ids_are_those_of_llama_and_training_is_repeatable():
    assert (TOKENIZER.bos_id, TOKENIZER.eos_id, TOKENIZER.encode("\n")[-1]) == (1, 2, 13)
    assert train_vocabulary(700).to_str() == train_vocabulary(700).to_str()


@given(st.text(st.characters(exclude_characters="▁", exclude_categories=["Cs"])))
def test_any_text_can_be_spelled(text):
    text = text.replace("<s>", "").replace("</s>", "").replace("<unk>", "")
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text.strip()


def test_a_vocabulary_without_room_for_bytes_is_refused():
    with pytest.raises(ValueError, match="cannot hold bytes"):
        train_vocabulary(300)

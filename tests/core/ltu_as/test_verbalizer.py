import pytest

from core.distribution import EMOTIONS
from core.errors import ModelError
from core.ltu_as.verbalizer import CONTEXTS, EMOTION_WORD, WORDS, Verbalizer

LLAMA_PIECES = [
    ("Anger", "▁An ger", [530, 914], "Ang er", [9928, 261]),
    ("anger", "▁anger", [27343], "anger", [4600]),
    ("Happiness", "▁H app iness", [379, 932, 3335], "H app iness", [29950, 932, 3335]),
    ("happiness", "▁happiness", [22722], "h app iness", [29882, 932, 3335]),
    ("Sadness", "▁Sad ness", [21772, 2264], "S ad ness", [29903, 328, 2264]),
    ("sadness", "▁sad ness", [14610, 2264], "s ad ness", [29879, 328, 2264]),
    ("Neutral", "▁Ne ut ral", [2448, 329, 1705], "Ne ut ral", [8139, 329, 1705]),
    ("neutral", "▁neutral", [21104], "neut ral", [17821, 1705]),
    ("Neutrality", "▁Ne ut ral ity", [2448, 329, 1705, 537], "Ne ut ral ity", [8139, 329, 1705, 537]),
    ("neutrality", "▁neutral ity", [21104, 537], "neut ral ity", [17821, 1705, 537]),
    ("Angry", "▁An gry", [530, 14793], "An gry", [2744, 14793]),
    ("angry", "▁angry", [26230], "ang ry", [574, 719]),
    ("Happy", "▁Happy", [28569], "H appy", [29950, 14862]),
    ("happy", "▁happy", [9796], "h appy", [29882, 14862]),
    ("Sad", "▁Sad", [21772], "S ad", [29903, 328]),
    ("sad", "▁sad", [14610], "s ad", [29879, 328]),
    ("Happily", "▁H app ily", [379, 932, 2354], "H app ily", [29950, 932, 2354]),
    ("happily", "▁happ ily", [2250, 2354], "h app ily", [29882, 932, 2354]),
    ("Frustrated", "▁Fr ustr ated", [4693, 4627, 630], "Fr ustr ated", [14438, 4627, 630]),
    ("frustrated", "▁fr ustr ated", [1424, 4627, 630], "fr ustr ated", [1341, 4627, 630]),
    ("Excited", "▁Ex c ited", [1222, 29883, 1573], "Ex c ited", [1252, 29883, 1573]),
    ("excited", "▁excited", [24173], "ex c ited", [735, 29883, 1573]),
]


@pytest.mark.shared
@pytest.mark.parametrize("row", LLAMA_PIECES, ids=lambda row: row[0])
def test_llama_cuts_a_word_differently_after_a_space_and_after_a_newline(llama_tokenizer, row):
    word, *forms = row
    for context, pieces, ids in zip(CONTEXTS, forms[::2], forms[1::2], strict=True):
        assert llama_tokenizer.pieces(word, context) == tuple(ids)
        assert llama_tokenizer.spellings(ids) == tuple(pieces.split())


@pytest.mark.shared
@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("Emotion: Happiness", "▁Em otion : ▁H app iness"),
        ("Emotion:Happiness", "▁Em otion : H app iness"),
        ("ASSISTANT: Anger", ": ▁An ger"),
        ('"Sadness"', '▁" S ad ness "'),
        ("(Neutral)", "▁( Ne ut ral )"),
        ("### Response:\nAngry", ": <0x0A> An gry"),
        ("### Response:\nThe mood is Angry", "▁An gry"),
    ],
)
def test_what_stands_before_an_answer_decides_how_it_is_cut(llama_tokenizer, text, end):
    pieces = llama_tokenizer.spellings(llama_tokenizer.encode(text))
    assert pieces[-len(end.split()) :] == tuple(end.split())


@pytest.mark.shared
def test_the_verbalizer_of_llama_holds_the_table(llama_tokenizer):
    verbalizer = Verbalizer.from_tokenizer(llama_tokenizer)
    table = {word: {"word_start": tuple(s), "bare": tuple(b)} for word, _, s, _, b in LLAMA_PIECES}
    assert verbalizer.pieces == {word: table[word] for words in WORDS.values() for word in words}
    assert verbalizer.canonical == ((530, 914), (379, 932, 3335), (21772, 2264), (2448, 329, 1705))
    bare = Verbalizer.from_tokenizer(llama_tokenizer, context="bare")
    assert bare.canonical == ((9928, 261), (29950, 932, 3335), (29903, 328, 2264), (8139, 329, 1705))
    assert bare.piece_ids == verbalizer.piece_ids


@pytest.mark.shared
def test_each_prompt_offers_its_own_words_in_their_bare_form(llama_tokenizer):
    verbalizer = Verbalizer.from_tokenizer(llama_tokenizer)
    rest = {"happiness": (29950, 932, 3335), "sadness": (29903, 328, 2264), "neutral": (8139, 329, 1705)}
    assert verbalizer.answers("single") == {"anger": (2744, 14793)} | rest
    assert verbalizer.answers("ambiguous") == {"anger": (9928, 261)} | rest
    assert verbalizer.answers("How does the speaker sound?") == verbalizer.answers("ambiguous")
    assert tuple(verbalizer.answers("single")) == EMOTIONS


def test_every_piece_of_every_word_in_both_contexts_is_kept_once_and_in_order(small_tokenizer):
    verbalizer = Verbalizer.from_tokenizer(small_tokenizer)
    kept = {
        i
        for words in WORDS.values()
        for word in words
        for context in CONTEXTS
        for i in small_tokenizer.pieces(word, context)
    }
    assert verbalizer.piece_ids == tuple(sorted(kept))
    assert all(set(ids) <= kept for prompt in ("single", "ambiguous") for ids in verbalizer.answers(prompt).values())


def test_a_verbalizer_survives_being_written_as_plain_values(small_tokenizer):
    verbalizer = Verbalizer.from_tokenizer(small_tokenizer, context="bare")
    assert Verbalizer.from_dict(verbalizer.as_dict()) == verbalizer


def test_a_tokenizer_without_the_letters_of_a_word_is_refused(small_tokenizer):
    class WithoutH(type(small_tokenizer)):
        def pieces(self, word, context):
            return super().pieces(word.replace("H", "#"), context)

    crippled = WithoutH(small_tokenizer._backend)
    with pytest.raises(ModelError, match="cannot spell 'Happiness'"):
        Verbalizer.from_tokenizer(crippled)


def test_an_unknown_context_is_refused(small_tokenizer):
    with pytest.raises(ValueError, match="word_start, bare"):
        Verbalizer.from_tokenizer(small_tokenizer, context="middle")


@pytest.mark.parametrize("text", ["Hanger", "stranger", "sadly", "Neutrality", "unhappy", "happily", "angered"])
def test_a_longer_word_is_no_emotion_word(text):
    assert EMOTION_WORD.search(text) is None


@pytest.mark.parametrize("text", ["Anger65", "▁Sad", '"happy"', "ANGRY!", "neutral.", "very_sad_indeed"])
def test_an_emotion_word_is_found_beside_anything_but_letters(text):
    assert EMOTION_WORD.search(text) is not None

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ModelError
from core.ltu_as.prompt import PROMPTS, render
from core.ltu_as.sentencepiece import save_tokenizer, tokenizer_from_sentencepiece
from core.ltu_as.tiny import tiny_tokenizer
from core.ltu_as.tokenizer import Tokenizer
from core.ltu_as.verbalizer import WORDS


@pytest.fixture(scope="module")
def sentencepiece_folder(tmp_path_factory):
    """A tokenizer.model trained with LLaMA's settings."""
    import sentencepiece

    folder = tmp_path_factory.mktemp("sentencepiece")
    words = " ".join(word for words in WORDS.values() for word in words)
    sentences = [*PROMPTS.values(), words, *(f"{word} is what I hear, {word}." for word in words.split())] * 4
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_prefix=str(folder / "tokenizer"),
        model_type="bpe",
        vocab_size=420,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        minloglevel=2,
    )
    return folder


@pytest.fixture(scope="module")
def pair(sentencepiece_folder):
    """The original library and ours, over the same file."""
    import sentencepiece

    path = sentencepiece_folder / "tokenizer.model"
    return sentencepiece.SentencePieceProcessor(model_file=str(path)), tokenizer_from_sentencepiece(path)


def test_a_prompt_is_cut_as_sentencepiece_cuts_it(pair):
    theirs, ours = pair
    for name in PROMPTS:
        text = render(name, "I am so sad today, the café is closed.")
        assert ours.encode(text) == [theirs.bos_id(), *theirs.encode(text)]


@given(text=st.text(st.sampled_from("Anger appiness sutral \n.é😀") | st.characters(codec="utf-8"), min_size=1))
def test_any_text_is_cut_as_sentencepiece_cuts_it(pair, text):
    theirs, ours = pair
    assert ours.encode(text) == [theirs.bos_id(), *theirs.encode(text)]


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="▁")))
def test_text_comes_back_from_its_ids(pair, text):
    for tokenizer in (pair[1], tiny_tokenizer()):
        assert tokenizer.decode(tokenizer.encode(text)) == text.strip()


def test_a_folder_with_a_sentencepiece_file_gives_a_tokenizer_json(sentencepiece_folder, pair, tmp_path):
    save_tokenizer(sentencepiece_folder, tmp_path)
    assert Tokenizer.from_file(tmp_path / "tokenizer.json").encode("Sadness") == pair[1].encode("Sadness")


def test_a_folder_with_a_tokenizer_json_gives_the_same(tmp_path):
    (tmp_path / "from").mkdir()
    tiny_tokenizer().save(tmp_path / "from" / "tokenizer.json")
    save_tokenizer(tmp_path / "from", tmp_path)
    assert Tokenizer.from_file(tmp_path / "tokenizer.json").encode("Sadness") == tiny_tokenizer().encode("Sadness")


def test_a_folder_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"tokenizer\.json: no such file"):
        save_tokenizer(tmp_path, tmp_path)


@pytest.mark.parametrize("size", [0, 100, 3000])
def test_a_truncated_sentencepiece_file_is_refused(sentencepiece_folder, tmp_path, size):
    path = tmp_path / "tokenizer.model"
    path.write_bytes((sentencepiece_folder / "tokenizer.model").read_bytes()[:size])
    with pytest.raises(ModelError, match=r"tokenizer\.model: not a SentencePiece BPE model"):
        tokenizer_from_sentencepiece(path)


@given(data=st.binary(max_size=60))
def test_any_bytes_are_refused_in_one_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("bytes") / "tokenizer.model"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"not a SentencePiece BPE model|a web page|a Git LFS pointer"):
        tokenizer_from_sentencepiece(path)


@pytest.mark.parametrize("text", ["", "{}", "[]"])
def test_what_is_no_tokenizer_json_is_refused(tmp_path, text):
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(ModelError, match=r"tokenizer\.json: not readable as a tokenizer"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")


def test_a_tokenizer_without_an_end_token_is_refused(tmp_path):
    import tokenizers

    tokenizers.Tokenizer(tokenizers.models.BPE({"<s>": 0}, [])).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ModelError, match=r"tokenizer\.json: the tokenizer has no </s>"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")


def test_the_tiny_tokenizer_cuts_the_answers_into_several_pieces():
    tokenizer = tiny_tokenizer()
    for word in ("Angry", "Anger", "Happiness", "Sadness", "Neutral"):
        assert len(tokenizer.pieces(word, "bare")) > 1
        assert tokenizer.pieces(word, "bare") != tokenizer.pieces(word, "word_start")

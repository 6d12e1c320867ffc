"""A small LLaMA-style sub-word vocabulary of one's own, in which emotion words still take several pieces."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from core.ltu_as.prompt import PROMPTS, render
from core.ltu_as.verbalizer import WORDS
from offline_eval.training.answers import NO_SPEECH, OPEN_ANSWERS, OPEN_QUESTION, likelihoods, open_answer
from offline_eval.training.sentences import SENTENCES

SPECIALS = ("<unk>", "<s>", "</s>")
"""Ids 0, 1, 2, as in LLaMA."""

_BYTES = tuple(f"<0x{value:02X}>" for value in range(256))
_MARK = "▁"
_CUT = "\x1f"
_CUTS = {"anger": "ang|er", "angry": "ang|ry", "happiness": "happ|iness", "happy": "happ|y", "sadness": "sad|ness",
         "neutral": "neut|ral"}  # fmt: skip
"""Where emotion words are cut. The answers of a prompt take two pieces each, so that the mean and the sum of their
log-probabilities differ by a temperature only."""


def train_vocabulary(size: int) -> Tokenizer:
    """Byte-pair encoding with byte fallback over the prompts, the answers, and plain sentences.

    The result spells any text: letters it has not seen fall back to bytes. It is the same on every run.

    Raises:
        ValueError: `size` is too small for bytes and printable ASCII.
    """
    alphabet = [chr(code) for code in range(0x21, 0x7F)] + [_MARK]
    if size < (least := len(SPECIALS) + len(_BYTES) + len(alphabet)):
        msg = f"a vocabulary of {size} pieces cannot hold bytes and ASCII, which need {least}"
        raise ValueError(msg)
    learner = Tokenizer(models.BPE(unk_token=SPECIALS[0], byte_fallback=True, fuse_unk=True))
    learner.normalizer = _normalizer()
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(rf"[\n{_CUT}]"), "removed"),
            pre_tokenizers.Split(_MARK, "merged_with_next"),
            pre_tokenizers.Split(Regex(rf"(?<=[^{_MARK}])(?=\d)|(?<=\d)(?=.)"), "isolated"),
            pre_tokenizers.Split(Regex(rf"{_MARK}?[^\p{{L}}\d{_MARK}]+"), "isolated"),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=[*SPECIALS, *_BYTES], initial_alphabet=alphabet, show_progress=False
    )
    learner.train_from_iterator((_cut_emotion_words(text) for text in _texts()), trainer)
    return _without_training_rules(learner)


def save_vocabulary(tokenizer: Tokenizer, path: Path) -> None:
    """Writes tokenizer.json."""
    tokenizer.save(str(path))


def _without_training_rules(learner: Tokenizer) -> Tokenizer:
    """The learned merges in LLaMA's setting: no pre-tokenizer; bytes are ordinary pieces, not special text."""
    learned = json.loads(learner.to_str())["model"]
    merges = [tuple(pair) for pair in learned["merges"]]
    tokenizer = Tokenizer(
        models.BPE(learned["vocab"], merges, unk_token=SPECIALS[0], byte_fallback=True, fuse_unk=True)
    )
    tokenizer.normalizer = _normalizer()
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(_MARK, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in SPECIALS])
    return tokenizer


def _normalizer() -> normalizers.Normalizer:
    return normalizers.Sequence([normalizers.Prepend(_MARK), normalizers.Replace(" ", _MARK)])


def _texts() -> Iterator[str]:
    for prompt in PROMPTS:
        yield render(prompt)
        yield from (render(prompt, sentence) for sentence in SENTENCES)
    for percent in range(0, 101, 5):
        yield likelihoods({"anger": percent, "happiness": percent, "sadness": percent, "neutral": percent})
    yield render(OPEN_QUESTION)
    yield from (f"\n{word}" for word in (*map(open_answer, OPEN_ANSWERS), NO_SPEECH))
    for words in WORDS.values():
        yield from words
        yield from (f"\n{word}" for word in words)


def _cut_emotion_words(text: str) -> str:
    def cut(match: re.Match[str]) -> str:
        word = match.group()
        at = _CUTS[word.lower()].index("|")
        return f"{word[:at]}{_CUT}{word[at:]}"

    longest_first = sorted(_CUTS, key=len, reverse=True)
    return re.sub(rf"\b(?:{'|'.join(longest_first)})\b", cut, text, flags=re.IGNORECASE)

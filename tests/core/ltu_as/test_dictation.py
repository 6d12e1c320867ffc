"""Whisper's first attempt, by passes of ours, is that of transformers' `generate`."""

import pytest
import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration

from core.ltu_as.dictation import Dictation
from core.ltu_as.graphs import Graphs
from core.ltu_as.whisper_passes import WhisperPasses

END, START = 50, 51
KNOWN = {
    "is_multilingual": True,
    "lang_to_id": {"<|en|>": 52, "<|de|>": 53, "<|fr|>": 54},
    "task_to_id": {"transcribe": 55, "translate": 56},
    "no_timestamps_token_id": 63,
    "suppress_tokens": [1, 2, 7],
    "begin_suppress_tokens": [20, END],
    "max_initial_timestamp_index": 50,
    "max_length": 24,
    "eos_token_id": END,
    "decoder_start_token_id": START,
    "pad_token_id": END,
    "bos_token_id": END,
    "return_timestamps": True,
}
THRESHOLDS = {"logprob_threshold": -1.0, "compression_ratio_threshold": 1.35}


@pytest.fixture(scope="module")
def whisper():
    """A Whisper with random weights that knows three languages."""
    torch.manual_seed(1)
    sizes = {"encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 1, "decoder_attention_heads": 1}
    widths = {"d_model": 64, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "num_mel_bins": 8}
    ids = {"pad_token_id": END, "bos_token_id": END, "eos_token_id": END, "decoder_start_token_id": START}
    config = WhisperConfig(**sizes, **widths, **ids, vocab_size=1570, max_target_positions=24, init_std=0.4)
    model = WhisperForConditionalGeneration(config).eval()
    for name, value in KNOWN.items():
        setattr(model.generation_config, name, value)
    return model


@pytest.fixture(scope="module")
def mel():
    return torch.randn(3, 8, 3000, generator=torch.Generator().manual_seed(2))


def dictation(whisper, language, *, graphs=False):
    passes = WhisperPasses(whisper, Graphs() if graphs else None)
    config = whisper.generation_config
    return Dictation(passes, config, language=language, multilingual=True, vocabulary=1570, thresholds=THRESHOLDS)


def written(whisper, language, mel, *, graphs=False):
    ours = dictation(whisper, language, graphs=graphs)
    ours._passes.hear(mel)
    return [ids[: ids.index(END) + 1] if END in ids else ids for ids, _ in ours._written(mel)]


@torch.inference_mode()
@pytest.mark.parametrize("language", [None, "de", "German"])
def test_tokens_and_the_language_are_those_that_transformers_finds(whisper, mel, language):
    asked = {"language": language, "task": "transcribe", "return_timestamps": True, "force_unique_generate_call": True}
    for row, ids in enumerate(written(whisper, language, mel)):
        expected = whisper.generate(mel[row : row + 1], attention_mask=torch.ones(1, 3000), **asked)[0].tolist()
        assert ids[: len(ids) - (ids[-1] == END)] == [i for i in expected[3:] if i != END]
        assert len(set(ids)) > 3


@torch.inference_mode()
def test_fixed_shapes_change_no_token_and_one_sound_nothing_of_the_next(whisper, mel):
    ours = dictation(whisper, None, graphs=True)
    for rows in (mel, mel[:1], mel[1:2], mel):
        ours._passes.hear(rows)
        quick = [ids for ids, _ in ours._written(rows)]
        assert [ids[: ids.index(END) + 1] if END in ids else ids for ids in quick] == written(whisper, None, rows)


def test_only_words_that_generate_would_keep_as_they_are_are_taken(whisper):
    accepted = dictation(whisper, None)._accepted
    first, then = 64, 164
    said = [first, 10, 11, 12, 13, 14, 15, then]
    assert accepted([*said, END], -1.0) == said
    assert accepted([*said, END, END], -1.0) == said, "what follows the end means nothing"
    assert accepted([first, 10, then, then, 11, 264, END], -1.0) == [first, 10, then, then, 11, 264]
    assert accepted(said, -1.0) is None, "it does not end"
    assert accepted([*said, END], -9.1) is None, "unlikely"
    assert accepted([*said, END], float("nan")) is None
    assert accepted([first, *[10, 11] * 20, then, END], -1.0) is None, "it repeats itself"
    assert accepted([*said, then, END], -1.0) is None, "the rest of the sound is another window's"


def test_an_unknown_language_is_left_to_transformers_to_refuse(whisper):
    assert dictation(whisper, "en").able
    assert not dictation(whisper, "klingon").able

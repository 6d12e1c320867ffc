"""The shipped ltu-as-mini: complete, valid on anything, and better than knowing nothing."""

import numpy as np
import pytest
import torch

from core.distribution import js_divergence
from core.ltu_as import LTUAS, read_text
from core.ltu_as.checkpoint import folder_sha256
from core.ltu_as.folder import EMBEDDED, resolve_model
from core.ltu_as.prompt import PROMPTS
from core.ltu_as.reader import LTUASReader
from core.ltu_as.verbalizer import CONTEXTS
from core.ltu_as.weight_files import WEIGHTS_NAME
from core.settings import ModelSettings, Settings
from core.sound.audio import read_audio
from offline_eval.datasets.kinds import open_dataset
from offline_eval.labels.clips import in_split
from offline_eval.ordinary.listen import listen
from offline_eval.ordinary.shares import shares_of
from offline_eval.scoring.reference_points import class_prior, uniform
from offline_eval.scoring.scores import score
from offline_eval.sounds.content_free import content_free_by_kind
from offline_eval.training.encoder import load_encoder
from offline_eval.training.readings import read_clips
from tests.program import SAMPLE

MINI = resolve_model(EMBEDDED)

MAX_BYTES = 64e6
EVERY = 12
"""Dev clips that are checked: each twelfth, in the order of the manifest."""


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def mini() -> LTUAS:
    return LTUAS.from_pretrained(MINI)


def speech() -> np.ndarray:
    return read_audio(SAMPLE)[: 4 * 16_000]


def test_the_folder_is_complete_and_small():
    files = {file.name: file.stat().st_size for file in MINI.iterdir()}
    assert files.keys() >= {"config.json", WEIGHTS_NAME, "tokenizer.json", "MODEL_CARD.md", "LICENSE"}
    assert sum(files.values()) < MAX_BYTES


def test_the_card_names_the_weights_the_corpora_and_the_condition():
    card = (MINI / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert folder_sha256(MINI) in card
    for fact in ("RAVDESS", "nEMO", "EmoDB", "CC BY-NC-SA 4.0", "may not be used commercially", "class prior"):
        assert fact in card
    licence = (MINI / "LICENSE").read_text(encoding="utf-8")
    assert "CC BY-NC-SA 4.0" in licence
    assert "Copyright (c) 2022 OpenAI" in licence


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("word", ["Anger", "Angry", "Happiness", "Sadness", "Neutral"])
def test_an_emotion_word_takes_several_pieces(mini, word, context):
    assert len(mini.verbalizer.pieces[word][context]) > 1


@pytest.mark.parametrize("prompt", list(PROMPTS))
def test_any_sound_has_a_valid_reading_when_it_may_not_abstain(prompt):
    rng = np.random.default_rng(0)
    sounds = {
        "silence": np.zeros(16_000, np.int16),
        "noise": rng.integers(-3000, 3000, 48_000).astype(np.int16),
        "full scale": np.where(np.arange(200_000) % 80 < 40, 32_767, -32_768).astype(np.int16),
        "very short": rng.integers(-99, 99, 201).astype(np.int16),
        "speech": speech(),
    }
    readings = LTUASReader(MINI, prompt=prompt, abstain=False).read(list(sounds.values()))
    for name, reading in zip(sounds, readings, strict=True):
        assert reading.distribution is not None, (name, reading.reason)
        assert sum(reading.distribution) == pytest.approx(1, abs=1e-6)


def test_its_readings_are_calibrated():
    for prompt in PROMPTS:
        assert LTUASReader(MINI, prompt=prompt).stamp.calibration is not None


def test_it_has_no_reading_of_silence_noise_and_keys():
    reader = LTUASReader(MINI)
    for kind, sounds in content_free_by_kind(2026).items():
        readings = reader.read(sounds)
        refused = sum(reading.distribution is None for reading in readings)
        assert refused >= len(sounds) - 1, (kind, [reading.reason for reading in readings])


def test_it_reads_a_voice_it_has_never_heard():
    sound = read_audio(SAMPLE)
    pieces = [sound[start : start + 4 * 16_000] for start in range(0, len(sound) - 4 * 16_000, 4 * 16_000)]
    readings = LTUASReader(MINI).read(pieces)
    assert sum(reading.distribution is not None for reading in readings) >= 0.8 * len(pieces)


@pytest.mark.parametrize("adapts", [False, True])
def test_someone_who_reads_a_novel_aloud_is_not_said_to_be_loud(adapts):
    """The shipped sample, as the program cuts it, and with all four emotions expected alike."""
    settings = Settings(model=ModelSettings(adapt=adapts))
    shares = shares_of(list(listen(SAMPLE, LTUASReader(MINI, neutral_odds=1), settings)))
    assert shares.utterances > 3
    assert shares.dominant["neutral"] > 0.8
    assert shares.surely_loud == 0


PIECES = pytest.mark.parametrize("start_s", range(0, 40, 4))


@PIECES
def test_loudness_does_not_drive_the_reading(start_s):
    """The same speech at -50 dBFS, and at -10 dBFS or as loud as its peaks allow."""
    sound = piece(start_s)
    quiet, loud = LTUASReader(MINI, abstain=False).read(
        [at_level(sound, -50), at_level(sound, min(-10, -20 * np.log10(np.abs(sound).max())))]
    )
    assert quiet.distribution.dominant == loud.distribution.dominant
    assert js_divergence(list(quiet.distribution), list(loud.distribution)) < 0.02


@PIECES
def test_overdrive_changes_the_reading_little(start_s):
    """At -10 dBFS the peaks of speech are clipped, which is another sound."""
    quiet, loud = LTUASReader(MINI, abstain=False).read([at_level(piece(start_s), -50), at_level(piece(start_s), -10)])
    assert js_divergence(list(quiet.distribution), list(loud.distribution)) < 0.05


def piece(start_s):
    """Four seconds of speech at 0 dBFS (RMS)."""
    sound = read_audio(SAMPLE)[start_s * 16_000 : (start_s + 4) * 16_000].astype(np.float64)
    return sound / np.sqrt(np.mean(sound**2))


def at_level(sound, dbfs):
    """A sound of 0 dBFS as 16-bit samples."""
    return np.clip(np.round(sound * 32_768 * 10 ** (dbfs / 20)), -32_768, 32_767).astype(np.int16)


def test_it_answers_both_prompts_as_they_ask(mini):
    single = mini.step_logits(speech(), prompt="single").text
    assert single in {"Happiness", "Sadness", "Neutral", "Angry"}
    likelihoods = mini.step_logits(speech(), prompt="ambiguous").text
    assert likelihoods.count("%") == 4
    assert min(read_text(likelihoods)) >= 0


def test_a_transcript_does_not_throw_it_off(mini):
    answer = mini.step_logits(speech(), transcript="It was the best of times, it was the worst of times.").text
    assert answer in {"Happiness", "Sadness", "Neutral", "Angry"}


def test_its_encoder_is_the_published_one(mini, shared):
    whisper = mini.config.whisper
    published = load_encoder(shared / "whisper" / "base-encoder", mini.config.audio, layers=whisper.layers).module
    published = published.state_dict()
    for name, tensor in mini.whisper.state_dict().items():
        assert torch.equal(tensor, published[name])


def test_it_hears_more_than_the_prior_knows_on_unheard_speakers(shared):
    clips = open_dataset(shared / "data").load().clips
    dev = in_split(clips, "dev")[::EVERY]
    heard = score(dev, read_clips(LTUASReader(MINI, abstain=False, neutral_odds=1), dev))
    prior = score(dev, class_prior(in_split(clips, "train"), dev))
    chance = score(dev, uniform(dev))
    assert heard.accuracy > max(prior.accuracy, chance.accuracy) + 0.2
    assert heard.nll < min(prior.nll, chance.nll) - 0.3

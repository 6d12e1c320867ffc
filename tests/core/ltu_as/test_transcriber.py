import numpy as np
import pytest
import soundfile
import soxr

from core.errors import ModelError
from core.ltu_as.transcriber import Transcriber, remove_thanks_for_watching

RATE = 16_000


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Thanks for watching!", ""),
        ("THANK YOU FOR WATCHING. Hello", " Hello"),
        ("I say thanks for watching. And more", "I say  And more"),
        ("Thanks For Watching", "Thanks For Watching"),
        ("Thank you for watching!!", "!"),
        ("", ""),
    ],
)
def test_what_whisper_makes_of_silence_is_taken_out(said, kept):
    assert remove_thanks_for_watching(said) == kept


@pytest.fixture(scope="module")
def transcriber(shared):
    return Transcriber(shared / "whisper" / "tiny.en")


@pytest.fixture(scope="module")
def reading(shared):
    samples, rate = soundfile.read(shared / "sample" / "two_cities.flac", dtype="float32")
    return (soxr.resample(samples, rate, RATE) * 32767).astype(np.int16)


@pytest.mark.shared
def test_speech_becomes_words_without_a_leading_space(transcriber, reading):
    text = transcriber.transcribe(reading[: 4 * RATE])
    assert text.startswith("It was the best of times")
    assert "<|" not in text


@pytest.mark.shared
def test_int16_and_float32_give_the_same_words(transcriber, reading):
    sound = reading[: 2 * RATE]
    assert transcriber.transcribe(sound) == transcriber.transcribe(sound.astype(np.float32) / 32768)


@pytest.mark.shared
def test_noise_gives_the_same_words_every_time_and_leaves_the_random_state_alone(transcriber):
    import torch

    sound = (np.random.default_rng(1).normal(size=RATE) * 8000).astype(np.int16)
    torch.manual_seed(1)
    first = transcriber.transcribe(sound)
    drawn = torch.rand(1)
    torch.manual_seed(2)
    assert transcriber.transcribe(sound) == first
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), drawn)


@pytest.mark.shared
@pytest.mark.slow
def test_speech_beyond_thirty_seconds_is_heard_to_its_end(transcriber, reading):
    text = transcriber.transcribe(reading)
    assert "season of darkness" in text
    assert text.rstrip(".").endswith("comparison only")


@pytest.mark.shared
def test_a_sound_is_encoded_once_however_often_it_is_tried(transcriber):
    encoded = []
    encoder = transcriber._model.model.encoder
    hook = encoder.conv1.register_forward_hook(lambda *_: encoded.append(1))
    transcriber.transcribe((np.random.default_rng(1).normal(size=RATE) * 8000).astype(np.int16))
    hook.remove()
    assert len(encoded) == 1


@pytest.mark.shared
def test_a_first_attempt_is_what_transformers_makes_of_the_sound(transcriber, reading):
    sound = reading[5 * RATE : 8 * RATE]
    quick = transcriber.transcribe(sound)
    transcriber._dictation.able = False
    assert transcriber.transcribe(sound) == quick
    transcriber._dictation.able = True


@pytest.mark.shared
def test_sounds_taken_together_have_the_words_of_each_alone(transcriber, reading):
    sounds = [reading[: 3 * RATE], np.zeros(0, np.int16), reading[5 * RATE : 8 * RATE]]
    alone = [transcriber.transcribe(sound) for sound in sounds]
    transcriber._batches = (1, 2)
    assert transcriber.transcribe_batch(sounds) == alone
    transcriber._batches = (1,)
    assert len({*alone}) == 3


@pytest.mark.shared
def test_no_sound_has_no_words(transcriber):
    assert transcriber.transcribe(np.zeros(0, np.int16)) == ""


def test_an_index_that_leads_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../model.safetensors"}}')
    with pytest.raises(ModelError, match=r"names \.\./model\.safetensors, which is not right beside it"):
        Transcriber(tmp_path)


def test_a_folder_that_is_no_whisper_is_named(tmp_path):
    with pytest.raises(ModelError, match="not a usable Whisper folder"):
        Transcriber(tmp_path)

"""A whole training run on tones: from files to a saved model that reads them."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from core.anchor import Anchor
from core.distribution import EMOTIONS
from core.errors import AudioError, ModelError, UsageError
from core.ltu_as import LTUAS, readout
from core.ltu_as.config import AnchorConfig
from core.ltu_as.reader import LTUASReader
from core.ltu_as.verbalizer import EMOTION_OF
from core.ltu_as.weight_files import WEIGHTS_NAME
from offline_eval.datasets.kinds import open_dataset
from offline_eval.labels.clips import in_split
from offline_eval.sounds.augment import Augmentation
from offline_eval.training import feature_cache
from offline_eval.training.anchors import Anchors
from offline_eval.training.encoder import load_encoder
from offline_eval.training.feature_cache import FeatureCache
from offline_eval.training.learned_from import FILE_NAME, heard_before
from offline_eval.training.material import balanced
from offline_eval.training.recipe import Recipe
from offline_eval.training.train import Job, Outcome, train

RECIPE = Recipe(
    pool=20,
    guide=1.0,
    feature_dropout=0.0,
    tltr_rate=1.0,
    weight_decay=0.05,
    encoder_layers=None,
    bfloat16=False,
    hidden=32, layers=1, heads=2, feed_forward=64, layer_heads=4, variants=0, epochs=50, batch=16, learning_rate=3e-3,
    dropout=0.0, token_dropout=0.0, averaging=0.9, patience=50, noise_share=0.0,
    mixing=0.0,
)  # fmt: skip


@pytest.fixture(scope="session")
def trained(tones: Path, small_whisper: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Outcome]:
    folder = tmp_path_factory.mktemp("trained")
    job = Job(
        data=(tones,), whisper=small_whisper, out=folder / "model", cache=folder / "cache", name="tones", recipe=RECIPE
    )
    torch.set_num_threads(1)
    return job, train(job, progress=lambda _: None)


@pytest.mark.slow
def test_training_learns_to_tell_sounds_apart_by_either_prompt(trained):
    _, outcome = trained
    prior = outcome.scores["class prior of the corpus"]["all"]
    for prompt in ("single", "ambiguous"):
        heard = outcome.scores[f"model, {prompt} prompt"]["all"]
        assert heard.macro_f1 > 0.9
        assert heard.nll < prior.nll / 2


def test_the_model_writes_what_is_read_out_of_it(trained, tones):
    job, _ = trained
    model = LTUAS.from_pretrained(job.out)
    for clip in in_split(open_dataset(tones).load().clips, "dev")[::7]:
        sound, _ = soundfile.read(clip.path, dtype="int16")
        for prompt in ("single", "ambiguous"):
            steps = model.step_logits(sound, prompt=prompt)
            first_word = steps.text.split(":")[0].lower()
            assert EMOTION_OF[first_word] == readout(steps, kind="seq_logprob").dominant


def test_the_encoder_is_kept_as_it_was(trained, small_whisper):
    job, _ = trained
    kept = LTUAS.from_pretrained(job.out).whisper.state_dict()
    for name, tensor in load_encoder(small_whisper).module.state_dict().items():
        assert torch.equal(kept[name], tensor)
    assert len(kept["embed_positions.weight"]) == 500


def test_the_card_states_scores_data_and_hash(trained):
    job, outcome = trained
    card = (job.out / "MODEL_CARD.md").read_text()
    assert outcome.sha256 in card
    assert f"{outcome.scores['model, single prompt']['all'].macro_f1:.3f}" in card
    assert "| tones | not stated | 4 | 80 | 2 | 40 |" in card
    assert LTUASReader(job.out).stamp.sha256 == outcome.sha256
    assert "a licence of the encoder" in (job.out / "LICENSE").read_text()


def test_the_same_seed_gives_the_same_weights(trained, tmp_path):
    job, _ = trained
    once, twice = (
        train(replace(job, out=tmp_path / name, recipe=replace(RECIPE, epochs=1)), progress=lambda _: None).sha256
        for name in ("once", "twice")
    )
    assert once == twice


def test_a_finished_model_is_trained_further(trained, tmp_path):
    job, outcome = trained
    further = replace(
        job, whisper=None, start=job.out, out=tmp_path / "further", recipe=replace(RECIPE, epochs=1, learning_rate=1e-4)
    )
    again = train(further, progress=lambda _: None)
    before, after = (o.scores["model, single prompt"]["all"].nll for o in (outcome, again))
    assert after < before + 0.1  # it starts from what it knows
    assert again.sha256 != outcome.sha256
    assert LTUAS.from_pretrained(further.out).config.whisper == LTUAS.from_pretrained(job.out).config.whisper
    text = (further.out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "start from\n  those of a finished model" in text
    assert "--data DATA --start MODEL --out DIR" in text
    assert "learned from tones_" not in text


def test_whom_a_model_learned_from_it_is_not_judged_on_unsaid(trained, tmp_path):
    job, _ = trained
    recipe = replace(RECIPE, epochs=1)
    further = replace(
        job, whisper=None, start=job.out, out=tmp_path / "further", recipe=recipe, dev_speakers=("tones_0",)
    )
    said: list[str] = []
    train(further, progress=said.append)
    assert any(line.startswith("one dev speaker, tones_0: scores say little") for line in said)
    assert any(line.startswith("the model that is trained further learned from tones_0:") for line in said)
    assert "learned from tones_0: they flatter it." in (further.out / "MODEL_CARD.md").read_text(encoding="utf-8")
    everyone = [f"tones_{number}" for number in range(6)]
    assert heard_before(further.out, everyone) == everyone
    (job_without := tmp_path / "unknown").mkdir()
    assert heard_before(job_without, everyone) is None
    (job_without / FILE_NAME).write_text("[]", encoding="utf-8")
    with pytest.raises(ModelError, match="does not say whom"):
        heard_before(job_without, everyone)


def test_what_is_made_from_non_commercial_weights_stays_so(trained, tmp_path):
    job, _ = trained
    start = tmp_path / "start"
    shutil.copytree(job.out, start)
    (start / "LICENSE").write_text("These weights are under CC BY-NC-SA 4.0.", encoding="utf-8")
    further = replace(job, whisper=None, start=start, out=tmp_path / "out", recipe=replace(RECIPE, epochs=1))
    train(further, progress=lambda _: None)
    licence = (further.out / "LICENSE").read_text(encoding="utf-8")
    assert "They may not be used commercially" in licence


def trained_whole_and_cut(job, recipe, folder):
    """The outcome of a run, and the same job interrupted in its second epoch."""

    def interrupt(line: str) -> None:
        if line.startswith("epoch 2"):
            raise KeyboardInterrupt

    whole = train(replace(job, out=folder / "whole", recipe=recipe), progress=lambda _: None)
    cut = replace(job, out=folder / "cut", recipe=recipe)
    with pytest.raises(KeyboardInterrupt):
        train(cut, progress=interrupt)
    return whole, cut


def test_an_interrupted_run_goes_on_to_the_same_weights(trained, tmp_path):
    job, _ = trained
    recipe = replace(RECIPE, epochs=3)

    whole, cut = trained_whole_and_cut(job, recipe, tmp_path)
    said: list[str] = []
    assert train(cut, progress=said.append).sha256 == whole.sha256
    assert "goes on after epoch 1 of an earlier run" in said
    assert not list(job.cache.glob("*.pt"))


def test_features_are_computed_once(trained, monkeypatch):
    job, _ = trained
    clips = open_dataset(job.data[0]).load().clips
    encoder = load_encoder(job.whisper, RECIPE.audio)
    said: list[str] = []
    cache = FeatureCache(folder=job.cache, encoder=encoder, augmentation=Augmentation(), seed=0, progress=said.append)
    again = cache.features(in_split(clips, "train"), 0)
    assert not said
    monkeypatch.setattr(feature_cache, "AUGMENTATION_VERSION", -1)
    first = in_split(clips, "train")[:2]
    varied = cache.features(first, 1)
    assert said == ["features of tones-tones_0, variant 1: 2 clips"]
    assert len(varied) == 2
    assert not np.array_equal(next(iter(varied)), next(iter(again)))


def test_variants_in_sessions_joined_ones_and_ones_in_channels_of_their_own_differ(trained, tmp_path):
    job, _ = trained
    clips = in_split(open_dataset(job.data[0]).load().clips, "train")[:3]
    encoder = load_encoder(job.whisper, RECIPE.audio)
    ranges = Augmentation(speed_share=0.0, trim_share=0.0, cut_share=0.0, reverberation_share=1.0)
    alone, together, joined = (
        list(FeatureCache(folder=tmp_path, encoder=encoder, augmentation=augmentation, seed=0).features(clips, 1))
        for augmentation in (ranges, replace(ranges, session_clips=80), replace(ranges, joined_share=1.0))
    )
    assert not any(map(np.array_equal, alone, together))
    assert not any(map(np.array_equal, alone, joined))


def test_a_copy_of_a_recording_needs_no_new_features_but_another_recording_does(trained, tmp_path):
    job, _ = trained
    first, second = in_split(open_dataset(job.data[0]).load().clips, "train")[:2]
    said: list[str] = []
    cache = FeatureCache(
        folder=tmp_path,
        encoder=load_encoder(job.whisper, RECIPE.audio),
        augmentation=Augmentation(),
        seed=0,
        progress=said.append,
    )
    cache.features([first], 0)
    copy = tmp_path / "copy.wav"
    copy.write_bytes(first.path.read_bytes())
    cache.features([replace(first, path=copy)], 0)
    assert len(said) == 1
    copy.write_bytes(second.path.read_bytes())
    cache.features([replace(first, path=copy)], 0)
    assert len(said) == 2


def test_features_come_in_the_order_of_the_clips(trained):
    job, _ = trained
    clips = in_split(open_dataset(job.data[0]).load().clips, "train")
    encoder = load_encoder(job.whisper, RECIPE.audio)
    cache = FeatureCache(folder=job.cache, encoder=encoder, augmentation=Augmentation(), seed=0)
    forward, backward = list(cache.features(clips, 0)), list(cache.features(clips[::-1], 0))
    assert all(map(np.array_equal, forward[::-1], backward))


def test_each_emotion_of_a_corpus_is_drawn_alike(tones):
    clips = [clip for clip in open_dataset(tones).load().clips if clip.emotion != "anger" or clip.speaker == "tones_1"]
    weights = balanced([(clip.corpus, clip.speaker, clip.emotion) for clip in clips])
    shares = {e: sum(w for w, c in zip(weights, clips, strict=True) if c.emotion == e) for e in ("anger", "sadness")}
    assert shares["anger"] == pytest.approx(0.25)
    assert shares["sadness"] == pytest.approx(0.25)


def test_a_folder_with_files_is_not_overwritten_unasked(trained):
    job, _ = trained
    with pytest.raises(UsageError, match="is there already"):
        train(job, progress=lambda _: None)


def test_a_clip_that_is_no_sound_is_named(small_whisper, tmp_path):
    rows = [("angry", "a", "train"), ("happy", "a", "train"), ("sad", "a", "train"), ("neutral", "a", "train"),
            ("sad", "b", "dev")]  # fmt: skip
    for label, speaker, _ in rows:
        (tmp_path / f"{label}-{speaker}.wav").write_text("not sound")
    lines = [f"{label}-{speaker}.wav,{speaker},{label},{split}" for label, speaker, split in rows]
    (tmp_path / "t.csv").write_text("\n".join(["path,speaker,label,split", *lines]))
    job = Job(
        data=(tmp_path / "t.csv",), whisper=small_whisper, out=tmp_path / "m", cache=tmp_path / "c", name="x",
        recipe=RECIPE,
    )  # fmt: skip
    with pytest.raises((AudioError, UsageError), match=r"angry-a\.wav"):
        train(job, progress=lambda _: None)
    assert not (tmp_path / "m").exists()


ADAPTED = replace(
    RECIPE,
    pool=500,
    anchors=Anchors(),
    balance="corpora",
    reading_share=0.2,
    teacher_share=0.5,
    smoothing=0.0,
    epochs=40,
)


@pytest.fixture(scope="session")
def adapted(tones: Path, small_whisper: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Outcome]:
    """A model that gets to know voices; half a dozen more voices read."""
    folder = tmp_path_factory.mktemp("adapted")
    sounds = sorted(tones.parent.glob("*_neutral_*.wav"))[:6]
    lines = [f"books,{n},books_{n},unlabelled,train,{sound}" for n, sound in enumerate(sounds)]
    header = "dataset,clip_id,speaker,intended_emotion,split,path"
    (folder / "manifest_books.csv").write_text("\n".join([header, *lines]), encoding="utf-8")
    data = (tones, folder / "manifest_books.csv")
    job = Job(
        data=data, whisper=small_whisper, out=folder / "model", cache=folder / "cache", name="tones", recipe=ADAPTED
    )
    torch.set_num_threads(1)
    return job, train(job, progress=lambda _: None)


def test_a_model_that_gets_to_know_voices_reads_before_it_has_heard_any(adapted):
    job, outcome = adapted
    ours, alike = (outcome.scores[name]["all"] for name in ("model, single prompt", "uniform"))
    assert ours.nll < alike.nll  # so small a model is slow, and how far it comes hangs on the processor
    card = (job.out / "MODEL_CARD.md").read_text(encoding="utf-8")
    for choice in ("anchors=default", "balance=corpora", "teacher_share=0.5", "reading_share=0.2"):
        assert f"--set {choice}" in card


def test_what_it_takes_for_neutral_speech_is_the_mean_of_the_neutral_clips(adapted):
    job, _ = adapted
    model = LTUAS.from_pretrained(job.out)
    assert model.config.anchor == AnchorConfig(pseudo_utterances=3.0)
    clips = in_split(open_dataset(job.data[0]).load().clips, "train")
    neutral = [clip for clip in clips if clip.emotion == "neutral"]
    heard = model.features([soundfile.read(clip.path, dtype="int16")[0] for clip in neutral]).mean((0, 2))
    torch.testing.assert_close(model.audio_encoder.input_mean[:, 0], heard, rtol=0, atol=1e-2)


def test_a_model_that_gets_to_know_voices_reads_one_it_knows(adapted):
    job, _ = adapted
    reader = LTUASReader(job.out, calibrate=False, abstain=False)
    clips = in_split(open_dataset(job.data[0]).load().clips, "dev")
    sounds = {clip.clip_id: soundfile.read(clip.path, dtype="int16")[0] for clip in clips}
    anchor, right = Anchor(), []
    for clip in clips:
        (reading,) = reader.read([sounds[clip.clip_id]], anchors=[anchor])
        right.append(reading.distribution.dominant == clip.emotion)
        anchor = anchor.push(reading.heard, reading.distribution, at_s=0.0)
    assert anchor.weight(3.0) > 0.5
    assert np.mean(right) > 1 / len(EMOTIONS)


def test_its_training_goes_on_where_it_was_interrupted_and_from_where_it_ended(adapted, tmp_path):
    job, _ = adapted
    recipe = replace(ADAPTED, epochs=2)

    whole, cut = trained_whole_and_cut(job, recipe, tmp_path)
    assert train(cut, progress=lambda _: None).sha256 == whole.sha256
    recipe = replace(recipe, epochs=1, anchors=None)
    further = replace(job, whisper=None, start=job.out, out=tmp_path / "further", recipe=recipe)
    train(further, progress=lambda _: None)
    assert "'anchors': {'missing':" in (further.out / "MODEL_CARD.md").read_text(), "it stays used to voices"
    before, after = (LTUAS.from_pretrained(out) for out in (job.out, further.out))
    assert torch.equal(before.audio_encoder.input_mean, after.audio_encoder.input_mean)


@pytest.mark.parametrize("break_it", ["missing", "truncated", "tensor"])
def test_a_broken_whisper_folder_is_refused(small_whisper, tmp_path, break_it):
    for file in small_whisper.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / WEIGHTS_NAME
    if break_it == "missing":
        weights.unlink()
    elif break_it == "truncated":
        weights.write_bytes(weights.read_bytes()[:1000])
    else:
        config = tmp_path / "config.json"
        config.write_text(config.read_text().replace('"d_model": 32', '"d_model": 64'))
    with pytest.raises(ModelError, match=r"Whisper model|does not fit"):
        load_encoder(tmp_path)

"""A run of the tiny model: its folder, its answers, and what is read out of them."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import UsageError
from core.ltu_as.readout import readout
from core.ltu_as.tiny import tiny_model
from core.sound.audio import read_audio
from offline_eval.runs.asking import Respondent
from offline_eval.runs.folder import RunFolder
from offline_eval.runs.items import read_items
from offline_eval.runs.merge import merge
from offline_eval.runs.outputs import read_views
from offline_eval.runs.presets import PRESETS
from offline_eval.runs.run import Shard
from offline_eval.runs.summary import contamination, summary
from offline_eval.runs.views import View
from tests.offline_eval.rated_tones import carried_out, contents, rated_tones, views
from tests.program import REPOSITORY

NUMBER = 70
"""Three blocks, the last one not full."""


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    return rated_tones(tmp_path_factory.mktemp("tones"), NUMBER)


@pytest.fixture(scope="module")
def whole(rated, tmp_path_factory) -> RunFolder:
    return carried_out(rated, tmp_path_factory.mktemp("runs") / "whole")


def test_shards_merged_are_the_bytes_of_one_process(rated, whole: RunFolder, tmp_path: Path):
    for n in (1, 2):
        carried_out(rated, tmp_path / str(n), shard=Shard(n, 2))
    merged, notes = merge([tmp_path / "2", tmp_path / "1"], tmp_path / "merged")
    assert contents(merged.path) == contents(whole.path)
    assert notes == []


def test_shards_may_share_a_folder(rated, whole: RunFolder, tmp_path: Path):
    only = views(prompts=["single"], inputs=["audio"])
    for n in (3, 1, 2):
        folder = carried_out(rated, tmp_path, shard=Shard(n, 3), views=only)
    question = folder.record.questions[0]
    assert not folder.missing(question)
    assert [folder.block_path(question, n).read_bytes() for n in range(3)] == [
        whole.block_path(question, n).read_bytes() for n in range(3)
    ]


def test_an_unfinished_shard_is_named_in_the_merge_and_nothing_is_written(rated, tmp_path: Path):
    only = views(prompts=["single"], inputs=["audio"])
    carried_out(rated, tmp_path / "1", shard=Shard(1, 2), views=only)
    with pytest.raises(UsageError, match="block 1 of single-audio is in none of the folders"):
        merge([tmp_path / "1"], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_folders_of_different_runs_are_not_merged(rated, whole: RunFolder, tmp_path: Path):
    carried_out(rated, tmp_path / "other", batch=5, views=views(prompts=["single"], inputs=["audio"]))
    with pytest.raises(UsageError, match=r"another batch \(8 there, 5 here\)"):
        merge([whole.path, tmp_path / "other"], tmp_path / "merged")


def test_contradicting_shards_are_not_merged(whole: RunFolder, rated, tmp_path: Path):
    other = carried_out(rated, tmp_path / "other", views=views(prompts=["single"], inputs=["audio"]))
    path = other.block_path(other.record.questions[0], 0)
    path.write_bytes(other.block_path(other.record.questions[0], 0).read_bytes().replace(b"utt_000", b"utt_999"))
    with pytest.raises(UsageError, match="hold different answers"):
        merge([whole.path, other.path], tmp_path / "merged")


def test_a_finished_run_does_not_even_load_the_model(rated, whole: RunFolder, monkeypatch):
    monkeypatch.setattr(Respondent, "__init__", None)
    before = contents(whole.path)
    carried_out(rated, whole.path)
    assert contents(whole.path) == before


def test_a_second_prompt_joins_the_answers_to_the_first(rated, whole: RunFolder, tmp_path: Path):
    for prompt in ("ambiguous", "single"):
        folder = carried_out(rated, tmp_path, views=views(prompts=[prompt]))
    assert folder.record.questions == whole.record.questions
    assert {name for name in contents(tmp_path) if "answers" in name} == {
        name for name in contents(whole.path) if "answers" in name
    }


def test_a_folder_of_another_run_is_refused(rated, whole: RunFolder):
    with pytest.raises(UsageError, match=r"holds a run with another decoding \(max_new_tokens 4 there, .* 5 here\)"):
        carried_out(rated, whole.path, max_new_tokens=5)
    with pytest.raises(UsageError, match="holds a run with another limit"):
        carried_out(rated, whole.path, limit=50)


def test_a_folder_with_something_else_in_it_is_refused(rated, tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="not the folder of a run"):
        carried_out(rated, tmp_path)


def test_answers_are_those_of_the_model_alone(rated, whole: RunFolder):
    from core.ltu_as.decode import Decoding
    from core.ltu_as.precision import compute_in_bfloat16, has_native_bfloat16

    model = tiny_model()
    model.merge_lora()
    if has_native_bfloat16():
        compute_in_bfloat16(model.whisper)
        compute_in_bfloat16(model.audio_encoder)
    question = next(q for q in whole.record.questions if (q.prompt, q.input) == ("single", "audio"))
    answers = list(whole.answers(question))
    for n in (0, 33, 69):
        alone = model.step_logits(read_audio(rated[n].utterance.path), decoding=Decoding(max_new_tokens=4))
        steps = answers[n].steps
        assert answers[n].utterance_id == rated[n].utterance.utterance_id
        np.testing.assert_allclose(steps.logits, alone.logits, atol=0.05)
        for kind in ("seq_logprob", "softmax_mean"):
            np.testing.assert_allclose([*readout(steps, kind=kind)], [*readout(alone, kind=kind)], atol=0.01)


def test_silence_is_as_long_and_words_come_without_sound(whole: RunFolder):
    answers = {(q.prompt, q.input): list(whole.answers(q)) for q in whole.record.questions}
    silent, words = answers["single", "silence"], answers["single", "transcript"]
    assert all(answer.steps.transcript is None and answer.steps.feature_mean is not None for answer in silent)
    assert words[7].steps.transcript == "a tone of number 7"
    assert all(answer.steps.feature_mean is None for answer in words)


def test_a_clip_that_cannot_be_heard_has_a_reason_and_stops_nothing(tmp_path: Path):
    rated = rated_tones(tmp_path, 5)
    paths = [one.utterance.path for one in rated]
    paths[0].unlink()
    paths[1].write_bytes(b"no sound at all")
    soundfile.write(paths[2], np.zeros(100), 16_000)
    folder = carried_out(rated, tmp_path / "run", views=views(prompts=["single"], readouts=["seq_logprob"]))
    readings = {one.output.name: one for one in read_views(folder, folder.record.views)}
    reasons = {"no sound file": 1, "sound cannot be decoded": 1, "too short": 1}
    assert readings["token single seq_logprob"].invalid == reasons
    assert readings["token single seq_logprob (silence)"].invalid == reasons
    assert readings["token single seq_logprob (transcript)"].invalid == {}
    valid = np.isfinite(readings["token single seq_logprob"].output.probabilities).all(1)
    assert valid.tolist() == [False, False, False, True, True]
    assert [item.duration_s is None for item in folder.items] == [True, True, False, False, False]
    assert "1 no sound file" in summary(folder.rated, list(readings.values()))


def test_without_transcripts_there_is_no_baseline_of_words(tmp_path: Path):
    from dataclasses import replace

    rated = [replace(one, utterance=replace(one.utterance, transcript=None)) for one in rated_tones(tmp_path, 3)]
    folder = carried_out(rated, tmp_path / "run")
    assert {question.input for question in folder.record.questions} == {"audio", "silence"}
    assert folder.record.notes == ("no transcripts: there is no baseline of words without sound",)
    with pytest.raises(UsageError, match="states no transcripts"):
        carried_out(rated, tmp_path / "run", views=views(inputs=["transcript"]))


def test_utterances_come_back_from_the_folder_as_they_were_rated(rated, whole: RunFolder):
    for item, one in zip(read_items(whole.path), rated, strict=True):
        again = item.rated
        assert (again.human, again.votes, again.hard_label) == (one.human, one.votes, one.hard_label)
        assert (again.agreement, again.cluster, again.utterance.session) == (
            one.agreement,
            one.cluster,
            one.utterance.session,
        )
        assert item.duration_s == pytest.approx(soundfile.info(one.utterance.path).duration)


def test_the_folder_names_no_path_of_this_machine_and_no_words(rated, whole: RunFolder):
    root = str(rated[0].utterance.path.parent).encode()
    files = contents(whole.path)
    assert not any(root in content for content in files.values())
    assert b"a tone" not in files["items.parquet"] + files["run.json"]


def test_a_limit_takes_utterances_from_everywhere(rated, tmp_path: Path):
    folder = carried_out(rated, tmp_path, limit=10, views=views(prompts=["single"], inputs=["audio"]))
    assert [one.utterance.utterance_id for one in folder.rated] == [f"utt_{n:03d}" for n in range(0, 70, 7)]


def test_every_view_reads_without_torch(whole: RunFolder):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from offline_eval.runs.outputs import read_views\n"
        "from offline_eval.runs.folder import RunFolder\n"
        f"folder = RunFolder.open(Path({str(whole.path)!r}))\n"
        "assert len(read_views(folder, folder.record.views)) == 18\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


def test_a_view_is_what_the_readout_gives(whole: RunFolder):
    view = View(prompt="ambiguous", input="silence", readout="mean_softmax", pool="sum", scope="answer_position")
    (readings,) = read_views(whole, [view])
    question = next(q for q in whole.record.questions if (q.prompt, q.input) == ("ambiguous", "silence"))
    for row, answer in zip(readings.output.probabilities, whole.answers(question), strict=True):
        assert [*row] == [*readout(answer.steps, kind="mean_softmax", pool="sum", scope="answer_position")]


def test_answers_that_were_never_asked_for_are_named(rated, tmp_path: Path):
    folder = carried_out(rated[:3], tmp_path, views=views(prompts=["single"], inputs=["audio"]))
    with pytest.raises(UsageError, match="no answers to the ambiguous prompt with audio"):
        read_views(folder, [View(prompt="ambiguous")])


def test_missing_answers_are_counted(rated, tmp_path: Path):
    folder = carried_out(rated, tmp_path, shard=Shard(1, 3), views=views(prompts=["single"], inputs=["audio"]))
    with pytest.raises(UsageError, match="single-audio lacks 2 of 3 blocks"):
        read_views(folder, folder.record.views)


def test_every_preset_can_be_read(rated, tmp_path: Path):
    wanted = tuple(dict.fromkeys(view for preset in PRESETS.values() for view in preset.views))
    folder = carried_out(rated[:3], tmp_path, views=wanted)
    assert len(read_views(folder, wanted)) == len(wanted) == 6


def test_names_of_views_are_unique():
    every = views(
        readouts=["paper_linear", "seq_logprob", "first_piece"],
        pools=["mean", "sum", "first"],
        scopes=["all", "emotion_tokens", "answer_position"],
    )
    assert Counter(view.name for view in every).most_common(1)[0][1] == 1
    assert sum(view.readout == "first_piece" for view in every) == 6
    assert sum(view.readout == "seq_logprob" for view in every) == 12


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "/"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(UsageError, match="is not a shard"):
        Shard.parse(text)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_share_the_blocks_out(count):
    blocks = [n for number in range(1, count + 1) for n in Shard(number, count).of(5)]
    assert sorted(blocks) == list(range(5))


def test_only_iemocap_is_contaminated_and_random_weights_have_learned_nothing():
    assert "21,450" in contamination("iemocap", "ltu-as")
    assert contamination("iemocap", "tiny") is None
    assert contamination("crema-d", "ltu-as") is None

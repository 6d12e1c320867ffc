"""What is known of a voice is the same live and offline: the same utterances, heard by the program and by a run."""

import numpy as np
import pytest
import soundfile

from core.ltu_as.calibration import load_calibration
from core.ltu_as.checkpoint import folder_sha256
from core.ltu_as.config import CONFIG_NAME, LTUASConfig
from core.ltu_as.decode import Decoding
from core.ltu_as.folder import EMBEDDED, resolve_model
from core.ltu_as.readout import readout
from core.sound.audio import read_audio
from offline_eval.labels.annotation import AnnotatedUtterance
from offline_eval.runs.asking import Respondent
from offline_eval.runs.views import Asked
from tests.program import SAMPLE, run

MINI = resolve_model(EMBEDDED)


def offline(utterances, *, adapts):
    """What a run with or without `--adapt` gives, calibrated and with its odds; and the weights of the anchors."""
    config = LTUASConfig.from_json(MINI / CONFIG_NAME)
    loaded = load_calibration(MINI, model_sha256=folder_sha256(MINI), d_model=config.whisper.d_model)
    correction = loaded.calibration.entry("single", "seq_logprob", "mean", "all")
    stream = utterances if adapts else ()
    asked = Respondent(MINI, device="cpu", decoding=Decoding.greedy(max_new_tokens=1), batch=2, stream=stream)
    answers = asked.ask(Asked(prompt="single", input="audio"), asked.hear(utterances))
    known = asked.known_before
    weights = [known[u.utterance_id].weight(config.anchor.pseudo_utterances) if known else 0.0 for u in utterances]
    return [
        list(
            correction.apply(readout(answer.steps, kind="seq_logprob"), weight).expecting(
                loaded.calibration.neutral_odds
            )
        )
        for answer, weight in zip(answers, weights, strict=True)
    ], weights


@pytest.mark.parametrize("adapts", [True, False])
def test_a_run_over_the_utterances_of_a_stream_reads_them_as_the_program_did(tmp_path, adapts):
    setting = {"EMOTION_MONITOR_MODEL__ADAPT": str(adapts).lower()}
    done = run("run", "--source", f"file:{SAMPLE}", "--speed", "max", "--headless", "--sink", "jsonl", env=setting)
    events = [event for event in done.events_of("utterance") if event["final"] and event["distribution"]]
    sound = read_audio(SAMPLE)
    utterances = []
    for event in events:
        path = tmp_path / f"{event['utterance']:03d}.wav"
        start, end = (round(event[name] * 16_000) for name in ("start_s", "end_s"))
        soundfile.write(path, sound[start:end], 16_000, subtype="PCM_16")
        said = {"utterance_id": path.stem, "corpus": "live", "path": path, "speaker": "her", "ratings": ()}
        utterances.append(AnnotatedUtterance(**said))
    distributions, weights = offline(utterances, adapts=adapts)
    for event, read_offline, weight in zip(events, distributions, weights, strict=True):
        if adapts:
            assert event["adaptation"]["weight"] == pytest.approx(weight, abs=0.02)
        np.testing.assert_allclose([*event["distribution"].values()], read_offline, atol=0.02)
    assert len(events) > 3
    assert (weights[-1] > weights[1] > weights[0] == 0) == adapts

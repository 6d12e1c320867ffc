"""A speech LLM whose prompt is asked in several ways."""

import numpy as np
import pytest

from core.ltu_as.decode import Decoding
from core.ltu_as.ensemble import pooled, spread
from core.ltu_as.readout import readout
from core.ltu_as.wordings import members
from core.speech_llm.reader import SpeechLLMReader


def test_an_ensemble_reads_as_its_members_asked_one_by_one(folder_of, sounds):
    reader = SpeechLLMReader(folder_of("qwen2_audio"), ensemble="paraphrases")
    begun = Decoding(max_new_tokens=1)
    alone = [
        reader.answers(sounds, transcripts=[None] * 3, decoding=begun, prompt=name)
        for name in members("single", "paraphrases")
    ]
    for reading, asked in zip(reader.read(sounds), zip(*alone, strict=True), strict=True):
        each = [readout(steps, kind="seq_logprob") for steps in asked]
        np.testing.assert_allclose(tuple(reading.distribution), tuple(pooled(each)), atol=1e-5)
        assert reading.prompt_spread == pytest.approx(spread(each), abs=1e-5)
        assert reading.prompt_spread > 0
    assert reader.stamp.readout == "seq_logprob/paraphrases"

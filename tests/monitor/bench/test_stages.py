from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import EmotionMonitorError
from core.ltu_as.config import AudioConfig
from core.ltu_as.tiny import save_tiny
from core.settings import ModelSettings, Settings, WorkerSettings
from monitor.bench.stages import LENGTHS_S, measure


def settings_of(folder: Path) -> Settings:
    return replace(Settings(), model=ModelSettings(name=str(folder), device="cpu"), worker=WorkerSettings(threads=1))


def test_stages_add_up_to_the_total_and_stand_beside_a_plain_encoder(tmp_path: Path):
    save_tiny(tmp_path, audio=AudioConfig(pool=10, window="utterance", level=1.5))
    inside = measure(settings_of(tmp_path), repeat=1)
    assert [row.length_s for row in inside.rows] == list(LENGTHS_S)
    for row in inside.rows:
        stages = (row.mel_ms, row.encoder_ms, row.tltr_ms, row.llm_ms, row.other_ms)
        assert sum(stage.p50 for stage in stages) == pytest.approx(row.total_ms.p50, abs=0.5)  # each is rounded
        assert min(stage.p50 for stage in stages) >= 0
        assert row.ratio == pytest.approx(row.total_ms.p50 / row.floor_ms.p50, rel=0.2)
    assert inside.threads == 1
    assert min(inside.import_s, inside.load_s, inside.rss_mb) > 0


def test_a_model_that_cannot_be_loaded_is_told_in_one_line(tmp_path: Path):
    with pytest.raises(EmotionMonitorError, match=r"^the stages could not be measured: .*not a model folder"):
        measure(settings_of(tmp_path), repeat=1)

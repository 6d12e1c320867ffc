"""A data set of tones and a Whisper of a few thousand weights: enough to train on in seconds."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from core.ltu_as.config import AudioConfig, WhisperConfig
from core.ltu_as.features import WhisperFeatures

TONES_HZ = {"angry": (300, 1500), "neutral": (300, 500), "sad": (2000, 500), "happy": (2000, 3500)}
"""Two sine waves for each label."""


def write_tone(path: Path, label: str, rng: np.random.Generator) -> None:
    """0.6 to 1 s at 16 kHz, with random level, detuning and some noise."""
    t = np.arange(int(rng.uniform(0.6, 1.0) * 16_000)) / 16_000
    waves = [np.sin(2 * np.pi * hz * rng.uniform(0.97, 1.03) * t) for hz in TONES_HZ[label]]
    sound = sum(waves) * rng.uniform(0.02, 0.2) + rng.standard_normal(len(t)) * 0.002
    soundfile.write(path, sound.astype(np.float32), 16_000, subtype="PCM_16")


def write_table(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 4 train and 2 dev "speakers", each with some tones of all four labels."""
    folder = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(7)
    rows = []
    for speaker in range(6):
        for label in TONES_HZ:
            for take in range(5):
                name = f"{speaker}_{label}_{take}.wav"
                write_tone(folder / name, label, rng)
                rows.append(
                    {"path": name, "speaker": str(speaker), "label": label, "split": "train" if speaker < 4 else "dev"}
                )
    return write_table(folder / "tones.csv", rows)


@pytest.fixture(scope="session")
def small_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random encoder in the Hugging Face layout, with more positions than are heard."""
    folder = tmp_path_factory.mktemp("whisper")
    config = WhisperConfig(d_model=32, layers=2, heads=2, ffn=64, positions=750)
    torch.manual_seed(3)
    module = WhisperFeatures(config, AudioConfig())
    save_file(
        {f"model.encoder.{name}": tensor.half() for name, tensor in module.state_dict().items()},
        folder / "model.safetensors",
    )
    sizes = {
        "num_mel_bins": 80,
        "d_model": 32,
        "encoder_layers": 2,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
    }
    (folder / "config.json").write_text(json.dumps(sizes))
    (folder / "LICENSE").write_text("a licence of the encoder")
    return folder

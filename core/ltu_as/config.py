"""What a model folder's config.json says: every size of the network, and how it is meant to be used."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from annotated_types import Interval

from core.errors import ModelError
from core.json_file import read_json
from core.ltu_as.readout import Kind
from core.model import SAMPLE_RATE_HZ

HOP_LENGTH = 160
"""Samples between two mel frames."""
CONFIG_NAME = "config.json"
_LEAST_PIECE_S = 0.1
FORMAT: Final = "emotion-monitor/ltu-as/1"

DtypeName = Literal["float32", "float16", "bfloat16"]
Count = Annotated[int, Interval(ge=1, le=1 << 20)]
"""Rows of a table, or the width of a layer: far above any model there is, and far below what no machine can hold."""
Depth = Annotated[int, Interval(ge=1, le=1024)]
"""Layers, or heads."""
_STRICT = {"extra": "forbid", "allow_inf_nan": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperConfig:
    """The Whisper encoder that gives the features; `positions` rows of its positional table are kept."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    n_mels: Depth = 80
    d_model: Count
    layers: Depth
    heads: Depth
    ffn: Count
    positions: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioConfig:
    """The window that is heard, and how many encoder frames make one audio token.

    Attributes:
        mel_frames: The window, in spectrogram frames; sound beyond it is not heard.
        pool: Encoder frames per audio token.
        window: `fixed`: a shorter sound fills the window with zeros, as in the original; `utterance`: the window is as
            long as the sound, and its frames are shared out evenly among as few audio tokens as hold them.
        level: What the largest value of every spectrogram is shifted to, so that loudness does not count; None: as it
            is, as in the original.
        deviation: Whether the standard deviation over a token's frames stands beside their mean, as so many more
            layers; the original has the mean only.
        piece_s: A sound longer than this is encoded in equal parts of at most this length, as if each were a sound, and
            the features of the parts are averaged; None: sounds are encoded whole, as in the original. For what is
            linear in the features, that is the mean of the parts' log-probabilities. Only where one audio token holds
            a whole utterance.

    Raises:
        ValueError: There are pieces, but more audio tokens than one, or a piece has no length.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    mel_frames: Count = 1000
    pool: Count = 20
    window: Literal["fixed", "utterance"] = "fixed"
    level: float | None = None
    deviation: bool = False
    piece_s: float | None = None

    def __post_init__(self) -> None:
        if self.piece_s is None:
            return
        if self.window != "utterance" or self.tokens > 1:
            msg = "audio.piece_s needs a window as long as the utterance, and one audio token for all of it"
            raise ValueError(msg)
        if self.piece_s < _LEAST_PIECE_S:
            msg = f"audio.piece_s = {self.piece_s} is less than {_LEAST_PIECE_S}"
            raise ValueError(msg)

    @property
    def encoder_frames(self) -> int:
        """Frames after the encoder's second convolution."""
        return self.mel_frames // 2

    @property
    def tokens(self) -> int:
        """Most audio tokens in front of the prompt; there are always as many in a fixed window."""
        return self.encoder_frames // self.pool

    def tokens_of(self, samples: int) -> int:
        """Audio tokens of a sound of so many samples."""
        return self.tokens if self.window == "fixed" else self.tokens_with_sound(samples)

    def tokens_with_sound(self, samples: int) -> int:
        """Those of them that hold sound; in a fixed window zeros fill the others, which come last."""
        return min(self.tokens, math.ceil(samples // HOP_LENGTH / (2 * self.pool)))

    def pieces_of(self, samples: int) -> int:
        """Equal parts that a sound of so many samples is encoded in."""
        heard_s = min(samples / SAMPLE_RATE_HZ, self.window_s)
        return 1 if self.piece_s is None else max(1, math.ceil(heard_s / self.piece_s))

    @property
    def window_s(self) -> float:
        """Longest stretch of sound that is heard, in seconds."""
        return self.mel_frames * HOP_LENGTH / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True, kw_only=True)
class TLTRConfig:
    """The two blocks of TLTR.

    Attributes:
        time_heads: Attention heads of the block over time.
        layer_heads: Attention heads of the block over encoder layers.
        standardise: Whether every channel of every encoder layer is brought to zero mean and unit variance first, by
            the moments of the training speech; the original does not. A few channels of Whisper are a hundred times
            louder than the others.
        join: What becomes of the layers in the end: their `mean`, as in the original, or all of them side by side
            (`concat`), for the projection to choose from.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    time_heads: Depth = 1
    layer_heads: Depth = 8
    standardise: bool = False
    join: Literal["mean", "concat"] = "mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorConfig:
    """How the features are shifted by what a stream sounds like when it is neutral; see `core.anchor`.

    What is taken from them is w (anchor - mean of the training speech), with w = mass / (mass + pseudo_utterances).

    Attributes:
        pseudo_utterances: Utterances of the training speech's mean that every anchor is held back by.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    pseudo_utterances: Annotated[float, Interval(ge=0, le=1e6)] = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaConfig:
    """Sizes of the language model."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    vocab_size: Count
    hidden_size: Count
    intermediate_size: Count
    num_hidden_layers: Depth
    num_attention_heads: Depth
    rms_norm_eps: Annotated[float, Interval(gt=0, lt=1)] = 1e-6
    rope_theta: Annotated[float, Interval(ge=1, le=1e12)] = 10_000.0
    max_position_embeddings: Annotated[int, Interval(ge=1, le=1 << 24)] = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraConfig:
    """Low-rank adapters of the language model's attention projections; scale is alpha / r."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    r: Count = 8
    alpha: Annotated[float, Interval(gt=0, le=1e6)] = 16.0
    targets: tuple[Literal["q_proj", "k_proj", "v_proj", "o_proj"], ...] = ("q_proj", "v_proj")

    @property
    def scale(self) -> float:
        """Factor of B @ A."""
        return self.alpha / self.r


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriberConfig:
    """A complete Whisper in a folder of the model folder; language null lets it detect the language."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    folder: str
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """The prompt and read-out the model was made for."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    prompt: str = "single"
    readout: Kind = "seq_logprob"


@dataclass(frozen=True, slots=True, kw_only=True)
class LTUASConfig:
    """Everything that tells one LTU-AS from another.

    `feature_dtype` is the precision of the Whisper encoder on a GPU that the checkpoint was trained with; a CPU always
    computes in float32. `lora` is None when the adapters are merged into the weights.

    Raises:
        ValueError: The sizes contradict each other.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    format: Literal["emotion-monitor/ltu-as/1"] = FORMAT
    name: str
    whisper: WhisperConfig
    audio: AudioConfig = field(default_factory=AudioConfig)
    tltr: TLTRConfig = field(default_factory=TLTRConfig)
    anchor: AnchorConfig | None = None
    llama: LlamaConfig
    lora: LoraConfig | None = None
    feature_dtype: Literal["float32", "float16"] = "float32"
    transcriber: TranscriberConfig | None = None
    defaults: Defaults = field(default_factory=Defaults)

    def __post_init__(self) -> None:
        frames = self.audio.encoder_frames
        divisions = (
            ("audio.mel_frames", self.audio.mel_frames, "2 * audio.pool", 2 * self.audio.pool),
            ("whisper.d_model", self.whisper.d_model, "whisper.heads", self.whisper.heads),
            ("whisper.d_model", self.whisper.d_model, "tltr.time_heads", self.tltr.time_heads),
            ("whisper.d_model", self.whisper.d_model, "tltr.layer_heads", self.tltr.layer_heads),
            ("llama.hidden_size", self.llama.hidden_size, "llama.num_attention_heads", self.llama.num_attention_heads),
        )
        for name, value, by, divisor in divisions:
            if divisor <= 0 or value <= 0 or value % divisor:
                msg = f"{name} = {value} is not a multiple of {by} = {divisor}"
                raise ValueError(msg)
        if self.anchor is not None and not self.tltr.standardise:
            msg = "anchor needs tltr.standardise: its moments say what the training speech is like"
            raise ValueError(msg)
        if self.whisper.positions < frames:
            msg = f"whisper.positions = {self.whisper.positions} is less than audio.mel_frames / 2 = {frames}"
            raise ValueError(msg)

    @property
    def feature_layers(self) -> int:
        """Layers of the features: those of the encoder, twice if deviations stand beside the means."""
        return self.whisper.layers * (1 + self.audio.deviation)

    @property
    def joined_dim(self) -> int:
        """Width of what TLTR gives."""
        return self.whisper.d_model * (self.feature_layers if self.tltr.join == "concat" else 1)

    @classmethod
    def from_json(cls, path: Path) -> Self:
        """Reads and checks a config.json.

        Raises:
            ModelError: The file is absent, no JSON, of another format, or a value does not fit; names the key.
        """
        from pydantic import TypeAdapter, ValidationError

        try:
            data = read_json(path)
        except FileNotFoundError as error:
            msg = f"{path}: no such file"
            raise ModelError(msg, hint="a model folder holds config.json, model.safetensors, tokenizer.json") from error
        except (OSError, ValueError) as error:
            msg = f"{path}: not readable as JSON: {error}"
            raise ModelError(msg) from error
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            msg = f"{path}: not the configuration of an LTU-AS model folder (format {FORMAT!r} expected)"
            raise ModelError(msg, hint="`emotion-monitor convert` makes a model folder from the authors' files")
        try:
            return TypeAdapter(cls).validate_python(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            msg = f"{path}: {where or 'config'}: {first['msg'].lower()}"
            raise ModelError(msg) from error

    def to_json(self, path: Path) -> None:
        """Writes the file that `from_json` reads."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    def merged(self) -> Self:
        """The same model with its adapters merged into the weights."""
        return replace(self, lora=None)

    def dtypes(self, *, device: str, llama: DtypeName) -> Callable[[str], DtypeName]:
        """The precision that each tensor, by its name, is loaded in.

        The language model takes `llama`, the Whisper encoder `feature_dtype` on a GPU; everything else is float32.
        """

        def of(tensor: str) -> DtypeName:
            if tensor.startswith("llama.") and ".lora_" not in tensor:
                return llama
            return self.feature_dtype if tensor.startswith("whisper.") and device != "cpu" else "float32"

        return of


LTUAS_7B = LTUASConfig(
    name="ltu-as",
    whisper=WhisperConfig(d_model=1280, layers=32, heads=20, ffn=5120, positions=500),
    llama=LlamaConfig(
        vocab_size=32_000,
        hidden_size=4096,
        intermediate_size=11_008,
        num_hidden_layers=32,
        num_attention_heads=32,
    ),
    lora=LoraConfig(),
    feature_dtype="float16",
)
"""The published model: Whisper large-v1 encoder, TLTR, Vicuna-7B v1.1 with LoRA."""

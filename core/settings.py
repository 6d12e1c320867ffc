"""Settings with their defaults; where else they come from, see `core.settings_file`.

The dataclasses are the truth; config/default.toml is their commented copy, held equal by a test.
"""

import math
import socket
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias, get_args

from annotated_types import Ge, Interval, MinLen

Positive = Annotated[float, Interval(gt=0, lt=math.inf)]
NotNegative = Annotated[float, Interval(ge=0, lt=math.inf)]
Share = Annotated[float, Interval(gt=0, le=1)]
Count = Annotated[int, Ge(1)]

Prompt: TypeAlias = Literal["auto", "single", "ambiguous"]
Readout: TypeAlias = Literal[
    "auto",
    "seq_logprob", "paper_linear", "paper_linear_strict", "shifted_linear",
    "softmax_mean", "mean_softmax", "vocab_prob", "first_piece",
]  # fmt: skip
Ensemble: TypeAlias = Literal["off", "orders", "paraphrases"]
Theme: TypeAlias = Literal[
    "auto",
    "dark", "light", "high-contrast-dark", "high-contrast-light", "colour-blind-dark", "colour-blind-light",
]  # fmt: skip
READOUTS: tuple[Readout, ...] = get_args(Readout)
"""Names of read-outs; auto is the one that the model folder names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """Where sound comes from."""

    sources: Annotated[tuple[str, ...], MinLen(1)] = ("auto",)
    """auto | mic | mic:NAME | file:PATH | stdin | ws://HOST:PORT, any with =NAME after it; auto is the default
    microphone, or the sample."""
    speed: Literal["max"] | Positive = 1.0
    """How fast files and stdin are played: 1 is real time; max waits for the model and drops nothing."""
    retry_s: NotNegative = 3.0
    """A microphone that vanished is looked for every so many seconds, and is the same stream once it is back; 0: it is
    not looked for, and without another source the program ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketSettings:
    """Sound over WebSocket, `--source ws://HOST:PORT`.

    A token comes from token_file or EMOTION_MONITOR_WEBSOCKET__TOKEN; without one, only this machine can be heard.
    """

    origins: tuple[str, ...] = ("loopback",)
    """Pages that may connect, by origin (https://example.org); loopback: those that this machine serves; null: files
    opened in a browser, and whatever else hides its origin. Programs that are no browser have none and may connect."""
    token_file: str = ""
    cert_file: str = ""
    """Certificate for wss://, PEM, intermediate ones after it."""
    key_file: str = ""
    """Its private key, PEM without passphrase; not needed where cert_file holds it too."""
    insecure: tuple[Literal["plaintext"], ...] = ()
    """plaintext: ws:// that other machines can reach, where others can listen in."""
    burst_s: Positive = 5.0
    """Sound that may come faster than real time (times source.speed) before it is refused and counted."""
    idle_s: Positive = 30.0
    """A client that sends no sound for so long is let go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VadSettings:
    """Voice activity detection by webrtcvad."""

    mode: Annotated[int, Interval(ge=0, le=3)] = 2
    """0 lets most through, 3 is the most careful about calling a frame speech."""
    frame_ms: Literal[10, 20, 30] = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmenterSettings:
    """How voiced frames become utterances."""

    start_window_s: Positive = 0.24
    """Window looked at to decide that speech has begun."""
    start_ratio: Share = 0.9
    """Share of voiced frames in the start window that begins an utterance."""
    hangover_s: Positive = 0.6
    """Silence that ends an utterance."""
    pre_roll_s: NotNegative = 0.3
    """Sound kept from before the start window, so that onsets are not clipped."""
    post_pad_s: NotNegative = 0.2
    """Part of the hangover kept at the end of the utterance."""
    min_utterance_s: NotNegative = 0.4
    """Less voiced sound than this is dropped as too short."""
    max_utterance_s: Positive = 10.0
    """Longer speech is cut; the default is what LTU-AS hears."""
    cut_search_s: NotNegative = 2.0
    """A forced cut falls on the quietest frame of this last stretch."""
    interim_every_s: NotNegative = 3.0
    """While speech lasts, an interim reading after each such stretch; 0 turns them off."""
    eager_after_s: NotNegative = 0.2
    """Silence after which an utterance is read already, within the hangover, if the model has nothing else to do; that
    reading is thrown away should speech go on, and is the same as one begun later. At least post_pad_s; 0: not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothingSettings:
    """Exponential moving average of log-probabilities, per stream."""

    tau_s: NotNegative = 7.0
    """Time constant; 0 turns smoothing off."""
    reset_gap_s: Positive = 2.0
    """Silence after which the average starts anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Which model listens, and how its logits are read.

    The token of a model server comes from server_token_file or EMOTION_MONITOR_MODEL__SERVER_TOKEN.
    """

    name: str = "ltu-as-mini"
    """ltu-as-mini | the path of a model folder | hf:OWNER/NAME[@REVISION], from the Hugging Face hub |
    openai:http://HOST:PORT/MODEL, on a server (https:// too); see docs/models.md."""
    device: str = "auto"
    """auto | cpu | cuda | cuda:N"""
    encoder_dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """What the audio encoder multiplies in on a CPU; auto: bfloat16 where the CPU has it, else float32."""
    quantize: Literal["off", "int8", "int4"] = "off"
    """Bits of the language model's weights, for a GPU with little memory: needs torchao; readings are uncalibrated."""
    prompt: Prompt = "auto"
    """The paper's prompts; auto: the one the model folder names."""
    readout: Readout = "auto"
    ensemble: Ensemble = "off"
    """Ask in four ways and take the normalised mean of the log-probabilities: the paper's question with the emotions in
    each cyclic order (orders), or four wordings, each with another order (paraphrases). How much hangs on the way of
    asking is then `prompt_spread`. The language model has four times the work, and without an entry for the ensemble in
    calibration.json the reading is uncalibrated."""
    pool: Literal["mean", "sum", "first"] = "mean"
    scope: Literal["all", "emotion_tokens", "answer_position"] = "all"
    decode: Literal["autoregressive", "verified"] = "autoregressive"
    """How an answer is written, where one is: token by token, or as far as a draft agrees with what the model would
    have written. The same answer but for rounding, in fewer passes."""
    graphs: Literal["auto", "off"] = "auto"
    """auto: on a GPU, in a few fixed shapes that are replayed as CUDA graphs; off: every shape as it comes."""
    calibration: Literal["auto", "off"] = "auto"
    """auto: correct readings as the model folder's calibration.json says; off: show them as the model gives them."""
    abstain: bool = True
    """Give no reading for sound that the model folder's calibration.json calls too short, too quiet, no speech or
    unlike the training speech."""
    adapt: bool = True
    """Let the model get to know each stream's voice and room, if it is made for it: what it sounds like when neutral is
    kept in memory while the stream lasts, never stored, and sent only to who reads (remote.broker)."""
    adapt_readings: bool = False
    """For a model that is not made for that: divide each reading by the stream's mean reading, towards mostly neutral
    speech (see core/mean_reading.py)."""
    neutral_odds: Positive | Literal["auto"] = "auto"
    """How much likelier neutral speech is, where the program listens, than each other emotion. 1: all four alike; auto:
    as the model folder's calibration.json says, and without one 1."""
    transcript: bool = False
    """Show what was said; the model may use a transcript either way, if its folder names a transcriber."""
    deterministic: bool = False
    """Read every utterance by itself, whatever worker.max_batch is, and with kernels of torch that give the same digits
    every time: the last digits of a reading then do not depend on who else spoke. For papers; slower on a GPU."""
    transcriber: Literal["auto", "off"] = "auto"
    """auto: the model is given the words that the transcriber of its folder hears, if it names one; off: never, which
    is quicker and another reading."""
    explain: bool = False
    """Let the model write its answer out for tokens events, of whole utterances only, where the read-out does not need
    it. ltu-as-mini on one CPU core takes 3 ms longer for a word (single) and 18 to 28 ms for percentages (ambiguous);
    latency_ms includes it."""
    server_token_file: str = ""
    """What a model server (openai:...) is to know us by; readable by you only."""
    server_ca_file: str = ""
    """Certificates that the server's is to be checked against, PEM; those of the system if empty."""
    server_insecure: tuple[Literal["plaintext"], ...] = ()
    """plaintext: http:// to another machine, where others can hear what is said."""
    server_timeout_s: Positive = 20.0
    """So long the server may take for one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """The inference process."""

    queue_per_stream: Count = 4
    """Utterances of a stream that may wait; beyond it the oldest is dropped and counted."""
    max_wait_s: Positive = 10.0
    """An utterance that waited longer is dropped and counted."""
    max_batch: Count = 1
    """Utterances read at once; more pays on a GPU only. With model.adapt at most one of each stream."""
    batch_wait_s: NotNegative = 0.0
    """How long an utterance may wait for those of other streams, to be read with them; 0: only those that wait anyway,
    because the model is at work, are read at once."""
    threads: Annotated[int, Ge(0)] = 0
    """CPU threads of the model; 0 lets torch choose."""
    memory_mb: Annotated[int, Ge(0)] = 0
    """Most memory of the process, that on a GPU aside, in MB; 0: nine tenths of the machine's."""
    start_timeout_s: Positive = 300.0
    read_timeout_s: Positive = 60.0
    """A batch that takes longer counts as hung: the process is replaced. Once the model is known, so does one that
    takes ten times what 99 of 100 took, and 5 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSettings:
    """Utterances that other machines read, over an MQTT 5 broker: `broker` here, `emotion-monitor worker` there.

    Password, certificates and what may be done without them are those of [mqtt], and so are base and node.
    """

    broker: str = ""
    """mqtt://[user@]HOST[:PORT] | mqtts://...; empty: a process of this machine reads."""
    site: Annotated[str, MinLen(1)] = "main"
    """Workers and those they read for have the same."""
    sha256: str = ""
    """Only by a model whose weights have this checksum, or one that begins so; empty: by any of the name model.name."""
    codec: Literal["pcm", "flac"] = "pcm"
    """flac: the same samples in about half the bytes, for thin links."""
    window: Count = 8
    """Utterances asked at once, of as many streams."""
    resend_s: Positive = 3.0
    """An utterance that is not answered is asked again after so long, or after three times what workers take for a
    reading if that is more, and once more after twice as long."""
    deadline_s: Annotated[float, Interval(gt=0, le=3600)] = 10.0
    """One that is not answered by then has no reading, and is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSettings:
    """Where events are published. The password comes from password_file or EMOTION_MONITOR_MQTT__PASSWORD.

    A broker on another machine is reached by mqtts:// and with a password or a client certificate, unless `insecure`
    names what may be done without.
    """

    url: str = "embedded"
    """embedded | off | mqtt://[user@]HOST[:PORT] | mqtts://..."""
    base: Annotated[str, MinLen(1)] = "emotion"
    node: Annotated[str, MinLen(1)] = field(default_factory=socket.gethostname)
    password_file: str = ""
    ca_file: str = ""
    """Certificates that the broker's is to be checked against, PEM; those of the system if empty."""
    cert_file: str = ""
    """Client certificate to log in with, PEM, intermediate ones after it."""
    key_file: str = ""
    """Its private key, PEM without passphrase; not needed where cert_file holds it too."""
    insecure: tuple[Literal["plaintext", "anonymous"], ...] = ()
    """plaintext: mqtt:// to another machine, where others can read, change and forge what is said; anonymous: without
    password or client certificate."""
    keepalive_s: Count = 15
    outbox: Annotated[str, MinLen(1)] = "auto"
    """auto | off | PATH: file for events that the broker does not have yet, for the next run should this one end."""
    queue: Count = 10_000
    """Events kept while the broker is away; beyond it the oldest is dropped and counted."""
    queue_bytes: Count = 16_000_000
    """The same for their size."""
    event_valid_s: Count = 3600
    """Events that were not delivered by then are dropped and counted."""
    health_every_s: Positive = 10.0
    state_valid_s: Positive = 120.0
    details: bool = False
    """Also publish how readings came about (tokens) and levels, the latter at most four times a second."""
    home_assistant: str = ""
    """Home Assistant's discovery prefix, usually homeassistant; empty: Home Assistant is told nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSettings:
    """Sinks besides MQTT, and the dashboard."""

    headless: bool = False
    sinks: tuple[str, ...] = ()
    """jsonl (standard output) | jsonl:PATH"""
    jsonl_events: tuple[
        Literal["utterance", "drop", "error", "state", "health", "level", "tokens", "note"], ...
    ] = ("utterance", "drop", "error")  # fmt: skip
    jsonl_interim: bool = False
    """Also write readings of utterances that are not over yet."""
    consent: Literal["ask", "given"] = "ask"
    """ask: the dashboard says what is listened to, sent and stored, once, before a microphone is opened; given: those
    who can be heard know and agree already, as with a kiosk that says so beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSettings:
    """Recordings of events, for a replay; never of sound."""

    on: bool = False
    """Record from the start; it can be turned on and off while the program runs."""
    folder: str = ""
    """Where recordings go, a file each; empty: `recordings` in your data folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """Numbers about the program for Prometheus; see docs/metrics.md."""

    port: Annotated[int, Interval(ge=0, le=65535)] = 0
    """Where they are served, http://127.0.0.1:PORT/metrics, to this machine only; 0: nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardSettings:
    """How the terminal dashboard looks, and its keys."""

    theme: Theme = "auto"
    """auto: the one chosen last time."""
    ascii: Literal["auto"] | bool = "auto"
    """Draw with ASCII only; auto: where the terminal cannot show blocks and lines."""
    compact: bool = False
    """Three lines for each stream, however much room there is."""
    keymap: dict[str, str] = field(default_factory=dict)
    """Action to its key, or keys with commas between them; the dashboard's help names the actions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings; see each section."""

    source: SourceSettings = field(default_factory=SourceSettings)
    websocket: WebSocketSettings = field(default_factory=WebSocketSettings)
    vad: VadSettings = field(default_factory=VadSettings)
    segmenter: SegmenterSettings = field(default_factory=SegmenterSettings)
    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    remote: RemoteSettings = field(default_factory=RemoteSettings)
    mqtt: MqttSettings = field(default_factory=MqttSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    record: RecordSettings = field(default_factory=RecordSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    dashboard: DashboardSettings = field(default_factory=DashboardSettings)

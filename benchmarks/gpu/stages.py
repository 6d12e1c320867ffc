"""What is measured, stage by stage; a stage adds rows to the findings, and can be run without those before it.

Goals are those of the project, for a card with the real shapes; elsewhere the rows show only that everything runs.
"""

import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import torch

from benchmarks.gpu import limits
from benchmarks.gpu.limits import Ceilings, Timing, Work, timed
from benchmarks.gpu.original import Original, as_it_was
from benchmarks.gpu.shapes import REAL, SAID, Ears, Shapes, Words, language_model, sounds, whisper
from core.distribution import EmotionDistribution, js_divergence
from core.ltu_as.decode import Decoding
from core.ltu_as.features import EncodedSounds, encode_together, windows_of
from core.ltu_as.model import LTUAS
from core.ltu_as.quantization import held_bytes
from core.ltu_as.readout import InvalidReading, readout
from core.ltu_as.steps import StepLogits

SINGLE, AMBIGUOUS = 3, 35
"""Tokens of an answer to the paper's two prompts."""
WRONG = 2
"""Tokens of a draft that are not what the model writes: three passes in all."""
KNEE = 16
"""Batch beyond which a GPU gains little more."""
Better = Literal["at most", "at least"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number; `limit` is the roofline's in the same unit, `ratio` what the goal is about."""

    name: str
    unit: str
    value: float
    least: float | None = None
    most: float | None = None
    limit: float | None = None
    ratio: float | None = None
    goal: tuple[Better, float] | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is; None: there is none."""
        if self.goal is None:
            return None
        better, bound = self.goal
        value = self.value if self.ratio is None else self.ratio
        return value <= bound if better == "at most" else value >= bound


@dataclass(slots=True, kw_only=True)
class Bench:
    """What is measured on, and what was found."""

    device: str
    shapes: Shapes
    repeat: int
    utterances: int
    batches: tuple[int, ...]
    rows: list[Row] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    card: Ceilings = field(default_factory=lambda: Ceilings(bytes_s=math.inf, flop_s=math.inf))
    original_ms: dict[int, float] = field(default_factory=dict)

    @property
    def real(self) -> bool:
        """Whether goals count."""
        return self.shapes is REAL and self.device != "cpu"

    def add(self, name: str, timing: Timing, work: Work | None = None, **row: Any) -> None:
        """A time, and what of it no program could spare."""
        limit = work.limit_ms(self.card) if work else row.pop("limit", None)
        if limit and "ratio" not in row:
            row["ratio"] = timing.ms / limit
        self.put(
            Row(name=name, unit="ms", value=timing.ms, least=timing.least_ms, most=timing.most_ms, limit=limit, **row)
        )

    def put(self, row: Row) -> None:
        """A row; its goal only where it counts."""
        self.rows.append(row if self.real else replace(row, goal=None))

    def timed(self, function: Callable[[], object], **how: int) -> Timing:
        """See `benchmarks.gpu.limits.timed`."""
        return timed(function, self.device, **({"repeat": self.repeat, "warm_up": min(2, self.repeat)} | how))


class Models:
    """What the stages share."""

    def __init__(self, bench: Bench) -> None:
        words = Words(bench.shapes.ltu_as.llama.vocab_size)
        self._make = partial(language_model, bench.shapes, bench.device, words)
        self.ltu_as = self._make()
        self.whisper = whisper(bench.shapes, bench.device)
        self._dictated = bench.shapes.dictated
        self._half = torch.float16 if bench.device != "cpu" else torch.float32

    @cached_property
    def ears(self) -> Ears:
        """Whisper in half precision on a GPU, in fixed shapes."""
        return Ears(self.whisper.to(self._half), dictated=self._dictated, graphs=True)

    @cached_property
    def ours(self) -> LTUAS:
        """LTU-AS with its adapters merged, in fixed shapes."""
        self.ltu_as.merge_lora()
        self.ltu_as.use_graphs()
        return self.ltu_as

    def renew(self) -> None:
        """LTU-AS with the same weights as at first, adapters by themselves; the one before is gone by then."""
        self.__dict__.pop("ours", None)
        del self.ltu_as
        gc.collect()  # graphs, and the memory they hold, are in circles
        self.ltu_as = self._make()


def ceilings(bench: Bench, models: Models) -> None:  # noqa: ARG001
    """The card's bandwidth and arithmetic."""
    bench.card = limits.measured(bench.device, small=bench.shapes is not REAL)
    bench.put(Row(name="bandwidth of a copy", unit="GB/s", value=bench.card.bytes_s / 1e9))
    bench.put(Row(name="16-bit matrix product", unit="TFLOP/s", value=bench.card.flop_s / 1e12))


def original(bench: Bench, models: Models) -> None:
    """An eager loop that mirrors the original's steps."""
    theirs = Original(models.ltu_as, models.whisper, bench.shapes.dictated)
    (sound,) = sounds(1)
    try:
        for prompt, tokens in (("single", SINGLE), ("ambiguous", AMBIGUOUS)):
            timing = bench.timed(lambda p=prompt, n=tokens: theirs.answer(sound, p, n), repeat=3, warm_up=1)
            bench.original_ms[tokens] = timing.ms
            bench.add(f"original's steps, {prompt}, J={tokens}, with transcript", timing)
    finally:
        as_it_was(models.whisper)


def parts(bench: Bench, models: Models) -> None:
    """Every part by itself, eagerly and as graphs."""
    with _eager(models.ours):
        _parts(bench, models, "eager", graphs=False)
    _parts(bench, models, "graphs", graphs=True)


def _parts(bench: Bench, models: Models, how: str, *, graphs: bool) -> None:
    model, config = models.ours, models.ours.config
    width, layers, _ = bench.shapes.transcriber
    ears = models.ears if graphs else Ears(models.ears.model, dictated=bench.shapes.dictated, graphs=False)
    (sound,) = sounds(1)
    mel30, mel10 = ears.mel([sound]), windows_of(sound, config.audio)
    pooled = torch.float16 if bench.device != "cpu" else torch.float32
    runs = model._graphs if graphs else None  # noqa: SLF001
    goal = {"encoder": 2.0, "token": 2.5, "step": 1.6} if graphs else {}

    def goal_of(part: str) -> dict[str, Any]:
        return {"goal": ("at most", goal[part])} if part in goal else {}

    with torch.inference_mode():
        bench.add(
            f"{how}: mel of both windows, on the host",
            bench.timed(lambda: (ears.mel([sound]), windows_of(sound, config.audio))),
        )
        bench.add(
            f"{how}: feature encoder, 10 s",
            bench.timed(lambda: encode_together(model.whisper, [mel10], pooled, runs)),
            limits.encoder(config.whisper, config.audio.encoder_frames),
            **goal_of("encoder"),
        )
        heard30 = limits.encoder(replace(config.whisper, d_model=width, layers=layers, ffn=4 * width), 1500)
        cross = limits.cross_attention(width, layers)
        bench.add(
            f"{how}: transcript encoder, 30 s, and its keys",
            bench.timed(lambda: ears.passes.hear(mel30)),
            Work(heard30.flop + cross.flop, heard30.size + cross.size),
            **goal_of("encoder"),
        )
        token = torch.zeros(1, 1, dtype=torch.long, device=model.device)
        bench.add(
            f"{how}: transcript token",
            bench.timed(lambda: ears.passes.read(token, 9), repeat=4 * bench.repeat),
            limits.dictated_token(width, layers),
            **goal_of("token"),
        )
        heard = model.hear([sound])
        bench.add(
            f"{how}: TLTR and projection",
            bench.timed(lambda: model._heard_embeddings(heard)),  # noqa: SLF001
            limits.tltr(config.whisper.d_model, config.feature_layers, config.audio.tokens, config.llama.hidden_size),
            note="in float32, limit in 16 bits",
        )
        answering(bench, model, how, heard, **goal_of("step"))


def answering(bench: Bench, model: LTUAS, how: str, heard: EncodedSounds, *, spared: int = 0, **goal: Any) -> None:
    """The passes of a language model that takes so many bytes less than one in 16 bits; a goal for its tokens."""
    decoding, sizes = Decoding(max_new_tokens=AMBIGUOUS), model.config.llama
    prefix, prompt_tokens = _prefix(model, heard, decoding)
    prompt, token = limits.llama(sizes, prompt_tokens, 8), limits.llama(sizes, 1, 1)
    bench.add(
        f"{how}: prompt and four answers",
        bench.timed(lambda: _prefix(model, heard, decoding)),
        replace(prompt, size=prompt.size - spared),
    )
    step = torch.full((1,), 9, device=model.device)
    prefix.append(step)
    bench.add(
        f"{how}: a token of the language model",
        bench.timed(lambda: (prefix.append(step), prefix.accept(torch.full_like(step, -1))), repeat=4 * bench.repeat),
        replace(token, size=token.size - spared),
        **goal,
    )


def _prefix(model: LTUAS, heard: Any, decoding: Decoding) -> tuple[Any, int]:
    """A prompt that was read with its answers, and how many tokens that took."""
    from core.ltu_as.prompt import render

    ids, keep = model._padded([model.tokenizer.encode(render("single", SAID))])  # noqa: SLF001
    answers = tuple(model.verbalizer.answers("single").values())
    embeds, keep = model.splice(ids, keep, model._heard_embeddings(heard))  # noqa: SLF001
    tokens = embeds.shape[1] + sum(len(answer) - 1 for answer in answers)
    return model._prefix(embeds, keep, answers, (), decoding)[0], tokens  # noqa: SLF001


def whole(bench: Bench, models: Models) -> None:
    """One utterance of five seconds, from samples to logits."""
    model, ears = models.ours, models.ears
    (sound,) = sounds(1)

    def read(prompt: str, tokens: int, *, verified: bool = False, dictate: bool = True) -> list[StepLogits]:
        if dictate:
            with torch.inference_mode():
                ears.write(ears.mel([sound]))
        decoding = Decoding(max_new_tokens=tokens)
        return model.answer(
            model.hear([sound]), transcripts=[SAID], prompt=prompt, decoding=decoding, verified=verified
        )

    transcript_ms = _transcript_ms(bench, bench.shapes.dictated)
    for prompt, tokens, name in (
        ("single", 1, "single, one pass (seq_logprob)"),
        ("single", SINGLE, f"single, J={SINGLE}"),
        ("ambiguous", AMBIGUOUS, f"ambiguous, J={AMBIGUOUS}, token by token"),
    ):
        bench.add(
            f"5 s with transcript: {name}",
            bench.timed(lambda p=prompt, n=tokens: read(p, n)),
            limit=transcript_ms + _answer_ms(bench, tokens),
            **({"goal": ("at most", 2.5)} if tokens == SINGLE else {}),
        )
        goal = 8.0 if tokens == SINGLE else None  # the other is reached by verification
        _against_original(bench, f"original's steps over ours, {prompt}, J={tokens}", tokens, goal)
    (plain,) = read("ambiguous", AMBIGUOUS, dictate=False)
    for wrong in (0, WRONG, 4):
        model._drafts["ambiguous"] = draft_of(plain, wrong)  # noqa: SLF001
        (quick,) = read("ambiguous", AMBIGUOUS, verified=True, dictate=False)
        if quick.tokens.tolist() != plain.tokens.tolist():
            bench.faults.append(f"a draft with {wrong} wrong tokens gives another answer (in 16 bits a near tie can)")
        bench.add(
            f"5 s with transcript: ambiguous, J={AMBIGUOUS}, verified, {wrong} wrong",
            bench.timed(lambda: read("ambiguous", AMBIGUOUS, verified=True)),
            limit=transcript_ms + _answer_ms(bench, 1 + wrong),
        )
        if wrong == WRONG:
            _against_original(bench, f"original's steps over ours, ambiguous, verified, {wrong} wrong", AMBIGUOUS, 15.0)
    bench.add("5 s, transcript given: single, one pass", bench.timed(lambda: read("single", 1, dictate=False)))


def _against_original(bench: Bench, name: str, tokens: int, goal: float | None) -> None:
    if tokens in bench.original_ms:
        times = bench.original_ms[tokens] / bench.rows[-1].value
        bench.put(Row(name=name, unit="times", value=times, goal=("at least", goal) if goal else None))


def _transcript_ms(bench: Bench, tokens: int) -> float:
    """The roofline of both encoders and of what is dictated."""
    config, (width, layers, _) = bench.shapes.ltu_as, bench.shapes.transcriber
    stages = [
        limits.encoder(config.whisper, config.audio.encoder_frames),
        limits.encoder(replace(config.whisper, d_model=width, layers=layers, ffn=4 * width), 1500),
        limits.cross_attention(width, layers),
        limits.tltr(config.whisper.d_model, config.feature_layers, config.audio.tokens, config.llama.hidden_size),
        *[limits.dictated_token(width, layers)] * tokens,
    ]
    return sum(stage.limit_ms(bench.card) for stage in stages)


def _answer_ms(bench: Bench, passes: int) -> float:
    """The roofline of the language model: the prompt, then one more pass for each further one."""
    sizes = bench.shapes.ltu_as.llama
    prompt, step = limits.llama(sizes, 130, 8), limits.llama(sizes, 1, 1)
    return prompt.limit_ms(bench.card) + (passes - 1) * step.limit_ms(bench.card)


def draft_of(answer: StepLogits, wrong: int) -> tuple[int, ...]:
    """The answer with so many tokens exchanged, evenly over its length."""
    draft = answer.tokens.tolist()
    for n in range(wrong):
        place = (n + 1) * len(draft) // (wrong + 1)
        draft[place] = draft[place] % 1000 + 3
    return tuple(draft)


def agreement(bench: Bench, models: Models) -> None:
    """How often ways to run the same thing disagree: verified, in graphs, in a batch; tokens and readings."""
    model, n = models.ours, bench.utterances
    given = sounds(n, seed=1)
    said = [" ".join(SAID.split()[: 3 + k % 20]) for k in range(n)]
    asked = {"prompt": "ambiguous", "decoding": Decoding(max_new_tokens=AMBIGUOUS)}

    def alone(k: int, **how: Any) -> StepLogits:
        return model.answer(model.hear([given[k]]), transcripts=[said[k]], **asked, **how)[0]

    plain = [alone(k) for k in range(n)]
    quick = []
    for k, answer in enumerate(plain):
        model._drafts["ambiguous"] = draft_of(answer, WRONG)  # noqa: SLF001
        quick.append(alone(k, verified=True))
    _agreement(bench, "verified and token by token", plain, quick, goals=True)
    size = min(8, n)
    together = model.answer(model.hear(given[:size]), transcripts=said[:size], **asked)
    _agreement(bench, f"in a batch of {size} and alone", plain[:size], together)
    with _eager(model):
        few = min(n, 16)
        _agreement(bench, "eager and graphs", [alone(k) for k in range(few)], plain[:few])


@contextmanager
def _eager(model: LTUAS) -> Iterator[None]:
    graphs, graphed = model._graphs, model._graphed  # noqa: SLF001
    model._graphs = model._graphed = None  # noqa: SLF001
    try:
        yield
    finally:
        model._graphs, model._graphed = graphs, graphed  # noqa: SLF001


def _agreement(bench: Bench, name: str, one: list[StepLogits], other: list[StepLogits], *, goals: bool = False) -> None:
    alike = [a.tokens.tolist() == b.tokens.tolist() for a, b in zip(one, other, strict=True)]
    first = [float(np.abs(a.logits[0] - b.logits[0]).max()) for a, b in zip(one, other, strict=True)]
    divergences = [apart(a, b) for a, b in zip(one, other, strict=True)]
    same = [js for js, equal in zip(divergences, alike, strict=True) if equal]
    note = f"{sum(alike)} of {len(alike)} answers; logits of the first token differ by {max(first):.2g} at most"
    share = 100 * sum(alike) / len(alike)
    bench.put(
        Row(name=f"{name}: same tokens", unit="%", value=share, goal=("at least", 99.5) if goals else None, note=note)
    )
    bench.put(
        Row(
            name=f"{name}: JS divergence, most",
            unit="",
            value=max(divergences),
            goal=("at most", 1e-3) if goals else None,
            note=f"where the tokens are the same {max(same, default=math.nan):.2g}",
        )
    )
    if bench.device == "cpu" and not all(alike):
        bench.faults.append(f"{name}: other tokens in float32")


def apart(one: StepLogits, other: StepLogits) -> float:
    """Jensen-Shannon divergence of the readings of two answers; NaN if one gives none."""
    try:
        readings: list[EmotionDistribution] = [readout(steps, kind="softmax_mean") for steps in (one, other)]
    except InvalidReading:
        return math.nan
    return js_divergence(*readings)


def throughput(bench: Bench, models: Models) -> None:
    """Utterances a second, and memory, by batch."""
    model, ears = models.ours, models.ears
    rates: dict[tuple[str, int], float] = {}
    for batch in bench.batches:
        given = sounds(batch)
        if bench.device != "cpu":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(bench.device)

        def read(given: list[Any] = given, *, dictate: bool) -> None:
            if dictate:
                with torch.inference_mode():
                    ears.write(ears.mel(given))
            decoding = Decoding(max_new_tokens=SINGLE if dictate else 1)
            model.answer(model.hear(given), transcripts=[SAID] * len(given), decoding=decoding)

        for name, dictate in (("with transcript, J=3", True), ("transcript given, one pass", False)):
            timing = bench.timed(lambda d=dictate: read(dictate=d), warm_up=1)
            rates[name, batch] = batch / timing.ms * 1000
            gain = rates[name, batch] / rates[name, bench.batches[0]]
            bench.put(
                Row(
                    name=f"batch of {batch}, {name}",
                    unit="utterances/s",
                    value=rates[name, batch],
                    ratio=gain,
                    goal=("at least", 2.3) if batch == KNEE else None,
                    note=f"{timing.ms:.1f} ms",
                )
            )
        if bench.device != "cpu":
            _memory(bench, models, batch)


def _memory(bench: Bench, models: Models, batch: int) -> None:
    config, (width, layers, _) = bench.shapes.ltu_as, bench.shapes.transcriber
    sizes = config.llama
    kept = 2 * 2 * sizes.num_hidden_layers * sizes.hidden_size * 185 + 2 * 2 * layers * 1500 * width
    expected = (held_bytes(models.ours) + held_bytes(models.ears.model) + batch * kept) / 1e9
    used = torch.cuda.max_memory_allocated(bench.device) / 1e9
    row = Row(name=f"memory at a batch of {batch}", unit="GB", value=used, limit=expected, ratio=used / expected)
    held = torch.cuda.memory_reserved(bench.device) / 1e9
    bench.put(replace(row, goal=("at most", 1.1), note=f"{held:.1f} GB held by torch, graphs included"))


STAGES: dict[str, Callable[[Bench, Models], None]] = {
    "ceilings": ceilings,
    "original": original,
    "parts": parts,
    "whole": whole,
    "throughput": throughput,
    "agreement": agreement,
}

"""The model card and the licence notice of a trained folder, written from the run itself."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.distribution import EMOTIONS
from core.ltu_as.config import AudioConfig, LTUASConfig
from offline_eval.datasets.dataset import Dataset
from offline_eval.labels.clips import SPLITS, UNLABELLED, Clip, Recording, in_split
from offline_eval.scoring.scores import Score, table
from offline_eval.training.anchors import Anchors
from offline_eval.training.recipe import Recipe
from offline_eval.training.trainer import Epoch

NON_COMMERCIAL = "CC BY-NC-SA 4.0"

KNOWN = {
    "ravdess": "RAVDESS, English: Livingstone and Russo, The Ryerson Audio-Visual Database of Emotional Speech and "
    "Song, PLoS ONE 13(5), 2018; its calm counts as neutral",
    "nemo": "nEMO, Polish: Christop, nEMO: Dataset of Emotional Speech in Polish, LREC-COLING 2024",
    "emodb": "Berlin EmoDB, German: Burkhardt et al., A Database of German Emotional Speech, Interspeech 2005; a copy "
    "whose clips were cut or padded to two seconds",
    "emodb_full": "Berlin EmoDB, German: Burkhardt et al., A Database of German Emotional Speech, Interspeech 2005",
    "ased": "ASED, Amharic: Retta et al., A New Amharic Speech Emotion Dataset and Classification Benchmark, ACM "
    "TALLIP 2022; only two of its seven sentences were spoken in every emotion",
    "librispeech": "LibriSpeech, English, ordinary people reading books aloud: Panayotov et al., Librispeech: An ASR "
    "Corpus Based on Public Domain Audio Books, ICASSP 2015; nobody labelled it",
    "emotiontts": "emotiontts_open_db, Korean; labels are those of the codes in its file names",
    "tess": "TESS, English: Pichora-Fuller and Dupuis, Toronto emotional speech set, 2020, doi:10.5683/SP2/E8H2MF",
    "crema-d": "CREMA-D, English: Cao et al., CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset, IEEE "
    "Transactions on Affective Computing 5(4), 2014; targets are listeners' votes on the voice alone",
}
"""Corpora that are named in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a run knows about its result."""

    name: str
    encoder: str
    encoder_sha256: str
    start: Path | None
    config: LTUASConfig
    recipe: Recipe
    datasets: Sequence[Dataset]
    epochs: Sequence[Epoch]
    scores: Mapping[str, Mapping[str, Score]]
    groups: Mapping[str, Mapping[str, Score]]
    sha256: str
    size_mb: float
    training_s: float
    threads: int
    torch: str
    without: Sequence[str] = ()
    heard_before: Sequence[str] | None = ()

    @property
    def clips(self) -> list[Clip]:
        """All clips, training and dev."""
        return [clip for dataset in self.datasets for clip in dataset.clips]

    @property
    def licences(self) -> dict[str, str]:
        """Corpus to licence."""
        return {corpus: text for dataset in self.datasets for corpus, text in dataset.licences.items()}

    @property
    def non_commercial(self) -> bool:
        """Whether a corpus, or the model that was trained further, binds the weights to CC BY-NC-SA 4.0."""
        of_start = self.start / "LICENSE" if self.start else None
        if of_start and of_start.is_file() and NON_COMMERCIAL in of_start.read_text(encoding="utf-8"):
            return True
        return any(text.startswith("CC BY-NC-SA") for text in self.licences.values())


def model_card(facts: Facts) -> str:
    """MODEL_CARD.md."""
    recipe, llama = facts.recipe, facts.config.llama
    speakers = {split: len({clip.speaker for clip in in_split(facts.clips, split)}) for split in SPLITS}
    columns = " | ".join(f"{split} speakers | {split} clips" for split in SPLITS)
    licence = NON_COMMERCIAL.lower().replace(" ", "-") if facts.non_commercial else "other"
    return f"""---
license: {licence}
tags: [speech-emotion-recognition, ltu-as]
---

# {facts.name}

A small LTU-AS: frozen Whisper encoder ({facts.encoder}, {facts.config.whisper.layers} blocks), TLTR, projection,
and a LLaMA decoder of {llama.num_hidden_layers} layers and width {llama.hidden_size} with a sub-word vocabulary of its
own. It answers the two prompts of "Token-Level Logits Matter" (arXiv 2505.18484); readings come from the logits of its
answer's pieces. There is no classifier head.
Weights: {facts.size_mb:.1f} MB, float16, sha256 `{facts.sha256}`.

## Intended use

Showing how likely listeners are to hear anger, happiness, sadness or neutral in an utterance: demonstrations, research
and teaching. It estimates expressed emotion, not what a person feels.
Not for decisions on employment, education, law enforcement, credit or health.

## Licence

{_licence_paragraph(facts)}

## Data

| corpus | licence | {columns} |
|---|---|---|---|---|---|
{_corpora(facts)}

{_known(facts)}Four classes ({", ".join(EMOTIONS)}); left out, by label or reason: {_skipped(facts)}.
No speaker is in both splits. A label is what the corpus states, in acted corpora what the actor was asked to express
and not what listeners heard; where a corpus has votes, the target is their shares. Sentences repeat within corpora, so
no transcript of a clip was ever shown to the model.

## Scores on dev speakers

Read from the saved folder with `seq_logprob`, pooled by the mean, as the program does by default; before any
calibration. macro-F1 (higher is better) / negative log-likelihood in nats (lower is better), clips in brackets:

{table(facts.scores)}

The best epoch was chosen on these speakers, so the scores flatter the model a little; so few speakers make them noisy.

The single prompt's readings, by what the corpora state of the speakers, and by length:

{table(facts.groups)}

## Training

- Seed {recipe.seed}; {facts.training_s:.0f} s on {facts.threads} CPU thread(s), features included unless they were
  cached. PyTorch {facts.torch}.
- Whisper stays frozen (weights sha256 `{facts.encoder_sha256}`). TLTR, projection and decoder start from
  {_beginning(facts)}; a small classifier on the audio tokens guided them in training and is not in the weights.
- {_window(facts.config.audio)}
- Each batch asks half of its clips the single-label prompt and half the likelihood prompt. The loss is on answers and
  their end only. At the answer's first piece it is taken through the default read-out, against the label with
  {recipe.smoothing:g} of its mass spread over all four emotions; later pieces are taught by one answer drawn from that
  distribution.
- Likelihoods name the emotions in an order drawn from the same distribution. The percentages are
  {1 - recipe.own_share:.0%} that distribution and {recipe.own_share:.0%} the model's own latest reading of the clip.
- Clips are mixed in pairs (mixup), {recipe.feature_dropout:.0%} of the features' channels are blanked, and silence and
  noises are answered with "None".
- Emotions are drawn alike within a corpus, corpora {_corpora_drawn(recipe)}. {recipe.variants} augmented
  variant(s) of each clip: speed with pitch, trimmed silence, cuts, rooms, noise, band limits, overdrive, codecs, level.
{_taught(recipe)}- A plain, unrelated sentence as transcript in {recipe.transcript_share:.0%} of the steps.
- Averaged weights; stopped on the mean over corpora of the dev NLL: epoch {_kept(facts)} of {len(facts.epochs)}.

Recipe: `{asdict(recipe)}`

Trained again by

    emotion-eval train --data DATA {_source(facts)} --out DIR{_left_out(facts)}{_choices(recipe)}

on {facts.threads} thread(s) (`--threads`); another number of threads, or another PyTorch, rounds differently.

## Limits

- Learned from {speakers["train"]} speakers; judged on {speakers["dev"]}.{_flattered(facts)}{_acted(facts)}
- Spontaneous speech, far microphones, other languages, children and overlapping speakers are not measured.
- Differences by accent and age are not measured.
- It hears the first ten seconds of an utterance, and no transcript.
"""


def licence_notice(facts: Facts, source: Path | None) -> str:
    """LICENSE of the folder: what binds the weights, and the notice of what they were made from."""
    notice = f"{facts.name}: licence of the weights in this folder\n\n{_licence_paragraph(facts)}\n"
    if source is not None and (of_source := source / "LICENSE").is_file():
        text = of_source.read_text(encoding="utf-8")
        notice += f"\nNotice of the encoder or the model that these weights were made from:\n\n{text}"
    return notice


def _licence_paragraph(facts: Facts) -> str:
    stated = "; ".join(f"{corpus} ({text})" for corpus, text in sorted(facts.licences.items()))
    if facts.non_commercial:
        return (
            "These weights are under Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International "
            f"({NON_COMMERCIAL}, https://creativecommons.org/licenses/by-nc-sa/4.0/): they were trained on corpora, or "
            "made from weights, under that licence. They may not be used commercially, and what is made from them "
            "stays under the same licence. "
            f"Training data: {stated}."
        )
    return f"The licence of the training data decides what these weights may be used for. Training data: {stated}."


def _corpora(facts: Facts) -> str:
    lines = []
    heard: list[Recording] = [*facts.clips]
    if facts.recipe.reading_share:
        heard += [clip for dataset in facts.datasets for clip in dataset.others if clip.label == UNLABELLED]
    for corpus, licence in sorted(facts.licences.items()):
        cells = [corpus, licence]
        for split in SPLITS:
            clips = [clip for clip in in_split(heard, split) if clip.corpus == corpus]
            cells += [str(len({clip.speaker for clip in clips})), str(len(clips))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _known(facts: Facts) -> str:
    named = [f"- {KNOWN[corpus]}.\n" for corpus in sorted(facts.licences) if corpus in KNOWN]
    return "".join(named) + "\n" if named else ""


def _skipped(facts: Facts) -> str:
    counts = sum((Counter(dataset.skipped) for dataset in facts.datasets), Counter[str]())
    return ", ".join(f"{label} {number}" for label, number in sorted(counts.items())) or "none"


def _kept(facts: Facts) -> int:
    return min(facts.epochs, key=lambda epoch: epoch.dev_nll).number


def _beginning(facts: Facts) -> str:
    return "those of a finished model" if facts.start else "random weights at the scale of the data"


def _source(facts: Facts) -> str:
    return "--start MODEL" if facts.start else "--whisper WHISPER_DIR"


def _left_out(facts: Facts) -> str:
    return f" --without {','.join(facts.without)}" if facts.without else ""


def _window(audio: AudioConfig) -> str:
    window = "as long as the utterance" if audio.window == "utterance" else "of ten seconds"
    moments = "mean and standard deviation" if audio.deviation else "mean"
    level = "; loudness is taken out of the spectrogram" if audio.level is not None else ""
    pieces = f"; longer sounds are heard in equal parts of at most {audio.piece_s:g} s" if audio.piece_s else ""
    return f"A window {window}{pieces}; {moments} of at most {audio.pool} encoder frames (20 ms) an audio token{level}."


def _corpora_drawn(recipe: Recipe) -> str:
    alike = "alike, and clips whose words tell the emotion less than others"
    return "by their voices" if recipe.balance == "voices" else alike


def _taught(recipe: Recipe) -> str:
    """Lines on what the default recipe does not do."""
    lines = []
    if recipe.anchors is not None:
        lines.append("Features are heard as after nothing, some or all of a voice's neutral speech was taken off them.")
    if recipe.reading_share:
        lines.append(
            "Unlabelled reading aloud is taught as mostly neutral (0.8), a modelling choice; its weight is "
            f"{recipe.reading_share:g} against 1 for all labelled clips."
        )
    if recipe.teacher_share:
        lines.append(
            f"{recipe.teacher_share:.0%} of the targets is what a logistic regression reads in the same mix of clips."
        )
    return "".join(f"- {line}\n" for line in lines)


def _choices(recipe: Recipe) -> str:
    """The options that make this recipe of the default one."""
    default, chosen = asdict(Recipe()), asdict(recipe)
    if recipe.anchors is not None:
        default["anchors"] = asdict(Anchors())
    flat = [f"{key}={value}" for key, value in _changed(chosen, default)]
    flat += ["anchors=default"] if recipe.anchors == Anchors() else []
    return "".join(f" \\\n        --set {choice}" for choice in flat)


def _changed(chosen: Mapping[str, Any], default: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """What differs, by its path, as `chosen` of the recipe takes it."""
    for key, value in chosen.items():
        if isinstance(value, dict):
            yield from _changed(value, default[key], f"{prefix}{key}.")
        elif value != default[key]:
            yield f"{prefix}{key}", "..".join(map(str, value)) if isinstance(value, tuple) else value


def _flattered(facts: Facts) -> str:
    """Where the model that was trained further may know whom it is judged on."""
    if facts.heard_before is None:
        return " The model that was trained further does not say whom it learned from."
    if facts.heard_before:
        return f" The model that was trained further learned from {', '.join(facts.heard_before)}: they flatter it."
    return ""


def _acted(facts: Facts) -> str:
    acted = sorted({clip.corpus for clip in facts.clips} & set(KNOWN))
    return f" {', '.join(acted)}: acted, and read sentences." if acted else ""

"""What was evaluated, and what it came to, in sentences."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from core.distribution import EMOTIONS
from offline_eval.report.differences import verdict
from offline_eval.report.document import Block, Facts, Listing, Paragraph, Section
from offline_eval.report.findings import Findings
from offline_eval.report.words import AGREEMENT, SHORT, interval, number, share
from offline_eval.runs.summary import apart_in_words
from offline_eval.scoring.reference_points import VOTE_PRIOR
from offline_eval.scoring.resampling import Estimate


def in_short(findings: Findings) -> Section:
    """A few sentences that follow from the numbers."""
    scores = findings.evaluation.systems[findings.judged.name].scored
    texts = [f"Judged here: {findings.judged.name}. {_found(findings)}"]
    if scores.n_scored:
        texts += [_skill(findings), _told_apart(findings), _ambiguity(scores.estimates["entropy_spearman"])]
    return Section(
        anchor="short",
        title="In short",
        blocks=(Listing(tuple(texts)), *(Paragraph(text, warning=True) for text in findings.warnings)),
    )


def evaluated(findings: Findings) -> Section:
    """Corpus, labels, model, questions and counts."""
    record = findings.record
    facts = [
        ("corpus", _corpus(findings)),
        ("votes", _votes(findings)),
        ("agreement", _agreement(findings)),
        ("model", f"{record.model['name']}, sha256 {record.model['sha256']}"),
        ("computed on", f"{record.model['device']}, {record.model['dtype']}, {record.batch} utterances at once"),
        ("decoding", ", ".join(f"{name} {value}" for name, value in record.decoding.items())),
        ("utterances", f"{record.n_utterances:,}" + (f" (at most {record.limit:,} asked for)" if record.limit else "")),
        ("readings", _counts(findings)),
        ("cut off", _truncated(findings)),
        ("software", ", ".join(f"{name} {number}" for name, number in record.versions.items())),
    ]
    facts += [(f"licence of {corpus}", licence) for corpus, licence in record.licences.items()]
    blocks: list[Block] = [Facts(tuple(facts))]
    if record.policy_lines or record.notes:
        blocks += [Paragraph("Labels:"), Listing((*record.policy_lines, *record.notes))]
    blocks += [Paragraph("Asked:"), Listing(tuple(_asked(findings)))]
    apart = [f"{one.view.name}: {apart_in_words(one)}" for one in findings.readings if one.spread is not None]
    if apart:
        text = (
            "Several answers to the same utterance, and how far they are apart (Jensen-Shannon divergence of all of "
            "them, over ln 4; 0: they say the same):"
        )
        blocks += [Paragraph(text), Listing(tuple(apart))]
    return Section(anchor="evaluated", title="What was evaluated", blocks=tuple(blocks))


def _found(findings: Findings) -> str:
    scores = findings.evaluation.systems[findings.judged.name].scored
    if not scores.n_scored:
        return f"It has no valid reading of any of {scores.n_total:,} utterances."
    said = " and ".join(f"{SHORT[name]} {_estimate(scores.estimates[name])}" for name in ("kl_smoothed", "macro_f1"))
    return f"It reads {share(scores.n_scored, scores.n_total)} utterances, with {said}."


def _skill(findings: Findings) -> str:
    evaluation = findings.evaluation
    skill = evaluation.systems[findings.judged.name].scored.estimates["skill_smoothed"]
    prior = evaluation.systems[VOTE_PRIOR].scored.estimates["kl_smoothed"]
    return (
        f"The vote prior, which says the same of every utterance, comes to {SHORT['kl_smoothed']} {_estimate(prior)}; "
        f"skill over it is {_estimate(skill)} (1: as the voters, 0: as the prior, below: worse)."
    )


def _told_apart(findings: Findings) -> str:
    against = [one for one in findings.differences if one.other == VOTE_PRIOR]
    by_verdict: dict[str, list[str]] = {}
    for one in against:
        by_verdict.setdefault(verdict(one), []).append(SHORT[one.measure])
    words = {"better": "better on", "worse": "worse on", "not told apart": "not told apart on"}
    said = [f"{words[name]} {', '.join(by_verdict[name])}" for name in words if name in by_verdict]
    if not said:
        return "There is nothing to draw from, so no difference to the vote prior is tested."
    return f"Against the vote prior, after Holm's correction: {'; '.join(said)}."


def _ambiguity(rho: Estimate) -> str:
    if np.isnan(rho.value):
        return "Whether it is torn where people disagree cannot be told: all its entropies, or the votes', are alike."
    text = f"Its entropy follows that of the votes with Spearman rho {_estimate(rho)}"
    if rho.low is None or rho.high is None:
        return f"{text}."
    if rho.low > 0:
        return f"{text}: it tends to be torn where people disagree."
    return f"{text}: " + (
        "it tends to be sure where people disagree." if rho.high < 0 else "this cannot be told from none."
    )


def _estimate(estimate: Estimate) -> str:
    return " ".join(filter(None, (number(estimate.value), interval(estimate))))


def _corpus(findings: Findings) -> str:
    utterances = [one.utterance for one in findings.rated]
    by_corpus = Counter(one.corpus for one in utterances)
    parts = [f"{findings.record.dataset}: {', '.join(f'{name} {n:,}' for name, n in sorted(by_corpus.items()))}"]
    parts.append(f"{len({one.speaker for one in utterances}):,} speakers")
    if dialogues := {one.dialogue for one in utterances if one.dialogue}:
        parts.append(f"{len(dialogues):,} dialogues")
    known = findings.durations_s[np.isfinite(findings.durations_s)]
    if len(known):
        parts.append(f"{known.sum() / 60:.1f} minutes, {np.median(known):.1f} s the median utterance")
    return "; ".join(parts)


def _votes(findings: Findings) -> str:
    mean = findings.humans.mean(0)
    raters = np.mean([len(one.votes) for one in findings.rated])
    shares = ", ".join(f"{emotion} {number(p)}" for emotion, p in zip(EMOTIONS, mean, strict=True))
    return f"{shares}; {raters:.3g} raters to an utterance"


def _agreement(findings: Findings) -> str:
    counts = Counter(one.agreement for one in findings.rated)
    labelled = sum(one.hard_label is not None for one in findings.rated)
    said = "; ".join(f"{text}, {counts[name]:,}" for name, text in AGREEMENT.items() if counts[name])
    return f"{said}. {share(labelled, len(findings.rated))} have a hard label"


def _counts(findings: Findings) -> str:
    scores = findings.evaluation.systems[findings.judged.name].scored
    return (
        f"{scores.n_total:,} in total, {scores.n_scored:,} scored, {scores.n_invalid:,} invalid "
        f"({findings.judged.name}; for all views see below)"
    )


def _truncated(findings: Findings) -> str:
    cut, known = findings.truncated
    if not known:
        return "not known"
    return f"{share(cut, known)} recordings are longer than what the model hears, their ends are not heard"


def _asked(findings: Findings) -> Iterator[str]:
    """A line for each question, however often answers to it were drawn."""
    given = {"audio": "the recording", "silence": "as much silence", "transcript": "the words without the sound"}
    drawn = Counter((one.prompt, one.input, one.text) for one in findings.record.questions if one.draw)
    unread = {(one.prompt, one.input, one.text) for one in findings.unread}
    for question in dict.fromkeys((one.prompt, one.input, one.text) for one in findings.record.questions):
        prompt, heard, text = question
        often = f", {drawn[question]} of the answers drawn" if drawn[question] else ""
        missing = " (not all answers are there: left out)" if question in unread else ""
        yield f"{prompt}, given {given[heard]}{often}{missing}: “{text}”"

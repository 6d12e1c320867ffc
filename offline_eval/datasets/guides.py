"""What to know about each corpus before an evaluation: what its ratings are, and how to get it."""

from collections.abc import Mapping
from dataclasses import dataclass

from offline_eval.datasets import crema_d, crema_d_votes, emodb, iemocap, msp_podcast, nemo, ravdess, tess


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusGuide:
    """One corpus, for people.

    Attributes:
        title: What it is.
        ratings: Who rated what.
        licence: What it may be used for.
        url: Where to get it.
        layout: What `--root` must hold.
    """

    title: str
    ratings: str
    licence: str
    url: str
    layout: str


CORPORA: Mapping[str, CorpusGuide] = {
    iemocap.CORPUS: CorpusGuide(
        title="English, 10 actors in 5 sessions, 10,039 utterances of improvised and scripted dialogues",
        ratings="three evaluators or so saw and heard each utterance, some speakers rated themselves",
        licence=f"{iemocap.LICENCE}; sign the form",
        url="https://sail.usc.edu/iemocap/iemocap_release.htm",
        layout="IEMOCAP_full_release/Session1 to Session5, or the folder that holds it",
    ),
    crema_d.CORPUS: CorpusGuide(
        title="English, 91 actors, 7,442 clips of 12 sentences",
        ratings="some nine listeners heard each voice without the face; six labels",
        licence=crema_d.LICENCE,
        url="https://github.com/CheyneyComputerScience/CREMA-D",
        layout="the repository with `git lfs pull` done: AudioWAV, and processedResults/tabulatedVotes.csv or "
        f"summaryTable.csv; or {crema_d_votes.TABLE} alone, for what listeners heard without the sound",
    ),
    msp_podcast.CORPUS: CorpusGuide(
        title="English, speaking turns of podcasts, more than 100,000",
        ratings="some five workers each chose one primary emotion",
        licence=f"{msp_podcast.LICENCE}; sign the form",
        url="https://lab-msp.com/MSP/MSP-Podcast.html",
        layout="Labels/labels_detailed.csv or labels.txt, Labels/labels_consensus.csv; Audios/*.wav; Transcripts/*.txt",
    ),
    ravdess.CORPUS: CorpusGuide(
        title="English, 24 actors, two sentences, 1,440 clips of speech",
        ratings="what the actor was asked for; calm counts as neutral",
        licence=ravdess.LICENCE,
        url="https://zenodo.org/records/1188976",
        layout=f"the unpacked Audio_Speech_Actors_01-24, as in {ravdess.LAYOUT}",
    ),
    nemo.CORPUS: CorpusGuide(
        title="Polish, 9 actors, 90 sentences, 4,481 clips",
        ratings="what the actor was asked for",
        licence=nemo.LICENCE,
        url="https://huggingface.co/datasets/amu-cai/nEMO",
        layout="data.tsv beside samples/*.wav",
    ),
    emodb.CORPUS: CorpusGuide(
        title="German, 10 actors, 10 sentences, 535 clips",
        ratings="what the actor was asked for",
        licence=emodb.LICENCE,
        url="http://emodb.bilderbar.info",
        layout=f"the unpacked folder, as in {emodb.LAYOUT}",
    ),
    tess.CORPUS: CorpusGuide(
        title="English, 2 actresses, 200 words, 2,800 clips",
        ratings="what the actress was asked for",
        licence=tess.LICENCE,
        url="https://doi.org/10.5683/SP2/E8H2MF",
        layout=f"the unpacked folders, as in {tess.LAYOUT}",
    ),
    "manifest": CorpusGuide(
        title="several corpora in one folder",
        ratings="one label for each clip",
        licence="as the table states",
        url="your own",
        layout="manifest.csv with the columns dataset, clip_id, speaker, intended_emotion, split, path",
    ),
    "folder": CorpusGuide(
        title="recordings of your own, in any language",
        ratings="one label for each, or votes of listeners (anger, happiness, sadness, neutral and others, in columns)",
        licence="yours",
        url="your own",
        layout="sound files and one table .csv with the columns path, speaker, and label or votes; or the table itself",
    ),
    "audformat": CorpusGuide(
        title="a database in audformat, of whatever corpus",
        ratings="of each rater, in columns that name one; else the column emotion",
        licence="as the database states",
        url="https://audeering.github.io/audformat/",
        layout="db.yaml, its tables, and the sound files",
    ),
    "synthetic": CorpusGuide(
        title="a tree in the shape of IEMOCAP: invented votes and words, tones in place of speech",
        ratings="three invented evaluators and some invented self-reports",
        licence="made here, free of rights",
        url="`emotion-eval synthetic`",
        layout="what that command writes; without --root, a small tree is written to .cache/synthetic",
    ),
}
"""By the name that `--dataset` takes."""

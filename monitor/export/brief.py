"""A session in a few lines, for whoever has just ended it."""

from monitor.export.session import Session
from monitor.export.summary import Summary, summarised
from monitor.export.words import counts, length, loss, many


def brief(session: Session) -> list[str]:
    """What was heard, what got no reading and why, and how the readings were on the whole; nothing of an empty one."""
    summary = summarised(session)
    if not (session.utterances or summary.lost):
        return []
    speech = f", {length(summary.speech_s)} of speech" if session.utterances else ""
    readings = len(summary.readings)
    lines = [f"{many(len(session.utterances), 'utterance')}{speech}; {many(readings, 'reading')}"]
    if summary.no_readings:
        lines.append(f"no reading: {counts(summary.no_readings)}")
    if summary.lost:
        lines.append(f"not read: {'; '.join(loss(reason, lost) for reason, lost in summary.lost.items())}")
    lines += _on_the_whole(summary)
    if session.forgotten:
        lines.append(f"all of that without {many(session.forgotten, 'older event')}, which were no longer in memory")
    return lines


def _on_the_whole(summary: Summary) -> list[str]:
    if summary.mean is None:
        return []
    shares = ", ".join(f"{name} {share * 100:.0f}%" for name, share in summary.mean.ranked)
    return [f"heard on average: {shares}; {summary.mixed} of {len(summary.readings)} mixed"]

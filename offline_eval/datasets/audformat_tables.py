"""Ratings as an audformat database, rater by rater, and back.

audformat (https://audeering.github.io/audformat) is how audb and its kin exchange annotated speech.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import UsageError
from offline_eval.labels.annotation import AnnotatedCorpus, AnnotatedUtterance, Rating
from offline_eval.labels.spelling import normalised

if TYPE_CHECKING:
    import audformat

HEADER = "db.yaml"
FILES, RATINGS, EMOTION = "files", "ratings", "emotion"

UNRATED = "file without a rating"
STATED_TWICE = "rating stated in two tables"
NOT_BY_FILE = "table of segments, which are not read"

_FACTS = ("speaker", "dialogue", "session", "consensus", "transcript", "language", "gender")
_META = ("licences", "skipped", "notes")

_Cells = Mapping[str, Any]


def write_audformat(corpus: AnnotatedCorpus, name: str, folder: Path) -> None:
    """Writes the header db.yaml and two tables as CSV; sound files are named, not copied.

    Table `files` holds what is known of each utterance. Its paths are relative to the folder, or absolute where a file
    lies outside of it; an utterance without sound has the path of its id. Table `ratings` holds each label of each
    rater, in order. What a corpus left out is in the database's meta data.

    Args:
        corpus: What to write.
        name: Of the database.
        folder: Absent or empty.

    Raises:
        UsageError: The folder is not empty.
    """
    import audformat
    import pandas as pd

    if folder.exists() and any(folder.iterdir()):
        msg = f"{folder}: not an empty folder"
        raise UsageError(msg, hint="name a folder that does not exist")
    meta = dict(zip(_META, (dict(corpus.licences), dict(corpus.skipped), list(corpus.notes)), strict=True))
    database = audformat.Database(name, meta=meta)
    ratings = [rating for one in corpus.utterances for rating in one.ratings]
    labels = {label for rating in ratings for label in rating.labels}
    labels |= {one.consensus for one in corpus.utterances if one.consensus}
    database.schemes[EMOTION] = audformat.Scheme("str", labels=sorted(labels))
    for dtype in ("str", "float", "bool"):
        database.schemes[dtype] = audformat.Scheme(dtype)
    for rater in sorted({rating.rater for rating in ratings}):
        database.raters[rater] = audformat.Rater()

    files = [_file(one, folder) for one in corpus.utterances]
    database[FILES] = audformat.Table(audformat.filewise_index(files))
    facts = [{fact: getattr(one, fact) for fact in ("utterance_id", "corpus", *_FACTS)} for one in corpus.utterances]
    sounds = [{"sound": one.path is not None} for one in corpus.utterances]
    _fill(database[FILES], [fact | sound for fact, sound in zip(facts, sounds, strict=True)])

    rows = [row for file, one in zip(files, corpus.utterances, strict=True) for row in _rows(file, one)]
    index = pd.MultiIndex.from_tuples([place for place, _ in rows], names=["file", "place", "number"])
    database[RATINGS] = audformat.MiscTable(index)
    _fill(database[RATINGS], [cells for _, cells in rows])
    database.save(str(folder), storage_format="csv")


def read_audformat(root: Path) -> AnnotatedCorpus:
    """Reads what `write_audformat` has written, or a database of another hand.

    Of the latter, tables by file are read: each column with a rater is what this rater gave, else the column `emotion`
    is the one rating; the columns speaker, language, gender and transcript are read if there are any.

    Args:
        root: The folder with db.yaml.

    Raises:
        UsageError: It is no such folder, it could run a program, or nothing in it is a rating.
    """
    import audformat

    if not (root / HEADER).is_file():
        msg = f"{root}: no {HEADER} in it"
        raise UsageError(msg, hint="give the folder of an audformat database")
    _refuse_programs(root)
    try:
        database = audformat.Database.load(str(root))
    except Exception as error:  # whatever YAML, CSV and audformat raise
        msg = f"{root}: cannot be read as an audformat database: {error}"
        raise UsageError(msg) from error
    skipped = Counter[str]()
    if RATINGS in database.misc_tables and FILES in database.tables:
        ratings, facts = _own_ratings(database[RATINGS]), _by_file(database[FILES])
    else:
        ratings, facts = _foreign(database, skipped)
    utterances = [_utterance(root, database.name, file, ratings[file], facts.get(file, {})) for file in ratings]
    if not utterances:
        msg = f"{root}: no rating in it"
        raise UsageError(msg, hint=f"a column with a rater is needed, or one that is called {EMOTION}")
    skipped[UNRATED] += len(facts.keys() - ratings.keys())
    licences, counts, notes = (database.meta.get(key) or {} for key in _META)
    return AnnotatedCorpus(
        utterances=tuple(sorted(utterances, key=lambda one: one.utterance_id)),
        skipped=+skipped + Counter(counts),
        licences=dict(licences) or {database.name: str(database.license or "not stated")},
        notes=tuple(notes),
    )


def _refuse_programs(root: Path) -> None:
    """Makes sure that nothing in the folder is run: audformat lets YAML make any object, and prefers pickled tables."""
    import yaml

    try:
        header = yaml.safe_load((root / HEADER).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        msg = f"{root / HEADER}: not plain YAML: {error}"
        raise UsageError(msg, hint="only plain values are read, because other YAML can run programs") from error
    tables = [header.get(kind) or {} for kind in ("tables", "misc_tables")] if isinstance(header, dict) else []
    for table in (str(name) for names in tables for name in names):
        if Path(table).name != table:
            msg = f"{root / HEADER}: {table!r} is no name of a table"
            raise UsageError(msg)
        pickled = root / f"{Path(HEADER).stem}.{table}.pkl"
        if pickled.exists():
            msg = f"{pickled}: pickled tables are not read, because a pickle can run programs"
            raise UsageError(msg, hint="whoever made the database can save it with storage_format='csv'")


def _file(one: AnnotatedUtterance, folder: Path) -> str:
    if one.path is None:
        return f"{one.utterance_id}.wav"
    path, root = one.path.resolve(), folder.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _rows(file: str, one: AnnotatedUtterance) -> Iterator[tuple[tuple[str, int, int], dict[str, Any]]]:
    """Place of a label, by file, rater and label; and what is said there."""
    for place, rating in enumerate(one.ratings):
        for number, label in enumerate(rating.labels):
            weight = rating.weights[number] if rating.weights else None
            yield (
                (file, place, number),
                {"rater": rating.rater, EMOTION: label, "weight": weight, "self_report": rating.self_report},
            )


def _fill(table: "audformat.Table | audformat.MiscTable", rows: Sequence[_Cells]) -> None:
    import audformat

    schemes = {EMOTION: EMOTION, "consensus": EMOTION, "weight": "float", "self_report": "bool", "sound": "bool"}
    for column in rows[0] if rows else ():
        table[column] = audformat.Column(scheme_id=schemes.get(column, "str"))
        table[column].set([row[column] for row in rows])


def _own_ratings(table: "audformat.MiscTable") -> dict[str, list[Rating]]:
    given = defaultdict[tuple[str, int], list[_Cells]](list)
    for (file, place, _), cells in _cells(table):
        given[file, place].append(cells)
    ratings = defaultdict[str, list[Rating]](list)
    for (file, _), labels in given.items():
        weights = tuple(float(cells["weight"]) for cells in labels if "weight" in cells)
        rating = Rating(
            rater=labels[0]["rater"],
            labels=tuple(cells[EMOTION] for cells in labels),
            weights=weights or None,
            self_report=bool(labels[0]["self_report"]),
        )
        ratings[file].append(rating)
    return dict(ratings)


def _foreign(
    database: "audformat.Database", skipped: Counter[str]
) -> tuple[dict[str, list[Rating]], dict[str, dict[str, Any]]]:
    ratings = defaultdict[str, list[Rating]](list)
    facts = defaultdict[str, dict[str, Any]](dict)
    for name in database.tables:
        table = database[name]
        if not table.is_filewise:
            skipped[NOT_BY_FILE] += 1
            continue
        raters = {column: table[column].rater_id for column in table.columns if table[column].rater_id}
        raters = raters or {column: "label" for column in table.columns if column == EMOTION}
        for file, cells in _by_file(table).items():
            given = [Rating(raters[column], (normalised(str(cells[column])),)) for column in raters if column in cells]
            new = [rating for rating in given if rating not in ratings[file]]
            skipped[STATED_TWICE] += len(given) - len(new)
            ratings[file] += new
            facts[file] |= {fact: cells[fact] for fact in _FACTS if fact in cells and fact != "consensus"}
    return {file: given for file, given in ratings.items() if given}, facts


def _by_file(table: "audformat.Table") -> dict[str, dict[str, Any]]:
    return {str(file): cells for file, cells in _cells(table)}


def _cells(table: "audformat.Table | audformat.MiscTable") -> Iterator[tuple[Any, dict[str, Any]]]:
    """Index and filled cells of each row."""
    import pandas as pd

    frame = table.df
    for at, values in zip(frame.index, frame.itertuples(index=False, name=None), strict=True):
        yield at, {column: value for column, value in zip(frame.columns, values, strict=True) if not pd.isna(value)}


def _utterance(root: Path, name: str, file: str, ratings: Sequence[Rating], facts: _Cells) -> AnnotatedUtterance:
    path = root / file
    return AnnotatedUtterance(
        utterance_id=facts.get("utterance_id", Path(file).with_suffix("").as_posix()),
        corpus=facts.get("corpus", name),
        path=path if facts.get("sound", path.is_file()) else None,
        ratings=tuple(ratings),
        **{"speaker": f"{name}_{file}", **{fact: str(facts[fact]) for fact in _FACTS if fact in facts}},
    )

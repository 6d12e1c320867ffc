"""The table as CSV, Parquet or an audformat database; it is there whole, or as it was before."""

import csv
import importlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from core.distribution import EMOTIONS
from core.durable import discard_partial, replacing
from core.errors import EmotionMonitorError, UsageError
from core.wire.events import ModelStamp
from monitor.export.tables import FORMULA, harmless
from monitor.read.columns import COLUMNS, INDEX, cells
from monitor.read.rows import FileRead, Status

if TYPE_CHECKING:
    import pandas as pd

Kind: TypeAlias = Literal["csv", "parquet", "audformat"]
KINDS: tuple[Kind, ...] = get_args(Kind)

HEADER, TABLE = "db.yaml", "utterances"
"""Of an audformat database."""

_NEEDS = {"csv": (), "parquet": ("pandas", "pyarrow", "audformat"), "audformat": ("pandas", "audformat")}
_ROWS_AT_ONCE = 20_000
_NUMBERS = (*EMOTIONS, "entropy", "margin", "adaptation_weight", "prompt_spread", "truncated_s")


class TableError(EmotionMonitorError):
    """The table cannot be written."""


def kind_of(out: Path, asked: str | None) -> Kind:
    """What to write, by what was asked for or else by the name, once everything that it takes is there.

    Raises:
        UsageError: That is not clear, or what it takes is not installed.
    """
    word = asked or out.suffix.lower().removeprefix(".")
    kind = next((kind for kind in KINDS if kind == word), None)
    if kind is None:
        msg = f"--format: unknown format {asked!r}" if asked else f"--out {out}: its name does not say in which format"
        raise UsageError(msg, hint=f"call it {out.stem}.csv or {out.stem}.parquet, or add --format {'|'.join(KINDS)}")
    for library in _NEEDS[kind]:
        try:
            importlib.import_module(library)
        except ModuleNotFoundError as error:
            msg = f"a table in {kind} needs {error.name}, which is not installed"
            raise UsageError(msg, hint="pip install 'emotion-monitor[tables]', or write .csv") from error
    return kind


def write_table(kind: Kind, out: Path, reads: Iterable[FileRead], model: ModelStamp) -> None:
    """Puts a table of all that was read in the place of the one before; only its owner may read it.

    Raises:
        TableError: It cannot be written, and what was there before still is.
    """
    rows = (row for read in reads for row in cells(read, model))
    writers: dict[Kind, Callable[[Path, Iterator[dict[str, Any]]], None]] = {
        "csv": _write_csv,
        "parquet": _write_parquet,
        "audformat": _write_audformat,
    }
    try:
        discard_partial(out)
        writers[kind](out, rows)
    except OSError as error:
        msg = f"cannot write {out}: {error.strerror or error}"
        raise TableError(msg, hint="make room, or choose another place; nothing is read again") from error


def _write_csv(out: Path, rows: Iterator[dict[str, Any]]) -> None:
    with replacing(out) as partial:
        partial.touch(mode=0o600)
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for row in rows:
                texts = {name: harmless(cell) for name, cell in row.items() if isinstance(cell, str)}
                writer.writerow(row | texts | {"file": _no_formula(row["file"])})


def _no_formula(file: str) -> str:
    """The same file by another name, if a spreadsheet would take its name for a formula."""
    return f"./{file}" if file.startswith(tuple(FORMULA)) else file


def _write_parquet(out: Path, rows: Iterator[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.Schema.from_pandas(_frame([]))
    with replacing(out) as partial:
        partial.touch(mode=0o600)
        with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
            while some := list(islice(rows, _ROWS_AT_ONCE)):
                writer.write_table(pa.Table.from_pandas(_frame(some), schema=schema))


def _write_audformat(out: Path, rows: Iterator[dict[str, Any]]) -> None:
    import audformat

    frame = _frame([row | {"file": _in_database(row["file"], out)} for row in rows])
    usage = audformat.define.Usage.OTHER
    database = audformat.Database(out.stem, usage=usage, description="What emotion-monitor heard.")
    share = audformat.Scheme("float", minimum=0)
    schemes = dict.fromkeys((*EMOTIONS, "entropy", "margin", "adaptation_weight", "prompt_spread"), share) | {
        "dominant": audformat.Scheme("str", labels=list(EMOTIONS)),
        "status": audformat.Scheme("str", labels=list(get_args(Status))),
        "truncated_s": audformat.Scheme("float", minimum=0),
        "heard_before": audformat.Scheme("int", minimum=0),
    }
    table = database[TABLE] = audformat.Table(frame.index)
    for name in frame.columns:
        scheme = schemes.get(name) or audformat.Scheme("str")
        database.schemes[name] = scheme
        table[name] = audformat.Column(scheme_id=name, description=COLUMNS[name])
        table[name].set(frame[name].array)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=out) as folder:
        database.save(folder, storage_format="csv")
        for path in sorted(Path(folder).iterdir(), key=lambda path: path.name == HEADER):  # it says that all is there
            path.chmod(0o600)
            path.replace(out / path.name)


def _in_database(file: str, out: Path) -> str:
    """Relative to the database if the file lies in it, else absolute."""
    path, root = Path(os.path.abspath(file)), Path(os.path.abspath(out))  # noqa: PTH100 - links stay as they are called
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _frame(rows: Iterable[dict[str, Any]]) -> "pd.DataFrame":
    """Rows by the segmented index of audformat, with times as times and the same types whatever is in them."""
    import audformat
    import pandas as pd

    frame = pd.DataFrame(list(rows), columns=list(COLUMNS))
    times = [pd.to_timedelta(frame[name].astype(float).round(9), unit="s") for name in INDEX[1:]]
    index = audformat.segmented_index(frame["file"].to_list(), *times)
    frame = frame.drop(columns=list(INDEX)).set_axis(index)
    types = dict.fromkeys(frame.columns, "string") | dict.fromkeys(_NUMBERS, "float64") | {"heard_before": "Int64"}
    return frame.astype(types)

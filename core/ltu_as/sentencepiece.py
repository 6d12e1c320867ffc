"""Turns LLaMA's tokenizer.model, a SentencePiece BPE file, into a tokenizer.json, without the SentencePiece library."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, processors

from core.errors import ModelError
from core.ltu_as.tokenizer import TOKENIZER_NAME, Tokenizer
from core.stand_in import refuse_stand_in

_BPE = 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class PieceType(IntEnum):
    """Kinds of pieces in a SentencePiece file."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, slots=True)
class Piece:
    """One entry of the vocabulary; its id is its place."""

    text: str
    score: float
    type: PieceType


def save_tokenizer(source: Path, folder: Path) -> None:
    """Writes `folder`/tokenizer.json from LLaMA's tokenizer files in `source`.

    The SentencePiece file comes first: it is what the authors used.

    Raises:
        ModelError: Neither tokenizer.model nor tokenizer.json is there, or it is no LLaMA tokenizer.
    """
    model = source / "tokenizer.model"
    tokenizer = tokenizer_from_sentencepiece(model) if model.is_file() else Tokenizer.from_file(source / TOKENIZER_NAME)
    tokenizer.save(folder / TOKENIZER_NAME)


def tokenizer_from_sentencepiece(path: Path) -> Tokenizer:
    """The tokenizer of a LLaMA-style tokenizer.model (BPE, byte fallback, no normalisation), with BOS in front.

    Raises:
        ModelError: The file cannot be read, or is another kind of SentencePiece model.
    """
    try:
        refuse_stand_in(path, "a tokenizer", ModelError)
        pieces = _read_pieces(path.read_bytes())
    except OSError as error:
        msg = f"{path}: {error.strerror}"
        raise ModelError(msg) from error
    except (ValueError, KeyError, IndexError, struct.error) as error:
        msg = f"{path}: not a SentencePiece BPE model: {error}"
        raise ModelError(msg) from error
    return byte_fallback_tokenizer(pieces)


def byte_fallback_tokenizer(pieces: list[Piece]) -> Tokenizer:
    """A LLaMA-style tokenizer over a vocabulary; ids are places in the list."""
    vocab = {piece.text: number for number, piece in enumerate(pieces)}
    unknown = next(piece.text for piece in pieces if piece.type is PieceType.UNKNOWN)
    backend = tokenizers.Tokenizer(
        models.BPE(vocab=vocab, merges=_merges(pieces), unk_token=unknown, fuse_unk=True, byte_fallback=True)
    )
    backend.add_special_tokens(
        [
            AddedToken(piece.text, normalized=False, special=True)
            for piece in pieces
            if piece.type in {PieceType.UNKNOWN, PieceType.CONTROL}
        ]
    )
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", vocab["<s>"])])
    return Tokenizer(backend)


def _merges(pieces: list[Piece]) -> list[tuple[str, str]]:
    """Every way to join two pieces into a third, the third with the highest score first."""
    mergeable = {piece.text for piece in pieces if piece.type is PieceType.NORMAL}
    merges = [
        (piece.score, (piece.text[:cut], piece.text[cut:]))
        for piece in pieces
        if piece.type is PieceType.NORMAL
        for cut in range(1, len(piece.text))
        if piece.text[:cut] in mergeable and piece.text[cut:] in mergeable
    ]
    return [pair for _, pair in sorted(merges, key=lambda merge: -merge[0])]


def _read_pieces(data: bytes) -> list[Piece]:
    pieces: list[Piece] = []
    model_type: int | bytes | None = None
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            pieces.append(_read_piece(value))
        elif number == 2 and isinstance(value, bytes):  # noqa: PLR2004 - field numbers of sentencepiece_model.proto
            model_type = dict(_fields(value)).get(3, 1)
    if model_type != _BPE or not {"<s>", "</s>"} <= {piece.text for piece in pieces}:
        msg = f"model type {model_type!r}, {len(pieces)} pieces"
        raise ValueError(msg)
    return pieces


def _read_piece(data: bytes) -> Piece:
    values = dict(_fields(data))
    text, score, kind = values[1], values.get(2, b"\0\0\0\0"), values.get(3, PieceType.NORMAL)
    if not isinstance(text, bytes) or not isinstance(score, bytes) or not isinstance(kind, int):
        msg = "a piece without text"
        raise ValueError(msg)  # noqa: TRY004 - a malformed file, not a wrong call
    return Piece(text.decode(), struct.unpack("<f", score)[0], PieceType(kind))


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of a protocol buffer message; fixed-size and nested values stay bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        elif wire in {_FIXED32, _FIXED64}:
            size = 4 if wire == _FIXED32 else 8
        else:
            msg = f"wire type {wire} at byte {at}"
            raise ValueError(msg)
        if at + size > len(data):
            msg = "the file ends early"
            raise ValueError(msg)
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, at
        shift += 7

import json
from pathlib import Path

import pytest
import torch

from core.durable import write_text
from offline_eval.datasets.guides import CORPORA
from offline_eval.runs.folder import RunFolder, read_record
from offline_eval.runs.presets import PRESETS
from offline_eval.synthetic.tree import write_tree
from tests.offline_eval.command import emotion_eval
from tests.offline_eval.rated_tones import contents

SMALL = ("--model", "tiny", "--max-new-tokens", "1", "--device", "cpu")


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory) -> list[str]:
    root = tmp_path_factory.mktemp("synthetic") / "tree"
    write_tree(root)
    return ["run", "--dataset", "synthetic", "--root", str(root), *SMALL]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--dataset", "iemocapp"), "iemocap"),
        (("--model", "no-such-model"), "no such model"),
        (("--shard", "0/2"), "is not a shard"),
        (("--prompt", "singel"), "did you mean single?"),
        (("--speakers", "nobody"), "no speaker 'nobody' in the data"),
        (("--samples", "1"), "is not a whole number from 2 up"),
        (("--samples", "2", "--temperature", "nan"), "is not a number above 0"),
        (("--readout", "seq_logprob", "--pool", "first", "--level", "token"), "first_piece"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_2(synthetic, tmp_path: Path, capsys, wrong, said):
    code = emotion_eval(*synthetic, "--out", str(tmp_path / "run"), *wrong)
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "run").exists()


def test_a_damaged_folder_is_one_line_and_exit_status_2(synthetic, tmp_path: Path, capsys):
    write_text(tmp_path / "run" / "run.json", "{}")
    assert emotion_eval(*synthetic, "--out", str(tmp_path / "run")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "run.json: " in line


def test_other_readouts_of_a_finished_run_need_no_model(synthetic, tmp_path: Path, capsys, monkeypatch):
    out = ["--out", str(tmp_path / "run"), "--input", "audio"]
    assert emotion_eval(*synthetic, *out, "--readout", "seq_logprob", "--level", "token") == 0
    assert "| token single seq_logprob |" in capsys.readouterr().out
    monkeypatch.setattr("offline_eval.runs.asking.Respondent.__init__", None)
    assert (
        emotion_eval(*synthetic, *out, "--readout", "vocab_prob,first_piece", "--pool", "sum", "--level", "token") == 0
    )
    printed = capsys.readouterr().out
    assert "| token ambiguous vocab_prob sum |" in printed
    assert "| token ambiguous first_piece |" in printed
    assert "seq_logprob" not in printed


def test_the_policy_is_kept_with_the_run(synthetic, tmp_path: Path, capsys):
    options = ["--subset", "plurality", "--vote-weight", "per_rater", "--self-reports", "exclude", "--prompt", "single"]
    assert emotion_eval(*synthetic, "--out", str(tmp_path / "run"), "--input", "audio", *options) == 0
    record = read_record(tmp_path / "run")
    assert {name: record.policy[name] for name in ("subset", "vote_weight", "self_reports")} == {
        "subset": "plurality",
        "vote_weight": "per_rater",
        "self_reports": "exclude",
    }
    printed = capsys.readouterr().out.splitlines()
    assert {*record.policy_lines, *record.notes} <= set(printed)
    assert [note for note in record.notes if note.startswith("left out in reading: hidden file 10, line of a tran")]
    saved_elsewhere = tmp_path / "run" / "run.json"
    saved_elsewhere.write_bytes(b"\xef\xbb\xbf" + saved_elsewhere.read_bytes())
    assert read_record(tmp_path / "run") == record
    assert emotion_eval(*synthetic, "--out", str(tmp_path / "run"), "--input", "audio") == 2
    assert "holds a run with another policy (subset plurality there, subset four_only here)" in capsys.readouterr().err


def test_shards_are_merged(synthetic, tmp_path: Path, capsys):
    shards = [str(tmp_path / n) for n in "12"]
    for n, out in enumerate(shards, start=1):
        assert emotion_eval(*synthetic, "--prompt", "single", "--shard", f"{n}/2", "--out", out) == 0
        assert "`emotion-eval merge` joins the folders of all" in capsys.readouterr().out
    assert emotion_eval("merge", *shards, "--out", str(tmp_path / "merged")) == 0
    assert "answers to single-audio, single-silence, single-transcript" in capsys.readouterr().out
    assert emotion_eval(*synthetic, "--prompt", "single", "--out", str(tmp_path / "whole")) == 0
    assert contents(tmp_path / "merged") == contents(tmp_path / "whole")
    assert emotion_eval("merge", shards[0], "--out", str(tmp_path / "half")) == 2
    assert "is in none of the folders" in capsys.readouterr().err


def test_every_corpus_has_a_guide(capsys):
    assert emotion_eval("datasets") == 0
    printed = capsys.readouterr().out
    assert all(f"\n{name}: " in f"\n{printed}" for name in CORPORA)


def test_a_run_of_some_speakers_is_of_these_alone_and_says_so(synthetic, tmp_path: Path, capsys):
    out = tmp_path / "run"
    assert emotion_eval(*synthetic, "--out", str(out), "--speakers", "synthetic_Ses01F", "--input", "audio") == 0
    assert "only the speakers synthetic_Ses01F" in capsys.readouterr().out
    folder = RunFolder.open(out)
    assert {rated.utterance.speaker for rated in folder.rated} == {"synthetic_Ses01F"}
    assert "only the speakers synthetic_Ses01F" in folder.record.notes


def test_tables_and_other_readings_may_be_asked_for_together(synthetic, tmp_path: Path):
    out = tmp_path / "run"
    asked = ("--preset", "table2", "--prompt", "single", "--readout", "first_piece", "--level", "token")
    assert emotion_eval(*synthetic, "--out", str(out), "--input", "audio", *asked) == 0
    names = [view.name for view in read_record(out).views]
    assert "token single first_piece" in names
    assert {view.name for view in PRESETS["table2"].views} < set(names)
    assert len(names) == len(set(names))


def test_a_deterministic_run_reads_one_by_one_and_its_record_says_so(synthetic, tmp_path: Path):
    out = ["--out", str(tmp_path / "run"), "--input", "audio", "--limit", "2"]
    try:
        assert emotion_eval(*synthetic, *out, "--readout", "seq_logprob", "--level", "token", "--deterministic") == 0
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(mode=False)
    assert read_record(tmp_path / "run").batch == 1


def test_prompts_in_several_orders_and_several_drawn_texts_are_rows_beside_the_usual_ones(
    synthetic, tmp_path: Path, capsys
):
    out = ["--out", str(tmp_path / "run"), "--input", "audio", "--limit", "2", "--prompt", "single"]
    several = ("--ensemble", "off,orders", "--samples", "2", "--seed", "7", "--readout", "seq_logprob")
    assert emotion_eval(*synthetic, *out, *several) == 0
    assert [view.name for view in read_record(tmp_path / "run").views] == [
        "text single",
        "text single 2 samples seed 7 temperature 0.7",
        "token single seq_logprob",
        "token single seq_logprob orders",
    ]
    printed = capsys.readouterr().out
    assert "Several answers to the same utterance:" in printed
    assert emotion_eval("report", str(tmp_path / "run"), "--draws", "2") == 0
    said = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))["views"]
    assert said["token single seq_logprob"]["spread"] is None
    assert said["token single seq_logprob orders"]["spread"] > 0
    report = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    assert "token single seq_logprob orders: mean spread 0." in report
    assert "single, given the recording, 2 of the answers drawn:" in report

"""emotion-eval report and compare on folders of real runs of the tiny model."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import UsageError
from core.ltu_as.tiny import save_tiny
from offline_eval.report.against import compare_runs, contest_as_json, document_of, system
from offline_eval.report.findings import gather
from offline_eval.report.markdown import as_markdown
from offline_eval.runs.folder import RunFolder
from offline_eval.runs.outputs import read_views
from offline_eval.scoring.evaluation import evaluate
from tests.offline_eval.command import emotion_eval
from tests.offline_eval.rated_tones import carried_out, contents, rated_tones, views

FILES = {"report.html", "report.md", "report.json"}


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    return rated_tones(tmp_path_factory.mktemp("tones"), 24)


@pytest.fixture(scope="module")
def whole(rated, tmp_path_factory) -> RunFolder:
    some = views(levels=["token"], readouts=["seq_logprob"])
    return carried_out(rated, tmp_path_factory.mktemp("runs") / "whole", views=some)


@pytest.fixture(scope="module")
def part(rated, tmp_path_factory) -> RunFolder:
    """Every second utterance, asked with a single prompt, other tokens allowed."""
    some = views(prompts=["single"], inputs=["audio"])
    return carried_out(rated[::2], tmp_path_factory.mktemp("runs") / "part", views=some, max_new_tokens=2)


def test_a_report_is_three_files_beside_the_run_and_the_same_ones_again(whole, capsys):
    before = contents(whole.path)
    assert emotion_eval("report", str(whole.path), "--draws", "20") == 0
    assert [Path(line).name for line in capsys.readouterr().out.splitlines()] == [
        "report.html",
        "report.md",
        "report.json",
    ]
    first = contents(whole.path)
    assert emotion_eval("report", str(whole.path), "--draws", "20") == 0
    assert contents(whole.path) == first
    assert first.keys() == before.keys() | FILES
    assert {name: first[name] for name in before.keys() - FILES} == {
        name: before[name] for name in before.keys() - FILES
    }


def test_the_judged_view_can_be_chosen_and_a_wrong_name_is_one_line(whole, capsys):
    assert emotion_eval("report", str(whole.path), "--draws", "5", "--view", "token ambiguous paper_linear") == 0
    assert json.loads((whole.path / "report.json").read_text())["judged"] == "token ambiguous paper_linear"
    capsys.readouterr()
    assert emotion_eval("report", str(whole.path), "--view", "token") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "there is no view 'token' (there are" in line


def test_a_folder_without_a_run_is_one_line(tmp_path, capsys):
    assert emotion_eval("report", str(tmp_path)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no run.json in it" in line


def test_references_without_sound_are_those_of_the_judged_view(whole):
    findings = gather(whole, draws=5)
    others = {one.other for one in findings.differences}
    assert findings.judged.name == "token single seq_logprob"
    assert {"token single seq_logprob (silence)", "token single seq_logprob (transcript)"} <= others
    assert "token ambiguous seq_logprob (silence)" not in others


def test_a_question_whose_answers_are_not_all_there_is_left_out_and_named(part, rated, tmp_path):
    folder = carried_out(rated[::2], tmp_path / "run", views=views(inputs=["audio"]), max_new_tokens=2)
    ambiguous = folder.record.questions[0]
    folder.block_path(ambiguous, 0).unlink()
    findings = gather(folder, draws=5)
    assert findings.unread == (ambiguous,)
    assert {view.prompt for view in findings.views.values()} == {"single"}
    assert set(findings.views) == set(gather(part, draws=5).views)


def test_two_runs_are_compared_on_the_utterances_of_both_in_every_way_both_allow(whole, part):
    duel = compare_runs(whole.path, part.path, draws=40)
    assert len(duel.rated) == len(part.items)
    assert {(view.prompt, view.input) for view in duel.views} == {("single", "audio")}
    assert duel.names == ("whole", "part")
    rows = [whole.items.index(item) for item in part.items]
    for readings, others in zip(read_views(whole, duel.views), read_views(part, duel.views), strict=True):
        read = readings.output.probabilities[rows] + 0 * others.output.probabilities  # only where both are valid
        alone = evaluate(part.rated, [replace(readings.output, probabilities=read)], draws=0)
        found = duel.evaluation.systems[system("whole", readings.view)].scored
        assert found.n_scored == alone.systems[readings.view.name].scored.n_scored
        assert found.estimates["kl"].value == pytest.approx(
            alone.systems[readings.view.name].scored.estimates["kl"].value, nan_ok=True
        )
    assert {one.first.partition(":")[0] for one in duel.differences} == {"whole"}


def test_the_other_way_round_differences_change_their_sign_and_nothing_else(whole, part):
    there, back = compare_runs(whole.path, part.path, draws=40), compare_runs(part.path, whole.path, draws=40)
    mirrored = {(one.other, one.measure): one for one in back.differences}
    for one in there.differences:
        other = mirrored[one.first, one.measure]
        assert one.estimate.value == pytest.approx(-other.estimate.value, nan_ok=True)
        assert (one.p, one.p_holm) == pytest.approx((other.p, other.p_holm))


def test_a_run_is_not_compared_with_itself(part):
    with pytest.raises(UsageError, match="the same run"):
        compare_runs(part.path, part.path.parent / "." / part.path.name)


def test_compare_prints_markdown_and_writes_what_it_prints(whole, part, tmp_path, capsys):
    assert emotion_eval("compare", str(whole.path), str(part.path), "--out", str(tmp_path / "out")) == 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "out" / "compare.md").read_text()
    assert "differ in decoding" in printed
    content = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert content["n_common"] == 12
    assert set(content["scores"]) == {"whole", "part"}


def test_runs_of_other_labels_or_other_utterances_are_not_compared(whole, rated, tmp_path, capsys):
    other = [replace(one, hard_label="anger") for one in rated]
    some = views(prompts=["single"], inputs=["audio"])
    carried_out(other, tmp_path / "labels", views=some, max_new_tokens=1)
    assert emotion_eval("compare", str(whole.path), str(tmp_path / "labels")) == 2
    assert "differ in what people heard" in capsys.readouterr().err
    elsewhere = [replace(one, utterance=replace(one.utterance, corpus="elsewhere")) for one in rated]
    carried_out(elsewhere, tmp_path / "elsewhere", views=some, max_new_tokens=1)
    assert emotion_eval("compare", str(whole.path), str(tmp_path / "elsewhere")) == 2
    assert "no utterance in common" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["A", "B", "--data", "x"], "folders of runs, and --data"),
        (["A", "B", "--split"], "folders of runs, and --split"),
        (["A"], "not 1"),
        (["A", "B", "C"], "not 3"),
        ([], "nothing to compare"),
    ],
)
def test_runs_and_systems_trained_in_folds_are_not_mixed(arguments, said, capsys):
    assert emotion_eval("compare", *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_both_forms_of_a_comparison_have_the_same_numbers(whole, part):
    duel = compare_runs(whole.path, part.path, draws=20)
    content = json.loads(contest_as_json(duel))
    text = as_markdown(document_of(duel))
    for one in content["differences"]:
        if one["estimate"]["value"] is not None:
            assert f"{one['estimate']['value']:+.3f}".replace("-0.000", "0.000").replace("+0.000", "0.000") in text


def test_scores_of_a_comparison_differ_by_the_difference_that_is_tested(whole, part):
    contest = compare_runs(whole.path, part.path, draws=0)
    systems = contest.evaluation.systems
    for one in contest.differences:
        first, other = systems[one.first].scored, systems[one.other].scored
        assert (first.n_scored, other.n_scored) == (one.n_common, one.n_common)
        apart = first.estimates[one.measure].value - other.estimates[one.measure].value
        assert one.estimate.value == pytest.approx(apart, nan_ok=True)


@pytest.fixture(scope="module")
def models(rated, whole, tmp_path_factory) -> list[Path]:
    """Runs of three models, the third of which has read other utterances, too few to be told apart."""
    folder = tmp_path_factory.mktemp("models")
    some = views(prompts=["single"], inputs=["audio"], levels=["token"])
    paths = [whole.path]
    for seed, those in ((1, rated[4:]), (2, rated[:20])):
        save_tiny(folder / f"weights-{seed}", seed)
        config = folder / f"weights-{seed}" / "config.json"
        config.write_text(config.read_text().replace('"tiny"', f'"tiny-{seed}"'))
        paths.append(folder / f"run-{seed}")
        carried_out(those, paths[-1], weights=folder / f"weights-{seed}", views=some)
    return paths


def test_a_report_on_several_models_has_a_row_for_each_on_the_utterances_of_all(models, tmp_path, capsys):
    assert emotion_eval("report", *map(str, models), "--draws", "20", "--out", str(tmp_path / "out")) == 0
    assert {Path(line).name for line in capsys.readouterr().out.splitlines()} == FILES
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    assert content["names"] == ["tiny", "tiny-1", "tiny-2"]
    assert content["n_common"] == 16
    view = "token single seq_logprob"
    assert {name: scores[view]["n_scored"] for name, scores in content["scores"].items()} == dict.fromkeys(
        content["names"], 16
    )
    assert len({scores[view]["measures"]["kl"]["value"] for scores in content["scores"].values()}) == 3
    assert {(one["first"], one["other"]) for one in content["differences"]} == {
        (f"tiny: {view}", f"tiny-1: {view}"),
        (f"tiny: {view}", f"tiny-2: {view}"),
    }
    assert "uniform" in content["constants"]
    rows = [line.split(" | ")[0] for line in (tmp_path / "out" / "report.md").read_text().splitlines()]
    tables = 2
    assert {rows.count(f"| {name}") for name in content["names"]} == {tables * len(content["views"])}


def test_the_first_of_two_runs_and_the_first_of_three_differ_from_the_second_alike(models):
    both, all_three = compare_runs(*models[:2], draws=5), compare_runs(*models, draws=5)
    assert len(both.rated) == 20
    assert len(all_three.rated) == 16
    assert [(one.first, one.other, one.measure) for one in both.differences] == [
        (one.first, one.other, one.measure) for one in all_three.differences if one.other.startswith("tiny-1: ")
    ]


def test_what_does_not_belong_to_a_report_on_several_runs_is_one_line(models, whole, capsys):
    two = [str(path) for path in models[:2]]
    for options, said in (
        (["--transcripts"], "belongs to a report on one run"),
        (["--draws", "1", "--view", "token"], "there is no view 'token' (there are token"),
        (["--adapt"], "belong to a report on ordinary speech"),
        (["--draws", "1", "--out", str(whole.path)], "is the folder of a run"),
        ([two[0]], "are the same run"),
    ):
        assert emotion_eval("report", *two, *options) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    assert emotion_eval("report", str(whole.path), "--out", "elsewhere") == 2
    assert "lies in its folder" in capsys.readouterr().err

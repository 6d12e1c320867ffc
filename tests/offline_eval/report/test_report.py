"""The report as people and programs get it: the same numbers in all three files, whatever a run lacks."""

import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from offline_eval.labels.rated import RatedUtterance
from offline_eval.report.findings import Findings
from offline_eval.report.markdown import as_markdown
from offline_eval.report.page import as_page
from offline_eval.report.plain import as_json
from offline_eval.report.words import HEADLINE, SOFT_LABELS, interval, number
from offline_eval.report.write import document_of
from offline_eval.runs.presets import PRESETS
from offline_eval.scoring.evaluation import evaluate
from offline_eval.scoring.metrics.measures import REPORTED
from offline_eval.scoring.reference_points import MAJORITY, PIECE_COUNT, UNIFORM, VOTE_PRIOR
from tests.chromium import chromium
from tests.offline_eval.report.invented import AMBIGUOUS, SILENT, SINGLE, TEXT, invented_findings, readings
from tests.rated_votes import random_rated, rated_utterance

__all__ = ["chromium"]

VOID = {"meta", "link", "br", "img", "path", "use", "rect"}


class Page(HTMLParser):
    """What a page holds; fails where tags do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: dict[str, list[list[str]]] = {}
        self.caption = ""
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "caption":
            self.caption = ""
        elif tag == "tr":
            self.rows.setdefault(self.caption, []).append([])
        elif tag in {"td", "th"}:
            self.rows[self.caption][-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "caption" in self.open:
            self.caption += data
        elif self.open and {"td", "th"} & set(self.open):
            self.rows[self.caption][-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def findings() -> Findings:
    rated = random_rated(1, 80, clusters=8)
    return invented_findings(
        rated,
        readings(SINGLE, rated, hears=0.6),
        readings(AMBIGUOUS, rated, hears=0.1, invalid=0.2),
        readings(TEXT, rated, hears=0.3, invalid=0.1),
        readings(SILENT, rated, hears=0.0),
    )


@pytest.fixture(scope="module")
def page(findings) -> str:
    return as_page(document_of(findings))


@pytest.fixture(scope="module")
def markdown(findings) -> str:
    return as_markdown(document_of(findings))


def test_the_headline_has_the_numbers_of_an_evaluation_in_page_and_markdown(findings, page, markdown):
    outputs = [*(one.output for one in findings.readings), *findings.constants]
    alone = evaluate(findings.rated, outputs, draws=60)
    rows = next(rows for caption, rows in Page(page).rows.items() if caption.startswith("Every view"))
    shown = {row[0]: row[1:] for row in rows}
    assert {UNIFORM, VOTE_PRIOR, PIECE_COUNT, MAJORITY, "chance", SINGLE.name, SILENT.name} <= set(shown)
    for name, system in alone.systems.items():
        estimates = [system.scored.estimates[measure] for measure in HEADLINE]
        expected = [f"{number(one.value)} {interval(one)}".strip() for one in estimates]
        assert shown[name][1:] == expected
        assert f" | {' | '.join(expected)} |" in next(
            line for line in markdown.splitlines() if line.startswith(f"| {name} |")
        )


def test_soft_labels_are_scored_for_every_view_and_reference_beside_chance(findings, page):
    (rows,) = (rows for caption, rows in Page(page).rows.items() if caption.startswith("Soft labels"))
    shown = {row[0]: row[1:] for row in rows}
    for name, system in findings.evaluation.systems.items():
        estimates = [system.scored.estimates[measure] for measure in SOFT_LABELS]
        assert shown[name][1:] == [f"{number(one.value)} {interval(one)}".strip() for one in estimates]
    heard = np.mean([np.mean([share > 0 for share in one.human]) for one in findings.rated])
    assert shown["chance"][-1] == number(heard)


def test_json_has_every_measure_unrounded_and_null_where_there_is_no_number(findings):
    content = json.loads(as_json(findings))
    for name, system in findings.evaluation.systems.items():
        for part, scores in (("scored", system.scored), ("penalised", system.penalised)):
            shown = content["systems"][name][part]["measures"]
            for measure in REPORTED:
                value = scores.estimates[measure].value
                assert shown[measure]["value"] == (None if math.isnan(value) else value)
    assert [one["p_holm"] for one in content["differences"]] == [one.p_holm for one in findings.differences]
    assert content["judged"] == SINGLE.name
    assert len(content["worst"]) == 20


def test_a_paper_table_shows_what_was_published_what_is_read_here_and_how_far_apart_they_are(findings, page):
    rows = Page(page).rows[PRESETS["table1"].title]
    at = next(n for n, row in enumerate(rows) if row[0].endswith(AMBIGUOUS.name))
    ours = findings.evaluation.systems[AMBIGUOUS.name].scored.estimates["kl"]
    _, paper, here, apart, spread, _, prior, why = rows[at + 1]
    assert (paper, here, spread) == ("0.990", number(ours.value), interval(ours))
    assert apart == number(ours.value - 0.99, signed=True)
    assert prior == number(findings.evaluation.levels["kl"].prior)
    assert re.fullmatch(r"\d+(, \d+)+", why)


def test_the_page_needs_nothing_from_elsewhere(page):
    parsed = Page(page)
    assert "://" not in page
    assert "@import" not in page
    assert "url(" not in page.replace("url(#", "")
    for attribute in ("src", "srcset", "data", "action"):
        assert not [one for _, one in parsed.tags if attribute in one]
    assert not {"script", "link", "iframe", "img"} & {tag for tag, _ in parsed.tags}


def test_whoever_cannot_see_the_page_is_told_what_it_shows(page):
    parsed = Page(page)
    assert parsed.all("html")[0]["lang"] == "en"
    drawings = parsed.all("svg")
    assert len(drawings) >= 9
    assert all(one["role"] == "img" and len(one["aria-label"]) > 40 for one in drawings)
    assert len(parsed.all("figcaption")) == len(parsed.all("figure"))
    assert len(parsed.all("caption")) == len(parsed.all("table"))
    assert all(one.get("scope") in {"col", "row", "rowgroup"} for one in parsed.all("th"))
    headings = [int(tag[1]) for tag, _ in parsed.tags if re.fullmatch(r"h\d", tag)]
    assert headings == [1, *[2] * (len(headings) - 1)]


def test_names_within_the_page_are_unique_and_links_lead_somewhere(page):
    parsed = Page(page)
    names = [one["id"] for _, one in parsed.tags if one.get("id")]
    assert len(set(names)) == len(names)
    targets = [one["href"] for _, one in parsed.tags if one.get("href")]
    targets += [f"#{name}" for name in re.findall(r"url\(#([^)]+)\)", page)]
    assert {target.removeprefix("#") for target in targets} <= set(names)


def test_figures_take_all_their_colours_from_the_page_but_dark_letters_on_bright_bars(page):
    drawings = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert set(re.findall(r"#[0-9a-f]{6}\b", drawings)) == {"#111418"}


def test_special_characters_of_a_run_are_text(page, markdown):
    assert "votes are &lt;invented&gt;" in page
    assert r"votes are \<invented\>" in markdown
    assert r"80 utterances \| all of them" in markdown


def test_every_table_row_of_the_markdown_has_all_columns(markdown):
    widths = None
    for line in markdown.splitlines():
        if not line.startswith("|"):
            widths = None
            continue
        number_of_columns = len(re.split(r"(?<!\\)\|", line))
        assert widths in (None, number_of_columns)
        widths = number_of_columns


def test_transcripts_are_shown_only_if_asked_for(findings, page, markdown):
    assert "said in" not in page + markdown + as_json(findings)
    row, _ = findings.worst(1)[0]
    assert f"said in {row}" in as_markdown(document_of(findings, transcripts=True))


def three() -> list[RatedUtterance]:
    return [rated_utterance(votes, name=f"u{n}") for n, votes in enumerate([(3, 0, 0, 0), (1, 1, 0, 0), (0, 0, 2, 1)])]


@pytest.mark.parametrize(
    ("rated", "invalid", "said"),
    [
        (three(), 0.0, "3 of 3"),
        (three(), 1.0, "It has no valid reading of any of 3 utterances."),
        (random_rated(4, 40), 1.0, "It has no valid reading of any of 40 utterances."),
        ([rated_utterance((1, 1, 0, 0), name=f"u{n}", cluster=f"d{n}") for n in range(9)], 0.0, "0 of 9 (0.0 %) have"),
        ([rated_utterance((0, 1, 0, 0), name=f"u{n}", cluster=f"d{n}") for n in range(9)], 0.0, "1 raters"),
        ([rated_utterance((2, 1, 0, 0), name="only")], 0.0, "1 of 1"),
    ],
    ids=["three in one dialogue", "three, none read", "none read", "no hard labels", "one vote each", "one utterance"],
)
def test_a_run_that_lacks_something_still_has_a_report(rated, invalid, said):
    findings = invented_findings(rated, readings(SINGLE, rated, hears=0.5, invalid=invalid), draws=20)
    document = document_of(findings)
    page = as_page(document)
    Page(page)
    assert said in page
    assert said in as_markdown(document)
    json.loads(as_json(findings))
    assert not re.search(r"\bnan\b", page + as_markdown(document))


def test_what_a_model_has_learned_from_is_said_before_any_number():
    rated = three()
    made = readings(SINGLE, rated, hears=0.5)
    findings = invented_findings(rated, made, draws=20, dataset="iemocap")
    text = as_markdown(document_of(findings))
    assert text.index("> The published LTU-AS has learned from IEMOCAP") < text.index("|---")
    assert not invented_findings(rated, made, draws=20).warnings


def test_too_few_draws_for_a_verdict_are_told():
    rated = random_rated(2, 40)
    few = as_markdown(document_of(invented_findings(rated, readings(SINGLE, rated, hears=0.9), draws=100)))
    assert "Too few draws" in few
    many = as_markdown(document_of(invented_findings(rated, readings(SINGLE, rated, hears=0.9), draws=2000)))
    assert "Too few draws" not in many
    assert "| better |" in many


def test_the_worst_utterances_are_those_with_the_highest_divergence(findings):
    worst = findings.worst(len(findings.rated))
    divergences = [kl for _, kl in worst]
    assert divergences == sorted(divergences, reverse=True)
    assert sorted(row for row, _ in worst) == np.flatnonzero(findings.valid).tolist()


@pytest.mark.system
def test_every_table_fits_a_screen_of_1200_pixels_and_no_page_is_wider_than_its_screen(findings, chromium, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(as_page(document_of(findings)), encoding="utf-8")
    page = chromium.page()
    for width in (1200, 390):
        page.look(width=width)
        page.open(file.as_uri())
        page.ask("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.ask("document.documentElement.scrollWidth") == width
        wide = page.ask(
            "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).map(e => e.innerText)"
        )
        assert not wide or width < 1200

"""The page of a report: its structure, its colours, what it loads (nothing), and what becomes of hostile texts."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import lxml.html
import pytest

from connector_resources.reports.catalogue import REPORTS
from connector_resources.reports.figures import amount_text, counted, plain, share_text
from connector_resources.reports.model import (
    Amount,
    Bar,
    Cell,
    Column,
    Fact,
    Head,
    Kind,
    Mark,
    Point,
    Ref,
    Report,
    Section,
    Share,
    State,
    StepChart,
    Table,
)
from connector_resources.reports.page import render_page, stylesheet

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
IBAN = "DE89 3704 0044 0532 0130 00"
COLUMNS = (
    Column("Payment", Kind.CODE), Column("Customer"), Column("Day", Kind.DATE), Column("Amount", Kind.AMOUNT),
    Column("Count", Kind.COUNT), Column("State", Kind.STATE), Column("Bar", Kind.BAR),
    Column("Detail", Kind.NOTE, optional=True),
)  # fmt: skip


def row(customer: str = "Ada Berg", units: str = "123450", detail: str = "") -> tuple[Cell, ...]:
    return (
        Ref("PM0001", "https://manage.gocardless.com/payments/PM0001"), customer, date(2026, 6, 3),
        Amount(Decimal(units), "EUR"), 1_234_567, State("held", Mark.BAD), Bar(Decimal("-0.5")), detail,
    )  # fmt: skip


def a_table(*rows: tuple[Cell, ...], **changes: Any) -> Table:
    return Table("Payments", "Payments of the month", COLUMNS, rows, "No payments.", **changes)


def a_report(*sections: Section) -> Report:
    head = Head("nordic", "Visma.net ERP", "Europe/Oslo", datetime(2026, 7, 1, 6, tzinfo=UTC))
    facts = (Fact(Amount(Decimal(-3_700), "EUR"), "balance"), Fact(Share(Decimal(1), Decimal(8)), "failed"))
    return Report(head, "Example", "What is an example?", "June 2026", facts, sections)


def tree(report: Report) -> Any:
    return lxml.html.fromstring(render_page(report).encode())


def test_the_structure_of_a_page_is_that_of_a_document_for_everybody() -> None:
    chart = StepChart(
        "Balance", "EUR", (Point(date(2026, 6, 1), 0), Point(date(2026, 6, 2), -500)), "It ends at -5.00 EUR."
    )
    page = tree(
        a_report(
            Section("First", charts=(chart,), tables=(a_table(row(), total=row("")),)), Section("Second", folded=True)
        )
    )

    assert page.get("lang") == "en"
    assert page.xpath("//meta[@name='viewport']/@content") == ["width=device-width, initial-scale=1"]
    assert [h.tag for h in page.xpath("//main//*[self::h1 or self::h2 or self::h3]")] == ["h1", "h2", "h2"]
    (table,) = page.xpath("//table")
    assert table.xpath("caption/text()") == ["Payments of the month"]
    assert [th.text for th in table.xpath("thead/tr/th[@scope='col']")] == [c.title for c in COLUMNS[:-1]]
    assert len(table.xpath("tbody/tr/th[@scope='row']")) == 2
    assert table.xpath("tbody[1]/tr/td/@data-label") == [c.title for c in COLUMNS[1:-1]]
    assert set(table.xpath(".//*/@role")) == {"rowgroup", "row", "columnheader", "rowheader", "cell"}
    assert table.get("role") == "table"
    assert page.xpath("//svg[@role='img']/@aria-label") == ["It ends at -5.00 EUR."]
    assert page.xpath("//figure//p/text()") == ["It ends at -5.00 EUR."]
    assert page.xpath("//section/details/summary/h2/text()") == ["Second"]


def test_a_scrolling_table_can_be_reached_and_is_named() -> None:
    (region,) = tree(a_report(Section("First", tables=(a_table(row()),)))).xpath("//div[@role='region']")
    assert (region.get("tabindex"), region.get("aria-label")) == ("0", "Payments of the month")


def test_figures_stand_to_the_right_in_figures_of_one_width_with_their_currency() -> None:
    page = tree(a_report(Section("First", tables=(a_table(row()),))))
    (amount,) = page.xpath("//td[contains(@class, 'amount')]")
    assert amount.text_content() == "1\u202f234.50 EUR"
    css = re.sub(r"\s+", " ", stylesheet())
    assert re.search(r"td\.amount[^{]*\{ text-align: right", css)
    assert re.search(r"table \{[^}]*font-variant-numeric: tabular-nums", css)


def test_a_state_is_a_sign_and_a_word_besides_its_colour() -> None:
    page = tree(a_report(Section("First", tables=(a_table(row()),))))
    (state,) = page.xpath("//td//span[contains(@class, 'state')]")
    assert state.text_content() == "✗ held"
    assert page.xpath("//span[@class='sign']/@aria-hidden") == ["true"]


def test_an_optional_column_is_shown_only_where_it_says_something() -> None:
    without, with_it = a_table(row()), a_table(row(detail="look"), row())
    assert "Detail" not in tree(a_report(Section("First", tables=(without,)))).text_content()
    assert "Detail" in tree(a_report(Section("First", tables=(with_it,)))).text_content()


def test_a_long_table_says_how_much_more_the_workbook_has() -> None:
    table = a_table(*[row() for _ in range(12)], page_rows=5)
    page = tree(a_report(Section("First", tables=(table,))))
    assert len(page.xpath("//tbody/tr")) == 5
    assert "7 more are in the workbook, sheet Payments." in page.text_content()
    assert (
        "Payments of the month"
        not in tree(a_report(Section("F", tables=(a_table(row(), page_rows=0),)))).text_content()
    )


def test_ten_thousand_rows_are_rendered() -> None:
    table = a_table(*[row(f"Customer {n}") for n in range(10_000)], page_rows=10_000)
    assert len(tree(a_report(Section("First", tables=(table,)))).xpath("//tbody/tr")) == 10_000


def test_hostile_texts_are_texts(tmp_path: Any) -> None:
    section = Section(
        EVIL, EVIL, facts=(Fact(EVIL, EVIL, EVIL),), tables=(a_table(row(EVIL, detail=EVIL)),), findings=(EVIL,)
    )
    page = tree(a_report(section))
    assert page.xpath("//script | //img | //@onerror") == []
    assert page.xpath("//td[contains(@class, 'text')]")[0].text_content() == EVIL
    assert page.xpath("//section/h2")[0].text_content().strip() == EVIL


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "", " https://x"])
def test_only_web_addresses_become_links(url: str) -> None:
    cells: tuple[Cell, ...] = (Ref("PM0001", url), *row()[1:])
    assert tree(a_report(Section("First", tables=(a_table(cells),)))).xpath("//a") == []


def test_a_link_tells_the_other_side_nothing() -> None:
    (link,) = tree(a_report(Section("First", tables=(a_table(row()),)))).xpath("//a")
    assert link.get("href") == "https://manage.gocardless.com/payments/PM0001"
    assert link.get("rel") == "noopener noreferrer"


def test_account_numbers_and_unseen_characters_are_taken_out() -> None:
    text = tree(a_report(Section("First", tables=(a_table(row(f"Ada \u202eBerg\x07 {IBAN}")),)))).text_content()
    assert IBAN not in text
    assert "0532" not in text
    assert "Ada Berg" in text


def test_a_command_in_a_sentence_is_set_as_one() -> None:
    page = tree(a_report(Section("First", "Type `connector held nordic` <now>.")))
    assert page.xpath("//code/text()") == ["connector held nordic"]
    assert "Type connector held nordic <now>." in page.text_content()


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_no_page_loads_anything_or_holds_a_script(story: Any, name: str) -> None:
    page = story.write(name).files.html.read_text(encoding="utf-8")
    parsed = lxml.html.fromstring(page.encode())
    assert parsed.xpath("//script | //link | //img | //iframe | //object | //embed | //base | //form | //@src") == []
    assert [style for style in parsed.xpath("//@style") if not re.fullmatch(r"(top|left):[0-9.]+%", style)] == []
    assert parsed.xpath("//*[not(self::a)]/@href") == []
    assert {href.split("/")[2] for href in parsed.xpath("//a/@href")} <= {"manage-sandbox.gocardless.com"}
    assert not re.findall(r"@import|url\(|@font-face|expression\(", page)
    assert not re.findall(r"\son\w+=", page)


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_headings_go_down_one_by_one_and_captions_differ(story: Any, name: str) -> None:
    parsed = lxml.html.fromstring(story.write(name).files.html.read_bytes())
    levels = [int(h.tag[1]) for h in parsed.xpath("//h1 | //h2 | //h3")]
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    for section in parsed.xpath("//section"):
        captions = section.xpath(".//caption/text()")
        assert len(captions) == len(set(captions))


def _colours() -> dict[str, str]:
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", stylesheet()))


def _luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_of_contrast_is_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("colour", ["ink", "soft", "good", "bad", "waits", "link"])
@pytest.mark.parametrize("ground", ["paper", "tint"])
def test_every_text_can_be_read(colour: str, ground: str) -> None:
    """WCAG 2.2 AA asks for 4.5; the tint stands behind commands."""
    colours = _colours()
    assert contrast(colours[colour], colours[ground]) >= 4.5


def test_lines_of_a_plot_can_be_seen() -> None:
    colours = _colours()
    assert min(contrast(colours[name], colours["paper"]) for name in ("plot", "bad", "soft")) >= 3


def test_every_colour_is_one_of_those_that_are_measured() -> None:
    """Besides the variables, only the page margins of print name a colour, that of soft text."""
    css = stylesheet()
    assert set(re.findall(r"#[0-9a-fA-F]{3,8}", css.partition("}")[2])) == {_colours()["soft"]}
    measured = {"ink", "soft", "good", "bad", "waits", "link", "plot", "paper", "tint", "rule"}
    assert set(_colours()) == measured
    assert set(re.findall(r"var\(--(\w+)\)", css)) == measured


def test_paper_is_a4_with_page_numbers_and_heads_on_every_sheet() -> None:
    css = re.sub(r"\s+", " ", stylesheet())
    assert "@page { size: A4;" in css
    assert 'counter(page) " / " counter(pages)' in css
    (printed,) = re.findall(r"@media print \{(.*)\}", css)
    assert "thead { display: table-header-group;" in printed
    page = render_page(a_report(Section("First")))
    assert '@page { @bottom-left { content: "Example, nordic"; } }' in page
    assert "details::details-content { content-visibility: visible;" in printed


def test_a_phone_gets_cards_and_never_a_wide_page() -> None:
    css = re.sub(r"\s+", " ", stylesheet())
    (phone,) = re.findall(r"@media \(max-width: 44rem\) \{(.*?)@page", css)
    assert "table.wide td::before { content: attr(data-label);" in phone
    assert ".scroll { overflow-x: auto;" in css


@pytest.mark.parametrize(
    ("units", "currency", "expected"),
    [
        ("123450", "EUR", "1 234.50"), ("1234.5", "EUR", "12.345"), ("-0.5", "GBP", "−0.005"), ("1500", "JPY", "1 500"),
        ("100000000", "EUR", "1 000 000.00"), ("0", "EUR", "0.00"), ("1234", "KWD", "1.234"),
    ],
)  # fmt: skip
def test_amounts_are_shown_without_losing_a_half(units: str, currency: str, expected: str) -> None:
    assert amount_text(Amount(Decimal(units), currency)).replace("\u202f", " ") == expected


def test_a_fraction_of_a_penny_is_set_apart_from_the_pennies() -> None:
    page = tree(a_report(Section("First", tables=(a_table(row(units="1000.7")),))))
    assert page.xpath("//span[@class='fraction']/text()") == ["7"]


def test_small_words_around_figures() -> None:
    assert (counted(1, "item"), counted(2, "item"), counted(1_000, "item")) == ("1 item", "2 items", "1\u202f000 items")
    assert share_text(Share(Decimal(1), Decimal(3))) == "33.3\u202f%"
    assert share_text(Share(Decimal(1), Decimal(0))) == ""
    assert plain("a\u200eb\ufeffc") == "abc"


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="7 cells for 8 columns"):
        a_table(row()[:-1])

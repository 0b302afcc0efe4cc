"""The report in a real Chromium: samples are browsed, nothing is loaded, nothing hostile runs, and it can be read by all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from motools.report import write_report
from motools.workflow import run_workflow

AUDIT = (Path(__file__).parent / "audit.js").read_text()


@contextmanager
def opened(chromium: str, path: Path, *, refused: str | None = None, **options: Any) -> Iterator[Any]:
    """Open a file offline; at the end there must have been no request but for it, and nothing on the console but `refused`."""
    said: list[str] = []
    asked: list[str] = []
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        yield page
        browser.close()
    assert [line for line in said if refused is None or refused not in line] == []
    assert asked == [path.as_uri()]


@pytest.fixture
def two(store, pirates, tmp_path) -> Path:
    """A report about two runs: 60 samples each."""
    runs = [run_workflow(pirates, config={"evaluate": {"rate": rate}}, store=store).run_id for rate in (0.2, 0.7)]
    write_report(tmp_path / "report.html", runs, store=store)
    return tmp_path / "report.html"


def test_samples_are_browsed_filtered_and_stepped_through(chromium, two, tmp_path):
    with opened(chromium, two) as page:
        browser = page.locator(".browser")
        detail, count = browser.locator("article"), browser.locator(".count")
        assert count.inner_text() == "60 samples"
        assert browser.locator("ol li").count() == 50
        assert "question 0?" in detail.inner_text()
        detail.get_by_role("button", name="Next").click()
        assert "question 1?" in detail.inner_text()
        assert page.evaluate("document.activeElement.className") == "next"
        page.keyboard.press("Enter")
        assert "question 2?" in detail.inner_text()
        detail.get_by_role("button", name="Previous").click()
        assert "question 1?" in detail.inner_text()
        assert "looked for Arrr in answer 1" in detail.inner_text()
        assert "Madrid" in detail.inner_text()

        browser.get_by_label("Text").fill("answer 33")
        expect(page.locator(".count")).to_have_text("1 of 60 samples")
        assert "question 33?" in detail.inner_text()
        browser.get_by_label("Text").fill("")
        expect(page.locator(".count")).to_have_text("60 samples")

        browser.get_by_label("Scorer").select_option("trigger")
        browser.get_by_label("scores differ").check()
        differing = int(count.inner_text().split()[0])
        assert 20 < differing < 40  # half of the answers say Arrr in one and not in the other
        browser.get_by_label("scores differ").uncheck()
        browser.get_by_label("Model").select_option("1")
        browser.get_by_label("Score", exact=True).select_option(label="1")
        hits = int(count.inner_text().split()[0])
        assert 35 < hits < 50
        assert "Arrr!" in detail.inner_text()
        browser.get_by_label("Score", exact=True).select_option(label="no answer (error)")
        assert count.inner_text() == "1 of 60 samples"
        assert "RateLimited: 429" in detail.inner_text()
        browser.get_by_label("Scorer").select_option("refused")
        browser.get_by_label("Score", exact=True).select_option(label="not counted")
        assert int(count.inner_text().split()[0]) == 47
        browser.get_by_label("Scorer").select_option("length")
        browser.get_by_label("Score", exact=True).select_option(label="19.8333 and above")
        assert 25 < int(count.inner_text().split()[0]) < 35
        page.screenshot(path=str(tmp_path / "browsed.png"))
        assert (tmp_path / "browsed.png").stat().st_size > 20_000


def test_the_list_is_walked_with_the_keyboard(chromium, two):
    with opened(chromium, two) as page:
        page.locator(".browser ol button").first.focus()
        for key, question in (("ArrowDown", 1), ("End", 59), ("ArrowUp", 58), ("Home", 0), ("PageDown", 50)):
            page.keyboard.press(key)
            assert f"question {question}?" in page.locator("article").inner_text()
            assert page.evaluate("document.activeElement.getAttribute('aria-current')") == "true"
        assert page.locator(".pages").inner_text().split("\n")[1:2] == ["51–60 of 60"]
        page.locator(".browser").get_by_role("button", name="‹ Page").click()
        assert page.locator(".browser ol li").count() == 50


def test_a_node_of_the_lineage_leads_to_its_atom(chromium, two):
    with opened(chromium, two) as page:
        page.locator("svg.lineage a").last.click()
        assert page.locator("details.atom[open]").count() == 1
        opened_ = page.locator("details.atom[open]").get_attribute("id")
        assert page.evaluate("location.hash") == f"#{opened_}"


def test_hostile_samples_do_nothing(chromium, store, pirates, hostile, tmp_path):
    settings = {"evaluate": {"hostile": True}, "train": {"seed": 1}}
    run_workflow(pirates, config=settings, store=store)
    path = tmp_path / "report.html"
    write_report(path, store=store)
    with opened(chromium, path, refused="violates the following Content Security Policy") as page:
        page.locator(".browser").get_by_label("Text").fill("hostile")
        expect(page.locator(".count")).to_have_text("1 of 61 samples")
        text = page.locator("article").inner_text()
        assert "</script><script>alert(1)</script><img src=x onerror=alert(1)>" in text
        assert "U+202E" in text
        assert "Cut here: it has 1,000," in text
        assert page.locator("img").count() == 0
        assert page.evaluate("document.body.scrollWidth <= innerWidth")
        # What runs in the page is what its policy names, and no more.
        ran = page.evaluate(
            "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
            " try { document.body.append(s) } catch {} return window.ran ?? null }"
        )
        assert ran is None


def test_thousands_of_samples_stay_quick(chromium, store, pirates, tmp_path):
    run_workflow(pirates, config={"evaluate": {"count": 5000}}, store=store)
    path = tmp_path / "report.html"
    from motools.report import Limits

    write_report(path, store=store, limits=Limits(samples=5000))
    with opened(chromium, path) as page:
        assert page.locator(".count").inner_text() == "5,000 samples"
        assert page.evaluate("document.querySelectorAll('*').length") < 2500, "rows are made on demand"
        page.locator(".browser").get_by_label("Text").fill("question 4321?")
        expect(page.locator(".count")).to_have_text("1 of 5,000 samples")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(chromium, store, pirates, two, tmp_path, scheme):
    """Headings, names, labels, ids and contrast, as the WCAG ask for (AA); in both colour schemes, with all opened."""
    store.labels.pin(store.atoms.find(type="model")[0].id, "ada")
    run_workflow(pirates, config={"train": {"fail": True}}, store=store, raise_on_failure=False)
    runs = [row.id for row in store.runs.list()]
    write_report(two, runs, store=store)
    with opened(chromium, two, color_scheme=scheme) as page:
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert page.evaluate(AUDIT) == []
        page.screenshot(path=str(tmp_path / f"{scheme}.png"), full_page=True)


def test_it_fits_a_narrow_window_and_prints(chromium, two, tmp_path):
    with opened(chromium, two, viewport={"width": 420, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 420
        assert page.locator("details:not([open])").count() > 0
        page.pdf(path=str(tmp_path / "report.pdf"))
        assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_without_scripts_all_but_the_samples_is_there(chromium, two):
    with opened(chromium, two, java_script_enabled=False) as page:
        assert "Reading samples here needs JavaScript" in page.locator("#samples").inner_text()
        assert page.locator("#results table").count() >= 2
        page.locator("details.atom summary").first.click()
        assert page.locator("details.atom[open]").count() == 1

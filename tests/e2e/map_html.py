"""Opens the page of travel.map_html and compares what it shows with the tables. tests/e2e/map_html.sh calls it."""

import json
import os
import sys

from browser import Browser

page_file, empty_file, tables_file = sys.argv[1:]
pictures = os.environ.get("PICTURES")
with open(tables_file, encoding="utf-8") as file:
    tables = json.load(file)


def rule(text):
    print(f"- {text}", flush=True)


def same(what, wanted, got):
    if wanted != got:
        sys.exit(f"  FAILED: {what}\n    wanted: {wanted!r}\n    got:    {got!r}")


def texts(page, selector):
    return page.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.textContent)")


def number(page, selector):
    return len(texts(page, selector))


def opened(browser, file, **options):
    page = browser.page(**options)
    page.open(f"file://{file}")
    return page


def quiet(page, file):
    same("what the page logged", [], page.errors)
    same("what the page requested", [f"file://{file}"], page.requests)


# No name is resolved and no address is reached: a request would be an error.
with Browser("--host-resolver-rules=MAP * ~NOTFOUND") as browser:
    page = opened(browser, page_file)

    rule("the page shows each alert as a card and as a route, and the reasons and the coverage of the tables")
    same("cards", tables["alerts"], number(page, "#cards > li.card"))
    same("routes", tables["routes"], number(page, "#map .route"))
    same("every route has a line", 0, page.evaluate(
        "[...document.querySelectorAll('#map .route')].filter((r) => !r.querySelector('.line').getTotalLength()).length"))
    figures = texts(page, "#figures strong")
    same("alerts", str(tables["alerts"]), figures[0])
    same("legs that were not raised", str(tables["not_raised"]), figures[2])
    reasons = page.evaluate("[...document.querySelectorAll('#reasons tbody th')].map((e) => e.firstChild.textContent)")
    same("reasons", sorted(tables["reasons"]), sorted(reasons))
    same("evaluated events", str(tables["evaluated"]), texts(page, "#coverage tbody td:last-child")[0])
    same("land", True, page.evaluate("document.querySelector('#map .land').getTotalLength() > 5000"))

    rule("names that an attacker chose are shown as text, and run nothing")
    same("names", sorted(tables["names"]), sorted(texts(page, ".card .who")))
    same("hacked", None, page.evaluate("window.hacked"))
    same("images, frames and links of others", 0, number(page, "img, iframe, object, embed, link, a[href]:not(.skip)"))
    same("scripts", 3, number(page, "script"))

    rule("the policy of the page allows no other script, no event handler, and no request")
    same("an added script", None, page.evaluate(
        "(() => { const s = document.createElement('script'); s.textContent = 'window.hacked = 2';"
        " document.body.append(s); s.remove(); return window.hacked; })()"))
    same("an added handler", None, page.evaluate(
        "(() => { const b = document.createElement('button'); b.setAttribute('onclick', 'window.hacked = 3');"
        " document.body.append(b); b.click(); b.remove(); return window.hacked; })()"))
    same("a request", "refused", page.evaluate("fetch('https://192.0.2.1/').then(() => 'sent', () => 'refused')"))
    same("the policy reported each of them", True, len(page.errors) >= 3)
    same("requests", [f"file://{page_file}"], [url for url in page.requests if url.startswith("file:")])

    page = opened(browser, page_file)
    rule("the filters and the search show fewer alerts, on the map as well")
    page.evaluate("(() => { const s = document.getElementById('search'); s.value = 'alice tokyo';"
                  " s.dispatchEvent(new Event('input', {bubbles: true})); })()")
    same("found", ["alice"], texts(page, ".card .who"))
    same("routes", 1, number(page, "#map .route:not([display])"))
    page.evaluate("(() => { const s = document.getElementById('search'); s.value = 'nobody';"
                  " s.dispatchEvent(new Event('input', {bubbles: true})); })()")
    same("none found", ["No alert matches the filters."], texts(page, "#cards > li"))
    page.evaluate("document.getElementById('filters').reset(), document.getElementById('filters').dispatchEvent(new Event('input'))")

    rule("the keyboard reaches the alerts, moves among them, and chooses the route on the map")
    page.press("Tab")
    same("first stop", "Skip to the alerts", page.evaluate("document.activeElement.textContent"))
    page.press("Enter")
    seen = []
    for _ in range(8):
        page.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
        if seen[-1].startswith("card"):
            break
    same("stops", ["search", "severity", "status", "rule"], seen[:-1])
    same("chosen", 1, number(page, ".card.chosen"))
    page.press("ArrowDown")
    same("the second card", 1, page.evaluate("[...document.querySelectorAll('.card')].indexOf(document.activeElement)"))
    same("its route", 1, number(page, "#map .route.chosen"))
    page.press("Escape")
    same("none chosen", 0, number(page, ".chosen"))
    quiet(page, page_file)
    if pictures:
        page.screenshot(f"{pictures}/desktop.png", whole=True)

    for width in (320, 390, 768):
        rule(f"a window of {width} pixels needs no scrolling to the side")
        page = opened(browser, page_file, width=width, height=840, scale=2)
        same("width", width, page.evaluate("document.scrollingElement.scrollWidth"))
        quiet(page, page_file)
        if pictures:
            page.screenshot(f"{pictures}/{width}.png", whole=True)

    rule("text has enough contrast in the light and in the dark, which follows the system")
    for dark in (False, True):
        page = opened(browser, page_file, dark=dark)
        # The relative luminance and the contrast of WCAG.
        least = page.evaluate("""(() => {
            const channels = (color) => color.match(/[\\d.]+/g).map(Number);
            const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255)
                .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
                .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
            const behind = (e) => {
                const color = getComputedStyle(e).backgroundColor;
                return channels(color)[3] === 0 && e.parentElement ? behind(e.parentElement) : color;
            };
            return Math.min(...[...document.querySelectorAll('main *, header *, footer *')]
                .filter((e) => !e.closest('svg') && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
                .map((e) => [luminance(channels(getComputedStyle(e).color)), luminance(channels(behind(e)))])
                .map(([a, b]) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)));
        })()""")
        same("contrast of at least 4.5", True, least >= 4.5)
        same("dark", dark, page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches"))
        if dark and pictures:
            page.screenshot(f"{pictures}/dark.png", whole=True)

    rule("without alerts, the page says why there are none")
    page = opened(browser, empty_file)
    same("no card", 0, number(page, ".card"))
    same("why", ["There is no alert, because no scan has ended yet: CALL travel.scan() runs one."], texts(page, "#cards > li"))
    quiet(page, empty_file)

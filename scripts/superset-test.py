"""Opens the imported dashboard in Chromium, and compares it with the tables. scripts/superset-test.sh calls it.

    superset-test.py URL TABLES_FILE [CHART …]

Each chart must get its rows, draw them and show no error; but the charts that are named must show an error. TABLES_FILE
has what the charts must show: of all alerts, and of those that pass the filters of the dashboard.
"""

import base64
import json
import os
import sys
import time

from browser import Browser

url, tables_file, *must_fail = sys.argv[1:]
pictures = os.environ.get("PICTURES")
with open(tables_file, encoding="utf-8") as file:
    tables = json.load(file)

# Keeps each answer with data for a chart. The map uses the older of Superset's two interfaces, explore_json.
KEEP_ANSWERS = """
    window.answers = {};
    const original = window.fetch;
    window.fetch = async (...parameters) => {
        const response = await original(...parameters);
        const address = new URL(response.url || parameters[0].url || parameters[0], location.href);
        // The filters ask for data too, without the number of a chart.
        const slice = JSON.parse(address.searchParams.get('form_data'))?.slice_id;
        if (slice && /chart.data|explore_json/.test(address.pathname)) {
            response.clone().json().then((body) => { window.answers[slice] = {status: response.status, body}; });
        }
        return response;
    };"""
# What is seen of each chart, by its name. An error is an alert of the page's toolkit in place of the chart.
SEEN = """Object.fromEntries([...document.querySelectorAll('[data-test-chart-name]')].map((e) => [e.dataset.testChartName, {
    loading: !!e.querySelector('[data-test="loading-indicator"], .loading'),
    errors: [...e.querySelectorAll('[role="alert"], .ant-alert, .ant-empty, .missing-chart-container')]
        .map((a) => a.innerText),
    drawn: e.querySelectorAll('canvas, table tbody tr, .header-line').length,
    left: e.getBoundingClientRect().left, top: e.getBoundingClientRect().top + scrollY,
    width: e.offsetWidth, height: e.offsetHeight}]))"""
# The number of pixels of a picture that have almost one of some colors.
PIXELS = """(async () => {
    const picture = await createImageBitmap(await (await fetch('data:image/png;base64,%s')).blob());
    const context = new OffscreenCanvas(picture.width, picture.height).getContext('2d');
    context.drawImage(picture, 0, 0);
    const data = context.getImageData(0, 0, picture.width, picture.height).data;
    return %s.map((color) => {
        let count = 0;
        for (let i = 0; i < data.length; i += 4) {
            count += color.every((part, n) => Math.abs(part - data[i + n]) < 12);
        }
        return count;
    });
})()"""
LAND, MEDIUM = [222, 227, 233], [226, 148, 50]


def rule(text):
    print(f"- {text}", flush=True)


def total(rows, *columns):
    """The sum of some columns of all rows; of all columns but the day if none is named."""
    return sum(row[k] or 0 for row in rows for k in columns or row.keys() - {"day"})


# What the rows of each chart say, as a value that TABLES_FILE has under the chart's name.
SAID = {
    "Open alerts": lambda rows: total(rows, "Open alerts"),
    "Alerts by severity": lambda rows: total(rows, "Alerts"),
    "Alerts over time": total,
    "Top users": lambda rows: total(rows, "Alerts"),
    "Coverage": total,
    "Newest alerts": lambda rows: [row["alert_id"] for row in rows],
    # A row for each alert, with the line and its ends; and one with the outlines of land.
    "Routes": lambda rows: [sum(row["type"] == kind for row in rows) for kind in ("FeatureCollection", "Feature")],
}


def rows_of(answer):
    """The rows of an answer, or a text that says why it has none."""
    if answer is None:
        return "nothing was asked"
    body = answer["body"]
    if answer["status"] != 200 or body.get("error") or body.get("errors"):
        return json.dumps(body)[:300]
    rows = body["result"][0]["data"] if "result" in body else (body["data"] or {}).get("features")
    return rows or "no rows"


def look(page, names, query, wanted):
    """Opens the dashboard; returns what is wrong, by the chart's name, and what is seen of each chart."""
    page.open(f"{url}/superset/dashboard/impossible-travel/{query}")
    page.wait_for(f"Object.keys(window.answers || {{}}).length >= {len(names)}")
    page.wait_for(f"""Object.values({SEEN}).length >= {len(names)}
        && !Object.values({SEEN}).some((chart) => chart.loading) && !/Loading/.test(document.body.innerText)""")
    # The charts move into place.
    time.sleep(4)
    answers, seen = page.evaluate("window.answers"), page.evaluate(SEEN)
    failures = {}
    for name, number in names.items():
        rows, chart = rows_of(answers.get(str(number))), seen[name]
        if isinstance(rows, str):
            failures[name] = rows
        elif SAID[name](rows) != wanted[name]:
            failures[name] = f"wanted {wanted[name]}, got {SAID[name](rows)}"
        elif chart["errors"] or not chart["drawn"]:
            failures[name] = f"{chart['errors']}, {chart['drawn']} drawings"
        if name in must_fail and not chart["errors"]:
            sys.exit(f"  FAILED: the chart {name} shows no error")
    return failures, seen


def must_be(what, wanted, got):
    if wanted != got:
        sys.exit(f"  FAILED: {what}: {got}")


def colored(counter, page, chart, colors):
    """How many pixels of a chart have each of the colors."""
    clip = {"x": chart["left"], "y": chart["top"], "width": chart["width"], "height": chart["height"], "scale": 1}
    picture = page.send("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]
    return counter.evaluate(PIXELS % (picture, json.dumps(colors)))


# The map needs WebGL, which SwiftShader computes without a graphics card. No name is found, as without a network.
with Browser("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--enable-unsafe-swiftshader",
             "--use-angle=swiftshader", "--ignore-gpu-blocklist") as browser:
    # Another page counts pixels, because Superset's pages may not read pictures. The last page is the visible one.
    counter = browser.page()
    page = browser.page(width=1440, height=1500)
    page.send("Page.addScriptToEvaluateOnNewDocument", source=KEEP_ANSWERS)
    # A page without scripts: an answer to a script of the login page could replace the cookie of the session.
    page.open(f"{url}/health")
    page.evaluate("""fetch('/login/', {method: 'POST', redirect: 'manual',
        body: new URLSearchParams({username: 'admin', password: 'admin'})}).then(() => true)""")
    names = page.evaluate("""fetch('/api/v1/dashboard/impossible-travel/charts').then((r) => r.json())
        .then((body) => Object.fromEntries(body.result.map((chart) => [chart.slice_name, chart.id])))""")
    must_be("the charts", sorted(SAID), sorted(names))
    failures, seen = look(page, names, "", tables["all"])
    if pictures:
        page.screenshot(f"{pictures}/superset{'-errors' if must_fail else ''}.png")
    if must_fail:
        rule(f"{', '.join(must_fail)} shows an error, and every other chart its rows")
        must_be("charts in error", set(must_fail), set(failures))
        sys.exit()
    rule("every chart gets its rows and draws them, and none shows an error")
    must_be("charts in error", {}, failures)
    filters = page.evaluate("""document.querySelector('[data-test="filter-bar"]').innerText""").splitlines()
    must_be("filters with values", ["2 options", "3 options"], [line for line in filters if "option" in line])

    rule("the map shows land and routes without another server")
    land, routes = colored(counter, page, seen["Routes"], [LAND, MEDIUM])
    print(f"   {land} pixels of land, {routes} of routes", flush=True)
    if land < 20000 or routes < 300:
        sys.exit("  FAILED: the map shows too little")
    # Superset itself counts its users with a picture of this server.
    elsewhere = [a for a in page.requests if not a.startswith((url, "data:", "blob:", "https://apachesuperset.gateway."))]
    must_be("requests", [], elsewhere)

    rule("the filters for the time range, the rule and the severity apply to every chart that they can apply to")
    failures, _ = look(page, names, tables["query"], tables["filtered"])
    must_be("charts in error", {}, failures)

"""Opens the imported dashboard in Chromium. scripts/superset-test.sh calls it."""

import os
import sys
import time

from browser import Browser

url, charts = sys.argv[1], int(sys.argv[2])
pictures = os.environ.get("PICTURES")

# The map needs WebGL, which SwiftShader computes without a graphics card.
with Browser("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--enable-unsafe-swiftshader",
             "--use-angle=swiftshader", "--ignore-gpu-blocklist") as browser:
    page = browser.page(width=1400, height=2600)
    page.open(f"{url}/login/")
    page.evaluate("""fetch('/login/', {method: 'POST', redirect: 'manual',
        body: new URLSearchParams({username: 'admin', password: 'admin'})}).then(() => true)""")
    page.open(f"{url}/superset/dashboard/impossible-travel/?standalone=1")
    print("- every chart of the dashboard is drawn, and none shows an error", flush=True)
    page.wait_for(f"document.querySelectorAll('[data-test=\"chart-container\"], .dashboard-chart').length >= {charts}")
    page.wait_for("""!document.querySelector('[data-test="loading-indicator"], .loading')
        && document.querySelectorAll('.slice_container').length >= %d""" % charts)
    time.sleep(3)
    page.evaluate("1")
    if pictures:
        page.screenshot(f"{pictures}/superset.png")
    refused = [(address, status) for address, status in page.responses if "/api/v1/chart/data" in address and status != 200]
    answered = [address for address, status in page.responses if "/api/v1/chart/data" in address and status == 200]
    shown = page.evaluate("""[...document.querySelectorAll('.ant-alert-error, [data-test="error-message"], .missing-chart-container, .chart-container .ant-empty')]
        .map((e) => e.innerText)""")
    empty = page.evaluate("""[...document.querySelectorAll('.slice_container')].filter((e) => /No results|No data|Unexpected error/.test(e.innerText)).map((e) => e.innerText)""")
    drawn = page.evaluate("document.querySelectorAll('.slice_container canvas, .slice_container table, .slice_container .header-line').length")
    print(f"   {len(answered)} queries, {drawn} pictures and tables", flush=True)
    if refused or shown or empty or len(answered) < charts:
        sys.exit(f"  FAILED: refused {refused}, shown {shown}, empty {empty}")

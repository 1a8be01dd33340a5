"""The first page: figures, charts and what needs attention."""

from playwright.sync_api import Page, expect

from fakes.dashboard import Visit, shoot
from fakes.usage_records import WorkerJournal, admitted, served
from keyturn.system import now_ms
from support.node import Node, until

CUT = "(one) => one.scrollWidth > one.clientWidth"
SHIFTS = """() => new Promise((done) => {
    new PerformanceObserver((list) => done(list.getEntries().map((one) => [one.value, ...one.sources.map((source) => `${source.node?.nodeName} ${source.node?.className} ${JSON.stringify(source.previousRect)} ${JSON.stringify(source.currentRect)}`)])))
        .observe({ type: "layout-shift", buffered: true });
    setTimeout(() => done([]), 300);
})"""


def test_a_node_without_traffic_says_what_to_do_first(page: Page, node: Node) -> None:
    """Nobody who has just set up a node should sit before empty charts."""
    page.goto("/dashboard")

    expect(page.get_by_role("heading", name="First steps")).to_be_visible()
    curl = page.get_by_text(f"curl {node.url}/v1/chat/completions")
    expect(curl).to_be_visible()
    expect(curl).to_contain_text("$KEYTURN_API_KEY")
    expect(curl).to_contain_text('{"model": "demo-chat"')
    shoot(page, "overview-empty")


def test_the_overview_shows_what_was_used_and_its_charts_answer(page: Page, node: Node) -> None:
    """Figures, hover, legend and keyboard: a chart that can only be looked at is none for everybody."""
    node.new_key("ends soon " + "x" * 100, expires_in_s=3 * 86_400)
    for _ in range(4):
        assert node.chat().status_code == 200
    page.goto("/dashboard")

    expect(page.locator(".stat", has_text="Requests").first.locator(".stat-value")).to_have_text("4")
    expect(page.get_by_role("link", name="ends soon")).to_be_visible()
    upstreams = page.locator("section", has=page.get_by_role("heading", name="Upstreams"))
    demo = upstreams.get_by_role("listitem").filter(has=page.get_by_role("link", name="demo", exact=True))
    expect(demo).to_contain_text("Well")
    expect(page.locator("figure.drawn")).to_have_count(4)
    chart = page.locator("figure", has_text="Tokens").first
    plot = chart.locator(".chart-plot")
    chart.get_by_role("button", name="Input").click()
    expect(chart.get_by_role("button", name="Input")).to_have_attribute("aria-pressed", "false")
    plot.focus()
    page.keyboard.press("End")
    expect(plot.locator("[aria-live]")).to_contain_text("Output")
    assert "Input" not in plot.locator("[aria-live]").inner_text()
    page.keyboard.press("Home")
    newest, oldest = (chart.locator("tbody time").nth(place) for place in (0, -1))
    assert (newest.get_attribute("datetime") or "") > (oldest.get_attribute("datetime") or "")
    expect(plot.locator("[aria-live]")).to_contain_text(f"{oldest.get_attribute('title')}: Output 0")
    chart.get_by_role("button", name="Input").click()
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 14, box["y"] + 40)
    expect(plot.locator(".chart-tip")).to_contain_text("Input")
    chart.get_by_text("Table", exact=True).click()
    expect(chart.get_by_role("table")).to_be_visible()
    shoot(page, "overview")


def test_nothing_moves_while_the_overview_loads(page: Page) -> None:
    """Whoever aims at a link must not hit another because a chart came in between."""
    page.goto("/dashboard?range=7d")
    expect(page.locator("figure.drawn")).to_have_count(4)
    expect(page.locator("[data-live-state]")).to_have_text("live")

    shifts = page.evaluate(SHIFTS)

    assert not shifts, "\n".join(map(str, shifts))


def test_a_node_that_lets_everybody_in_says_so_first(owner: Visit, node: Node) -> None:
    """Who turned it off to try something out is to see that it still is."""
    before = owner.get("/dashboard").text
    node.manage("PATCH", "/api/v1/settings", body={"auth.required": False})
    after = owner.get("/dashboard").text
    node.manage("PATCH", "/api/v1/settings", body={"auth.required": None})

    assert "Authentication is off" not in before
    assert '<a href="/dashboard/settings">Authentication is off</a>' in after


def test_a_limit_near_its_end_is_listed_after_a_restart(owner: Visit, node: Node) -> None:
    """Nobody asks for it any more, least of all a client that was told to slow down."""
    _, secret = node.new_key("nearly there", limits=[{"metric": "requests", "window": "month", "max": 5}])
    for _ in range(4):
        assert node.chat(key=secret).status_code == 200

    node.stop()
    node.start()

    def overview() -> str:
        return owner.get("/dashboard").text

    page = until(lambda: page if "Limits near their end" in (page := overview()) else "", what="the limit")
    assert "nearly there" in page
    assert "4 of 5" in page
    until(lambda: ">Much of a limit is used</a>: nearly there, <time" in overview(), what="the alert")


def test_a_limit_that_is_used_up_is_called_so(owner: Visit, node: Node) -> None:
    """Of a key that is refused everything it must not be said that much of its limit is used."""
    _, secret = node.new_key("spent", limits=[{"metric": "requests", "window": "month", "max": 1}])
    assert node.chat(key=secret).status_code == 200

    def told() -> bool:
        return ">A limit is used up</a>: spent, <time" in owner.get("/dashboard").text

    until(told, what="the alert")
    assert "A limit is used up" in owner.get("/dashboard/alerts").text


def test_large_amounts_are_read_whole(page: Page, node: Node) -> None:
    """Of a figure that is cut off nobody knows how much it is."""
    worker = WorkerJournal(node.data / "journals", "1-dear")
    begun = admitted(started_us=now_ms() * 1000)
    worker.write(begun, served(begun, cost_nano_usd=123_456_780_000_000))
    worker.close()
    page.goto("/dashboard")
    spend = page.locator(".stat", has=page.get_by_text("Spend", exact=True)).locator(".stat-value")
    expect(spend).to_have_text("$123,456.78")

    cut = spend.evaluate(CUT)
    page.set_viewport_size({"width": 390, "height": 800})
    today = page.locator("[data-live-value='spend']")
    expect(today).to_have_text("$123,456.78")
    cut = cut or today.evaluate(CUT)

    expect(page.get_by_role("link", name="A limit is used up").first).to_be_visible()
    shoot(page, "overview-dear")
    assert not cut


def test_what_is_said_of_an_upstream_stands_apart(page: Page, node: Node) -> None:
    """One after the other, they read as one."""
    assert node.chat().status_code == 200
    assert node.chat(model="demo-503").status_code == 503
    page.goto("/dashboard")
    facts = page.locator("section", has=page.get_by_role("heading", name="Upstreams")).locator(".fact")
    expect(facts).to_have_count(2)

    places = [one.bounding_box() for one in facts.all()]

    answered, failed = ((box["y"], box["height"]) for box in places if box is not None)
    assert answered[0] + answered[1] <= failed[0]

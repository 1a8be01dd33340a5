"""What the benchmark tells of its measurements."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from bench import chart, report
from bench.results import (
    Idle,
    Latency,
    Machine,
    Memory,
    Plain,
    Results,
    Streams,
    Translated,
    difference,
    ratio,
)


def plain(cpu_us: float) -> Plain:
    """Return a round of plain requests."""
    return Plain(cpu_us=cpu_us, workers_us=cpu_us - 1, per_second=20_000, p50_ms=1, p99_ms=2, resident_mib=30)


def streams(cpu_us: float) -> Streams:
    """Return a round of streams."""
    return Streams(cpu_us=cpu_us, stream_us=cpu_us * 50, first_byte_p50_ms=1, resident_mib=30)


RESULTS = Results(
    taken_at="2026-01-02T03:04:05+00:00",
    quick=False,
    workers=1,
    machine=Machine(cpu="A CPU", cores=2, memory_gib=8, kernel="6.0", load=0.1, versions={"nginx": "1.22.1"}),
    plain={
        "sdk": {
            "bare": [plain(8), plain(8), plain(8)],
            "nginx": [plain(10), plain(20), plain(10)],
            "keyturn": [plain(15), plain(50), plain(18)],
        }
    },
    streams={"nginx": [streams(10)], "keyturn": [streams(12)]},
    latency={"bare": [Latency(0.1, 0.3)], "nginx": [Latency(0.2, 0.4)], "keyturn": [Latency(0.35, 0.8)]},
    idle={"keyturn": Idle(streams=10_000, before_mib=50, open_mib=150)},
    translated={
        "openai": Translated([100, 200], [400, 500], [30, 30]),
        "anthropic": Translated([150, 300], [1_050, 1_200], [30, 30]),
    },
    memory={"keyturn": [Memory(requests * 1_000, 40, 25) for requests in range(1, 201)]},
)


def test_ratios_are_taken_within_rounds() -> None:
    """What disturbs a round disturbs both subjects; a ratio of medians would not know."""
    taken = RESULTS.plain["sdk"]

    assert ratio(taken["keyturn"], taken["nginx"], lambda each: each.cpu_us) == pytest.approx(1.8)
    assert difference(taken["keyturn"], taken["nginx"], lambda each: each.cpu_us) == 8


def test_rounds_that_do_not_match_are_refused() -> None:
    """A ratio between different numbers of rounds would be made up."""
    taken = RESULTS.plain["sdk"]

    with pytest.raises(ValueError, match="shorter"):
        ratio(taken["keyturn"], taken["nginx"][:2], lambda each: each.cpu_us)


def test_a_chunk_costs_what_a_stream_costs_more_than_a_request() -> None:
    """The request is paid for anyway."""
    assert RESULTS.translated["anthropic"].chunk_us() == [30, 30]


def test_what_translating_costs_is_told_beside_passing_through() -> None:
    """A number alone says nothing on another machine."""
    (sheet,) = [one for one in report.sheets(RESULTS) if one.title.startswith("Translated")]

    assert sheet.rows == [
        ["OpenAI, passed through", "150.0 µs", "", "10.0 µs"],
        ["Anthropic", "225.0 µs", "1.50x", "30.0 µs"],
    ]


def test_the_page_holds_every_part(tmp_path: Path) -> None:
    """A part that was measured and not shown was measured for nothing."""
    report.write(RESULTS, tmp_path)

    page = (tmp_path / "benchmarks.md").read_text()
    assert "| Keyturn | 18.0 µs | 17.0 µs | 1.80x | 20,000 | 1.00 ms | 2.00 ms | 30 MiB |" in page
    assert "| Keyturn | 12.0 µs | 600 µs | 1.20x |" in page
    assert "| Keyturn | 0.35 ms | 0.80 ms | 0.25 ms | 0.50 ms |" in page
    assert "| Keyturn | 10,000 | 50 MiB | 150 MiB | 10.2 KiB |" in page
    assert "| Keyturn | 20,000 | 40.0 MiB | 25.0 MiB |\n| Keyturn | 200,000 | 40.0 MiB | 25.0 MiB |" in page
    assert "A CPU, 2 cores, 8 GiB; Linux 6.0; nginx 1.22.1." in page


def test_parts_that_were_left_out_leave_no_trace(tmp_path: Path) -> None:
    """A run of one part shows one part."""
    only = Results(taken_at="", quick=True, workers=1, machine=RESULTS.machine, plain=RESULTS.plain)

    report.write(only, tmp_path)

    assert [sheet.title for sheet in report.sheets(only)] == [
        "Plain requests, 64 connections, header fields of the OpenAI SDK"
    ]


def test_the_chart_is_to_scale() -> None:
    """A bar that is twice as long means twice as much."""
    drawing = ET.fromstring(chart.draw([chart.Group("One", [("nginx", 10.0), ("Keyturn", 20.0)])]))  # noqa: S314 - our own

    nginx, keyturn = drawing.findall("{http://www.w3.org/2000/svg}rect")
    assert float(keyturn.attrib["width"]) == pytest.approx(2 * float(nginx.attrib["width"]), abs=0.2)
    assert "own" in keyturn.attrib["class"]

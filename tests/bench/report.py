# SPDX-License-Identifier: Apache-2.0
"""The figures of a benchmark run: as rows, as a table, as docs/benchmarks.md with its picture."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

Figures = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One measure: ours, its budget, and the same by a peer where there is one."""

    what: str
    ours: float
    unit: str
    budget: float | None = None
    peer: float | None = None
    peer_name: str = ""

    @property
    def verdict(self) -> str:
        if self.budget is None:
            return ""
        return "holds" if self.ours <= self.budget else "MISSED"

    @property
    def ratio(self) -> str:
        return f"{self.peer / self.ours:.1f} x" if self.peer and self.ours else ""


def rows_of(figures: Figures) -> list[Row]:
    native = figures["native"]
    rows = [
        Row("C++: arm and disarm a deadline", native["arm_disarm"]["wall_ns"] / 1e3, "us", 0.1),
        Row("C++: a call, 64 in flight", native["call_64_in_flight"]["wall_ns"] / 1e3, "us"),
        Row("C++: a call, one at a time", native["call_1_in_flight"]["wall_ns"] / 1e3, "us"),
        Row("C++: lateness of 10,000, p99", native["lateness_idle"]["p99_ms"], "ms", 1),
        Row("C++: … all cores busy, p99", native["lateness_cores_busy"]["p99_ms"], "ms", 5),
    ]
    rows += trouble_rows(native)
    rows += cache_rows(native)
    rows += gate_rows(native)
    rows += python_cache_rows(figures["python_cache"])
    rows += python_gate_rows(figures["python_gate"])
    rows += python_http_rows(figures["python_http"])
    rows += python_churn_rows(figures["python_churn"])
    rows.append(python_tls_row(figures["python_tls"]))
    for loop, of in figures["python"].items():
        completion = of["completion_100"]
        rows.append(
            Row(
                f"{loop}: completion, 100 in flight",
                completion["futures_us"],
                "us",
                0.5,
                of["call_soon_threadsafe_100"]["wall_us"],
                "call_soon_threadsafe",
            )
        )
        work = of["submit_complete"]
        for width, label in (("64", "64 in flight"), ("1", "one at a time")):
            rows.append(
                Row(
                    f"{loop}: trivial query, {label}",
                    work["query"][width]["wall_us"],
                    "us",
                    None,
                    work["wait_for"][width]["wall_us"],
                    "wait_for(run_in_executor)",
                )
            )
        rows.append(
            Row(
                f"{loop}: trivial query, 64 in flight, loop CPU",
                work["query"]["64"]["loop_cpu_us"],
                "us",
                3,
                work["wait_for"]["64"]["loop_cpu_us"],
                "wait_for(run_in_executor)",
            )
        )
        for state, label in (("idle", "idle"), ("busy_thread", "busy thread")):
            late = of["deadline_10000"][state]
            rows.append(
                Row(
                    f"{loop}: lateness of 10,000, {label}, p99",
                    late["tidegate"]["settled"]["p99_ms"],
                    "ms",
                    1 if state == "idle" else 5,
                    late["asyncio"]["delivered"]["p99_ms"],
                    "wait_for",
                )
            )
    return rows


def python_cache_rows(figures: Figures) -> list[Row]:
    """What a hit costs in Python, and a value from Redis; a row for each peer."""
    rows = []
    for kind, label, budget in (
        ("get", "Python: cache.get(key)", 100),
        ("sync", "Python: a cached function", 150),
        ("async", "Python: a cached coroutine function", 300),
    ):
        rows += [
            Row(label, figures[kind]["tidegate"], "ns", budget, cost, peer)
            for peer, cost in figures[kind].items()
            if peer != "tidegate"
        ]
    redis = figures.get("redis", {})
    for peer in sorted(redis.keys() - {"tidegate"}):
        ours, cost = redis["tidegate"]["loop_cpu_us"], redis[peer]["loop_cpu_us"]
        budget = cost / {"redis-py": 4, "valkey-glide": 1.2}[peer]
        rows.append(
            Row("asyncio: from Redis, 50 in flight, loop CPU", ours, "us", budget, cost, peer)
        )
    return rows


def python_http_rows(figures: Figures) -> list[Row]:
    """What a small GET costs: of the loop's thread, and in all; a row for each peer."""
    if not figures:
        return []
    ours = figures["64"]["tidegate"]
    rows = [Row("uvloop: HTTP GET, 64 in flight, loop CPU", ours["loop_cpu_us"], "us", 8)]
    faster = {"pyreqwest": 1.3, "aiohttp": 4, "httpx2": 20, "httpx": 20, "niquests": None}
    for in_flight, label in (("64", "64 in flight"), ("1", "one at a time")):
        of = figures[in_flight]
        for peer in (name for name in faster if name in of):
            cost, least = of[peer]["wall_us"], faster[peer]
            budget = cost / least if least and in_flight == "64" else None
            wall = of["tidegate"]["wall_us"]
            rows.append(Row(f"uvloop: HTTP GET, {label}", wall, "us", budget, cost, peer))
    blocking = figures["blocking"]
    for peer in (name for name in blocking if name != "tidegate"):
        ours, cost = blocking["tidegate"]["wall_us"], blocking[peer]["wall_us"]
        rows.append(Row("Python: HTTP GET, blocking", ours, "us", None, cost, peer))
    if native := figures.get("native"):
        raw = native["libcurl"]["cpu_us"]
        for where, label, most in (
            ("shard", "on the shard", 1 / 0.94),
            ("thread", "from another thread", 1.25),
        ):
            ours = native[where]["cpu_us"]
            label = f"C++: HTTP GET, 64 in flight, {label}, CPU"
            rows.append(Row(label, ours, "us", raw * most, raw, "libcurl"))
        if wrk := figures.get("wrk"):
            ours = native["thread"]["wall_us"]
            label = "C++: HTTP GET, 64 in flight, from another thread"
            rows.append(Row(label, ours, "us", None, wrk["wall_us"], "wrk"))
    return rows


def python_churn_rows(figures: Figures) -> list[Row]:
    """The connections that cancels cost; a row for each peer."""
    ours = figures["tidegate"]["opened_per_100"]
    label = "uvloop: connections opened for 100 cancels"
    return [
        Row(label, ours, "", 1, of["opened_per_100"], peer)
        for peer, of in figures.items()
        if peer != "tidegate"
    ]


def python_tls_row(figures: Figures) -> Row:
    """What a connection costs that is not kept."""
    ours, raw = (figures[name]["cpu_us"] / 1e3 for name in ("tidegate", "libcurl"))
    return Row("Python: a new verified TLS connection, CPU", ours, "ms", 1.5, raw, "libcurl")


def trouble_rows(native: Figures) -> list[Row]:
    """What a small GET notices of a lookup that hangs, and of bombs; what one takes of memory."""
    gap = native["lookup_hangs"]
    label, libcurl = "C++: longest gap between GETs", gap["libcurl_gap_ms"]
    rows = [
        Row(label, gap["quiet_gap_ms"], "ms"),
        Row(f"{label} while a lookup hangs 3 s", gap["gap_ms"], "ms", 10, libcurl, "libcurl"),
        Row("C++: memory of an unanswered GET, of 10,000", native["in_flight_kb"], "KB", 25),
    ]
    for coding in ("gzip", "br"):
        took = native[f"bombs_{coding}"]
        label = f"C++: HTTP GET, 8 in flight beside 4 bombs in {coding}, p99"
        alone = took["alone_p99_ms"]
        rows.append(Row(label, took["beside_p99_ms"], "ms", alone + 10, alone, "without bombs"))
    return rows


def cache_rows(native: Figures) -> list[Row]:
    """What the cache costs in C++, and what it does not keep beside what others do not."""
    rows = [
        Row("C++: cache hit, 100,000 entries", native["cache_hit_ns"], "ns", 60),
        Row("C++: … 2 threads", native["cache_hit_2_threads_ns"], "ns", 60),
        Row("C++: … 1,000 entries", native["cache_hit_1000_ns"], "ns", 60),
        Row("C++: put that evicts", native["store_put_evicting_ns"], "ns", 200),
    ]
    for size in (8, 20, 40):
        bytes_each = native[f"cache_entry_bytes_key_{size}"]
        rows.append(Row(f"C++: cache entry, key of {size} bytes", bytes_each, "bytes", 96))
    for trace, label in (
        ("zipf", "Zipf 1.0, 1,000 of 100,000 keys"),
        ("loop", "loop, 512 of 1,011 keys"),
        ("shifting", "ledger, loop, ledger"),
    ):
        misses = native[f"cache_misses_{trace}"]
        adaptive = misses["adaptive_w_tinylfu"]
        rows.append(
            Row(f"misses: {label}", misses["tidegate"], "%", adaptive, misses["lru"], "LRU")
        )
    return rows


def gate_rows(native: Figures) -> list[Row]:
    """What limiter and breaker cost in C++ where nobody waits, and how late a turn is."""
    clock = native["gate_clock_ns"]
    rows = []
    for key, label, most in (
        ("allow", "limiter, granted", 1.4 * clock),
        ("allow_2_threads", "… 2 threads", None),
        ("allow_two_limits", "… two limits at once", None),
        ("deny", "limiter, refused", 1.4 * clock),
        ("deny_2_threads", "… 2 threads", None),
        ("keys_1000_2_threads", "limiter of 1,000 keys, granted, 2 threads", None),
        ("keys_flood", "limiter of 1,000 keys, all taken, each time a new one", None),
        ("breaker_closed", "breaker, closed, a call", None),
        ("breaker_open", "breaker, open, refused", 0.5 * clock),
        ("budget_call", "retry budget, a call", None),
        ("whole", "gate with breaker, slot and rate, a call", 60),
        ("shared", "limiter in a shared file, granted", None),
        ("two_processes", "… 2 processes", 60),
    ):
        if (ours := native.get(f"gate_{key}_ns")) is not None:
            rows.append(Row(f"C++: {label}", ours, "ns", most, clock, "clock_gettime"))
    for key, floor, label in (
        ("allow", "start", "limiter, granted"),
        ("two_processes", "start_2_threads", "limiter in a shared file, 2 processes"),
        ("whole", "whole", "gate with breaker, slot and rate, a call"),
    ):
        ours, least = native[f"gate_{key}_ns"], native[f"gate_floor_{floor}_ns"]
        rows.append(Row(f"C++: {label}", ours, "ns", None, least, "its clocks and exchanges alone"))
    for count, label in ((1000, "1,000"), (100_000, "100,000")):
        ours, of_map = native[f"gate_keys_{count}_ns"], native[f"gate_map_{count}_ns"]
        rows.append(Row(f"C++: limiter of {label} keys, granted", ours, "ns", None, of_map, "map"))
    return [
        *rows,
        Row("C++: allocations of 1,000 starts", native["gate_allocations_per_1000"], "", 0),
        Row("C++: bytes of a key, 100,000 keys", native["gate_bytes_of_key_100000"], "B"),
        Row(
            "C++: lateness of a turn, p50",
            native["gate_late_p50_ms"],
            "ms",
            0.1,
            native["gate_floor_late_p50_ms"],
            "clock_nanosleep",
        ),
        Row("C++: turns that came early", native["gate_early"], "", 0),
    ]


def python_gate_rows(figures: Figures) -> list[Row]:
    """What limiter, breaker and retries cost in Python where all is well; a row for each peer."""
    floor = figures["floor"]["dict.get"]
    rows = []
    for kind, label, budget in (
        ("try_acquire", "Python: limiter.try_acquire()", 150),
        ("deny", "Python: … refused", 150),
        ("acquire", "asyncio: await limiter.acquire(), free", 300),
        ("async_with", "asyncio: async with limiter, free", None),
        ("breaker", "Python: a call through a closed breaker", 400),
        ("retry", "Python: a function with retry, good at once", 600),
        ("retry_async", "asyncio: a coroutine function with retry, good at once", 600),
    ):
        of = figures[kind]
        ours = of["tidegate"]
        rows.append(Row(label, ours, "ns", budget, floor, "dict.get"))
        rows += [
            Row(label, ours, "ns", budget, cost, peer)
            for peer, cost in of.items()
            if peer != "tidegate"
        ]
    late = figures["lateness"]
    return [
        *rows,
        Row("asyncio: lateness of a turn, p50", late["p50_ms"], "ms", 0.2),
        Row("asyncio: turns that came early", late["early"], "", 0),
    ]


def cells(row: Row) -> list[str]:
    peer = f"{row.peer:.3g} {row.unit} ({row.peer_name})" if row.peer else ""
    budget = f"{row.budget:.3g} {row.unit}" if row.budget is not None else ""
    return [row.what, f"{row.ours:.3g} {row.unit}", budget, row.verdict, peer, row.ratio]


HEAD = ["what", "tidegate", "budget", "", "peer", "peer / tidegate"]


def table(rows: list[Row]) -> str:
    lines = [HEAD, *map(cells, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def picture(rows: list[Row]) -> str:
    """Bars of the rows that have a peer, the longer of each pair at full width."""
    pairs = [row for row in rows if row.peer]
    height = 46
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{len(pairs) * height + 30}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for i, row in enumerate(pairs):
        assert row.peer is not None
        top, most = 10 + i * height, max(row.ours, row.peer)
        svg.append(f'<text x="10" y="{top + 12}" font-weight="bold">{escape(row.what)}</text>')
        for line, (name, value, colour) in enumerate(
            [("tidegate", row.ours, "#1f77b4"), (row.peer_name, row.peer, "#bbbbbb")]
        ):
            y, width = top + 16 + line * 13, max(1.0, value / most * 360)
            label = escape(f"{name} {value:.3g} {row.unit}")
            svg.append(f'<rect x="10" y="{y}" width="{width:.1f}" height="11" fill="{colour}"/>')
            svg.append(f'<text x="{width + 16:.1f}" y="{y + 10}">{label}</text>')
    return "\n".join([*svg, "</svg>", ""])


def write_docs(rows: list[Row], figures: Figures, docs: Path) -> None:
    machine = figures["machine"]
    body = "\n".join("| " + " | ".join(cells(row)) + " |" for row in rows)
    (docs / "benchmarks.svg").write_text(picture(rows))
    (docs / "benchmarks.md").write_text(
        f"""# Benchmarks

Written by `make bench BENCH_ARGS=--docs`; `make bench` alone measures and prints.
tidegate and its peers ran in the same run on the same machine:
{machine["cpus"]} CPUs, {machine["system"]}, CPython {machine["python"]}.
Every figure is the median of several rounds; compare ratios, not absolute times.
One reading of the clock took {figures["native"]["gate_clock_ns"]:.0f} ns in this run;
budgets that are times are those of a machine that does nothing else.

![tidegate beside the standard library](benchmarks.svg)

| {" | ".join(HEAD)} |
|---|---|---|---|---|---|
{body}

A trivial query is `SELECT 1` over SQLite.
Its peer is `sqlite3` in a thread pool under `asyncio.wait_for`.
Lateness is how long after its deadline a call was ended (tidegate) or the waiting task woke up
(`wait_for`).
A cache hit is `TypedCache<int>::get()` with a key of 20 bytes, keys wanted by Zipf; its time and a
put's are CPU time. An entry's bytes are what malloc gives beside key and value.
The budget of misses is what adaptive W-TinyLFU misses.
A GET is answered with five bytes by one worker of nginx on the same machine.
What a limiter, a breaker or a retry costs is CPU time of a call that need not wait; `dict.get` and
`clock_gettime` are there to measure by, as are the clocks and the compare-and-swaps of a decision
without the decision. A turn is late by the time from when it might have been to
when the waiting thread or task ran, 5 ms after the one before.
While a lookup hangs, 8 GETs are in flight, and the host that is looked up is given up after 0.3 s.
A bomb is an answer of 1 GiB of zeros.
Cancels: 40 tasks ask a server that answers after 2 ms, through ten places, and give up within 8 ms.
wrk only sends and counts, so its time for a GET is mostly that of nginx.
"""
    )

"""The settings, from the environment."""

import os
from dataclasses import dataclass, field
from pathlib import Path


def text(name: str, default: str) -> str:
    return os.environ.get(name) or default


def number(name: str, default: float) -> float:
    return float(os.environ.get(name) or default)


@dataclass(frozen=True)
class Settings:
    """Times are in seconds."""

    cars_db: str = field(
        default_factory=lambda: text("CARS_DB", str(Path.home() / ".cache/tidegate/cars.db"))
    )
    redis_url: str = field(default_factory=lambda: text("REDIS_URL", ""))
    # Where the workers put what one another needs to know.
    state_dir: str = field(default_factory=lambda: text("STATE_DIR", ""))

    # The front end gives up after 20 s.
    query_timeout: float = field(default_factory=lambda: number("QUERY_TIMEOUT", 15))
    page_timeout: float = field(default_factory=lambda: number("PAGE_TIMEOUT", 18))
    # Hand each query's deadline to BigQuery as well, which then stops the job.
    job_timeout: bool = field(default_factory=lambda: text("JOB_TIMEOUT", "0") == "1")
    query_threads: int = field(default_factory=lambda: int(number("QUERY_THREADS", 10)))

    # How long an answer is good, and how long after that it may be shown when a query fails.
    recommendations_ttl: float = field(default_factory=lambda: number("RECOMMENDATIONS_TTL", 300))
    price_alerts_ttl: float = field(default_factory=lambda: number("PRICE_ALERTS_TTL", 120))
    stale_for: float = field(default_factory=lambda: number("STALE_FOR", 3600))
    redis_timeout: float = field(default_factory=lambda: number("REDIS_TIMEOUT", 0.5))

    # The customs calculator, "http://host:port"; without it there are no duties.
    customs_url: str = field(default_factory=lambda: text("CUSTOMS_URL", "").rstrip("/"))
    customs_timeout: float = field(default_factory=lambda: number("CUSTOMS_TIMEOUT", 5))
    customs_backoff: float = field(default_factory=lambda: number("CUSTOMS_BACKOFF", 1))

    # Encar, "http://host:port"; without it there are no cars of theirs. All workers together ask it
    # each half second, with a pause now and then; both are multiplied by the scale.
    encar_url: str = field(default_factory=lambda: text("ENCAR_URL", "").rstrip("/"))
    encar_scale: float = field(default_factory=lambda: number("ENCAR_SCALE", 1))
    encar_timeout: float = field(default_factory=lambda: number("ENCAR_TIMEOUT", 5))
    encar_open_for: float = field(default_factory=lambda: number("ENCAR_OPEN_FOR", 5))

    # The simulated BigQuery: "normal" or "bad", and what its times are multiplied by.
    bigquery_hour: str = field(default_factory=lambda: text("BIGQUERY_HOUR", "normal"))
    bigquery_seed: str = field(default_factory=lambda: text("BIGQUERY_SEED", "7"))
    latency_scale: float = field(default_factory=lambda: number("LATENCY_SCALE", 1))


settings = Settings()

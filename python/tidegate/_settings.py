"""Settings: the same keys as in C++, C, JSON and the environment."""

from __future__ import annotations

import os
from typing import NamedTuple

from ._duration import seconds
from ._errors import ConfigError, InvalidArgument, check
from ._native import core

Setting = str | int | float | bool


class Key(NamedTuple):
    """One row of the key table.

    Attributes:
        name: ``"executor.queue"``.
        type: ``"duration"``, ``"integer"``, ``"boolean"``, ``"number"`` or ``"string"``.
        default: Written as in the environment; so are ``min`` and ``max``, empty where there is
            none.
        per_service: It may be set for a named service.
        help: One sentence.
    """

    name: str
    type: str
    default: str
    min: str
    max: str
    per_service: bool
    help: str


class Finding(NamedTuple):
    """What ``Config.lint()`` has found in settings that are each right by themselves.

    Attributes:
        rule: ``"attempt_timeout"``: a name of the table in docs/reference/config.md.
        refuses: What is made of these settings raises ``ConfigError``; otherwise it is a warning.
        service: Whose settings; empty: everybody's.
        text: One sentence, with the figures and the keys.
    """

    rule: str
    refuses: bool
    service: str
    text: str


class Config:
    """The settings of a program. Later settings win; what fails changes nothing.

    Example:
        >>> config = tidegate.Config()
        >>> config.load_file("tidegate.json")
        >>> config.load_env()                              # TIDEGATE_EXECUTOR__QUEUE=200
        >>> config.set("sqlite.concurrency", 2, service="encar")
        >>> config.get("executor.query_timeout")
        15.0
    """

    __slots__ = ("_native",)

    def __init__(self) -> None:
        self._native = core.Config()

    def copy(self) -> Config:
        """An independent copy."""
        made = Config()
        made._native = self._native.copy()
        return made

    def set(self, key: str, value: Setting, *, service: str = "") -> None:
        """Sets one key, for everybody or for one named service.

        Args:
            key: ``"executor.queue"``.
            value: As its type asks; a duration is a number of seconds or a text like ``"15s"``.
            service: Only this service sees it.

        Raises:
            ConfigError: The key is unknown, or the value of the wrong type or out of range.
        """
        kind = next((row.type for row in self.keys() if row.name == key), "")
        full = f"services.{service}.{key}" if service else key
        check(self._native.set(full, _text(full, kind, value)))

    def get(self, key: str, *, service: str = "") -> Setting:
        """The value of a key; durations are seconds.

        Raises:
            ConfigError: The key is unknown.
        """
        value = self._native.get(key, service)
        if value is None:
            check(self._native.copy().set(key, ""))
            raise ConfigError(f"unknown key {key!r}")
        return value

    def load_json(self, text: str) -> None:
        """Takes over a JSON object of sections, whole or not at all.

        Raises:
            ConfigError: It is no such object, or one of its keys or values is wrong.
        """
        check(self._native.load_json(text))

    def load_file(self, path: str | os.PathLike[str]) -> None:
        """The same from a file.

        Raises:
            ConfigError: The file cannot be read, or what it holds is wrong.
        """
        check(self._native.load_file(os.fspath(path)))

    def load_env(self, prefix: str = "TIDEGATE_") -> None:
        """Takes over every variable of the environment that begins with ``prefix``.

        Raises:
            ConfigError: One of them is wrong.
        """
        check(self._native.load_env(prefix))

    def keys(self) -> list[Key]:
        """The key table."""
        return [Key(*row) for row in self._native.keys()]  # noqa: SIM118

    def services(self) -> list[str]:
        """The names of the services that have settings of their own."""
        return self._native.services()

    def lint(self, *, workers: int | None = None) -> list[Finding]:
        """What contradicts itself or is doubtful in these settings, without making anything.

        What is made of them looks at the same rules: ``Client``, ``Gate``, ``Limiter`` and
        ``Breaker`` raise ``ConfigError``, or warn once for each name in the log.

        Args:
            workers: So many processes of the program work side by side. If it is not given: as
                ``expect_workers()`` or the environment says.

        Example:
            >>> config.load_json('{"http": {"timeout": "2s", "attempt_timeout": "8s"}}')
            >>> config.lint()[0].rule
            'attempt_timeout'
        """
        if workers is not None and not _is_count(workers):
            raise InvalidArgument(f"workers must be a whole number from 1 on, not {workers!r}")
        return [Finding(*found) for found in self._native.lint(workers or 0)]

    def to_json(self) -> str:
        """The effective settings, as ``load_json()`` takes them; secrets are ``"***"``."""
        return self._native.to_json()

    def with_settings(
        self, section: str, settings: dict[str, Setting | None], service: str = ""
    ) -> Config:
        """A copy with the keyword arguments of a constructor, those that are not None."""
        copy = self.copy()
        copy._native.begin_layer()
        for name, value in settings.items():
            if value is not None:
                copy.set(f"{section}.{name}", value, service=service)
        return copy


def expect_workers(count: int) -> None:
    """Says how many processes of this program work side by side.

    Each ``Limiter``, ``Gate`` with a rate and ``Breaker`` that is made from here on without
    ``share="host"`` or ``"redis"`` is then a warning in the log, once for each name, with what they
    come to together. By itself it is what ``GUNICORN_CMD_ARGS``, ``WEB_CONCURRENCY`` or
    ``WORKER_COUNT`` say.

    Args:
        count: 0: as the environment says again.
    """
    if count != 0 and not _is_count(count):
        raise InvalidArgument(f"count must be a whole number, not {count!r}")
    core.expect_workers(count)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**31


def _text(key: str, kind: str, value: Setting) -> str:
    """The value as the environment writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        if kind in ("boolean", ""):
            return "true" if value else "false"
    elif kind == "duration":
        try:
            return f"{round(seconds(key, value) * 1e9)}ns"
        except InvalidArgument as error:
            raise ConfigError(str(error)) from None
    elif kind != "integer" or isinstance(value, int):
        return repr(value)
    wanted = f"a {kind}" if kind != "integer" else "an integer"
    raise ConfigError(f"{key}: expected {wanted}, got {value!r}")

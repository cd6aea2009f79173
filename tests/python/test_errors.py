"""The tree of exceptions."""

import inspect
import os
import pickle
import re
from pathlib import Path

import pytest

import tidegate as tg
from tidegate._errors import CAUSES, make_error

ROOT = Path(os.environ.get("TIDEGATE_SOURCE_DIR", Path(__file__).parents[2]))

BUILTIN = {
    "Timeout": TimeoutError,
    "NotReady": TimeoutError,
    "PoolTimeout": TimeoutError,
    "ConnectionFailed": ConnectionError,
    "TlsFailed": ConnectionError,
    "ProxyError": ConnectionError,
    "BlockedAddress": PermissionError,
    "Closed": RuntimeError,
    "InvalidArgument": ValueError,
    "ConfigError": ValueError,
    "DecodeError": ValueError,
    "EngineUnavailable": ConnectionError,
    "LocalResourceError": OSError,
    "OutOfMemory": MemoryError,
    "InternalError": RuntimeError,
}

failures = [cause for cause in CAUSES if cause.exception]


@pytest.mark.parametrize("cause", failures, ids=lambda cause: cause.name)
def test_every_cause_has_its_exception(cause: tg._errors.Cause) -> None:
    """The library's table is the authority on names, codes and retryable."""
    error = make_error(cause.number, "it went wrong", 1.5, 2)

    assert cause.exception == type(error).__name__
    assert type(error) is getattr(tg, cause.exception)
    assert isinstance(error, tg.Error)
    assert isinstance(error, BUILTIN.get(cause.exception, Exception))
    assert str(error) == "it went wrong"
    assert (cause.name, cause.code, cause.retryable) == (error.cause, error.code, error.retryable)
    assert (error.elapsed, error.attempts) == (1.5, 2)


@pytest.mark.parametrize("cause", failures, ids=lambda cause: cause.name)
def test_every_exception_pickles(cause: tg._errors.Cause) -> None:
    """It crosses process borders with all its attributes."""
    error = make_error(cause.number, "it went wrong", 1.5, 2)
    copy = pickle.loads(pickle.dumps(error))

    assert type(error) is type(copy)
    assert str(error) == str(copy)
    assert (error.cause, error.elapsed, error.attempts) == (copy.cause, copy.elapsed, copy.attempts)


def test_no_exception_is_without_a_cause() -> None:
    """A public exception that the table does not know would never be raised."""
    public = {n for n, c in vars(tg).items() if inspect.isclass(c) and issubclass(c, tg.Error)}

    assert {cause.exception for cause in failures} | {"Error"} == public


def test_the_page_of_the_api_has_the_builtins() -> None:
    """docs/reference/python-api.md says which builtin each exception is too."""
    text = (ROOT / "docs/reference/python-api.md").read_text()
    table = re.findall(r"^\| (`.*?) \| (.*)\|$", text.split("## Exceptions")[1], re.MULTILINE)
    told = {
        name: builtin.strip("` ")
        for names, builtin in table
        for name in re.findall(r"`(\w+)`", names)
        if "." not in names
    }

    assert told == {
        cause.exception: BUILTIN[cause.exception].__name__ if cause.exception in BUILTIN else ""
        for cause in failures
    }


def test_an_exception_can_be_raised_by_hand() -> None:
    """Tests of others make them with a message only."""
    assert (
        tg.Timeout("x").cause,
        tg.Timeout("x").code,
        tg.Timeout("x").retryable,
    ) == ("deadline", "DEADLINE_EXCEEDED", True)

"""Functions behind a cache."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable
from inspect import Parameter
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypedDict, TypeVar, overload

from ._answer import Answer
from ._cache import Cache, CacheStats, Eviction
from ._errors import CallableFailed, InvalidArgument
from ._loads import is_inside
from ._native import MISSING, core
from ._operation import Operation
from ._work import is_coroutine_function

if TYPE_CHECKING:
    from typing_extensions import Unpack

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_MOST_ARGUMENTS = 32  # of the fast path


class CacheSettings(TypedDict, total=False):
    """What ``cached()`` hands on to the cache that it makes; see ``Cache``."""

    negative_ttl: float | str
    failure_throttle: float | str
    error_ttl: float | str
    load_timeout: float | str
    jitter: float
    refresh_ahead: float
    sliding: bool
    max_entries: int
    max_bytes: int
    loaders: int
    eviction: Eviction
    redis: str | None
    redis_timeout: float | str
    loaders_without_redis: int


class CachedFunction(Protocol[P, T_co]):
    """What ``cached()`` makes of a plain function.

    On a bound method the members below want the instance as their first argument.
    """

    __name__: str
    __wrapped__: Callable[..., Any]
    cache: Cache[Any]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T_co: ...

    @overload
    def __get__(self, instance: None, owner: type, /) -> CachedFunction[P, T_co]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None, /) -> Callable[..., T_co]: ...

    def answer(self, *args: P.args, **kwargs: P.kwargs) -> Answer[T_co]:
        """The same with where the value came from; a stale one says why."""

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> T_co:
        """Calls the function now and stores what it returns. If it raises, the old value stays."""

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Forgets the value of these arguments; whether there was one."""

    def key(self, *args: P.args, **kwargs: P.kwargs) -> tuple[Any, ...]:
        """The key in the cache."""

    def stats(self) -> CacheStats:
        """What the cache counts."""


class CachedCoroutine(Protocol[P, T]):
    """What ``cached()`` makes of a coroutine function; ``answer()`` and ``refresh()`` are awaited.

    A call with a fresh value makes no task and no future: what it returns is ready.
    """

    __name__: str
    __wrapped__: Callable[..., Any]
    cache: Cache[Any]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]: ...

    @overload
    def __get__(self, instance: None, owner: type, /) -> CachedCoroutine[P, T]: ...
    @overload
    def __get__(
        self, instance: object, owner: type | None = None, /
    ) -> Callable[..., Coroutine[Any, Any, T]]: ...

    async def answer(self, *args: P.args, **kwargs: P.kwargs) -> Answer[T]:
        """As of a ``CachedFunction``."""

    async def refresh(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """As of a ``CachedFunction``."""

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """As of a ``CachedFunction``."""

    def key(self, *args: P.args, **kwargs: P.kwargs) -> tuple[Any, ...]:
        """As of a ``CachedFunction``."""

    def stats(self) -> CacheStats:
        """As of a ``CachedFunction``."""


class Decorator(Protocol):
    """What ``cached()`` returns."""

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, T]], /) -> CachedCoroutine[P, T]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, fn: Callable[P, T], /) -> CachedFunction[P, T]: ...


def cached(
    *,
    ttl: float | str | None = None,
    stale_for: float | str | None = None,
    soft_timeout: float | str | None = None,
    cache: Cache[Any] | None = None,
    key: Callable[..., Any] | None = None,
    ignore: Iterable[str] = (),
    name: str = "",
    **settings: Unpack[CacheSettings],
) -> Decorator:
    """Keeps what a function or coroutine function returns, for each of its arguments.

    ``f(1, 2)``, ``f(1, b=2)`` and ``f(a=1, b=2)`` are one call: arguments are bound to the
    signature, defaults applied. Callers at the same time share one call of the function. A plain
    function runs on a thread of Python's in its caller's context, and the caller waits. A stale
    value is returned where the function fails or is late, as from any cache; ``answer()`` tells.
    What the function raises comes as it is, within ``error_ttl`` made anew: see ``Cache``. A call
    from inside a load runs in its place.

    Of a method, ``self`` is a part of the key, so that its class must have a ``__cache_key__()``;
    or it is left out by ``ignore=("self",)``, so that all instances share the values. On a class
    method, which wants ``ignore=("cls",)``, and a static one ``cached()`` is the inner decorator.

    Args:
        ttl: How long a value is fresh; the cache's, 60 s, if it is not given.
        stale_for: How long it may then be served where there is no better one; the cache's, 1 h.
        soft_timeout: How long to wait where a stale value is there; the cache's.
        cache: A cache to share. One is made if it is not given.
        key: Makes the key of the arguments.
        ignore: Names of parameters that are no part of the key.
        name: In the keys, and of the cache that is made. The function's module and name.
        **settings: For the cache that is made; see ``Cache``.

    Raises:
        InvalidArgument: An argument is wrong.
        TypeError: A default can be no part of a key; in a call, an argument cannot.

    Example:
        >>> @tidegate.cached(ttl="5m", stale_for="1h")
        ... async def prices(make: str) -> list[int]: ...
        >>> await prices("Audi")
        >>> prices.invalidate("Audi")
    """
    if cache is not None and settings:
        raise InvalidArgument(f"{', '.join(settings)}: set by the cache that is given")
    left_out = (ignore,) if isinstance(ignore, str) else tuple(ignore)

    def decorate(fn: Callable[..., Any]) -> Any:
        called = name or _name_of(fn, cache is not None)
        store: Cache[Any] = Cache(called, **settings) if cache is None else cache
        calls = _CoroutineCalls if is_coroutine_function(fn) else _Calls
        return calls(fn, store, called, key, left_out, (ttl, stale_for, soft_timeout)).wrapper()

    return decorate


def _name_of(fn: Callable[..., Any], shared: bool) -> str:
    if isinstance(fn, (classmethod, staticmethod)):
        kind = type(fn).__name__
        raise InvalidArgument(f"@{kind} is the outer decorator: write it above @cached")
    if not callable(fn):
        raise InvalidArgument(f"cached() decorates a function, not a {type(fn).__name__}")
    named = f"{fn.__module__}.{getattr(fn, '__qualname__', type(fn).__qualname__)}"
    if shared and "<" in named:
        raise InvalidArgument(f"{named} has no name of its own in a shared cache: give name=")
    return named


class _Calls:
    """One plain function behind a cache: what its wrapper does not do in C."""

    is_async = False

    def __init__(
        self,
        fn: Callable[..., Any],
        cache: Cache[Any],
        name: str,
        key: Callable[..., Any] | None,
        ignore: tuple[str, ...],
        lives: tuple[float | str | None, float | str | None, float | str | None],
    ) -> None:
        self.fn = fn
        self.cache = cache
        self.name = name
        self.make_key = key
        self.ignore = frozenset(ignore)
        self.ttl, self.stale_for, self.soft_timeout = lives
        self.signature = inspect.signature(fn)
        for unknown in self.ignore.difference(self.signature.parameters):
            raise InvalidArgument(f"ignore: {name}() has no parameter {unknown!r}")

    def wrapper(self) -> Any:
        """The function that takes the place of the decorated one."""
        made: Any = core.Cached(self.cache, self.call, *self._fast_path(), self.is_async)
        functools.update_wrapper(made, self.fn)
        made.cache = self.cache
        made.answer = self.answer
        made.refresh = self.refresh
        made.invalidate = self.invalidate
        made.key = self.key
        made.stats = self.cache.stats
        if self.is_async:
            # What asyncio and inspect look at to see that it is to be awaited.
            made._is_coroutine = getattr(asyncio.coroutines, "_is_coroutine", None)
            if hasattr(inspect, "markcoroutinefunction"):
                inspect.markcoroutinefunction(made)
            elif inspect.isfunction(self.fn):  # before CPython 3.12 inspect looks at these
                made.__code__ = self.fn.__code__
                made.__defaults__ = self.fn.__defaults__
                made.__kwdefaults__ = self.fn.__kwdefaults__
        return made

    def _fast_path(self) -> tuple[bytes, tuple[bytes, ...], int, int]:
        """How a call of positional arguments alone makes its key, as key() would: what comes
        before the arguments; what comes after them, for each number of them from the least; that
        number; and which are no part of the key. No number of them where it cannot.
        """
        parameters = list(self.signature.parameters.values())
        ends: list[bytes] = [b""]
        positional = [p for p in parameters if p.kind in _POSITIONAL]
        others = parameters[len(positional) :]
        if (
            self.make_key is not None
            or len(parameters) > _MOST_ARGUMENTS
            or any(p.kind is Parameter.VAR_POSITIONAL for p in parameters)
            or any(p.kind is Parameter.KEYWORD_ONLY and p.default is p.empty for p in others)
        ):
            return b"", (), 0, 0
        for parameter in reversed([p for p in positional if p.default is not p.empty] + others):
            end = self._default_of(parameter) + ends[-1]
            if parameter.kind in _POSITIONAL:
                ends.append(end)
            else:
                ends[-1] = end
        ignored = sum(1 << at for at, p in enumerate(positional) if p.name in self.ignore)
        kept = [p for p in parameters if p.name not in self.ignore]
        prefix = core.encode_key((self.name, *(None for _ in kept)))[: -len(kept) or None]
        return prefix, tuple(reversed(ends)), len(positional) + 1 - len(ends), ignored

    def _default_of(self, parameter: Parameter) -> bytes:
        if parameter.name in self.ignore:
            return b""
        value = {} if parameter.kind is Parameter.VAR_KEYWORD else parameter.default
        return core.encode_key(value)[1:]

    def key(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        if self.make_key is not None:
            return self.name, self.make_key(*args, **kwargs)
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return self.name, *(v for name, v in bound.arguments.items() if name not in self.ignore)

    def invalidate(self, *args: Any, **kwargs: Any) -> bool:
        return self.cache.invalidate(self.key(*args, **kwargs))

    def keep(self, key: tuple[Any, ...], value: Any) -> Any:
        self.cache.put(key, value, ttl=self.ttl, stale_for=self.stale_for)
        return value

    def begin(self, key: tuple[Any, ...], args: Any, kwargs: Any) -> Operation[Any]:
        return self.cache._begin(
            key,
            functools.partial(self.fn, *args, **kwargs),
            self.is_async,
            False,
            None,
            self.ttl,
            self.stale_for,
            self.soft_timeout,
        )

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return self.answer(*args, **kwargs).value

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        key = self.key(*args, **kwargs)
        if is_inside():
            found = self.cache.get(key, MISSING)
            if found is not MISSING:
                return Answer(found, "cached")
            return Answer(self.keep(key, self.fn(*args, **kwargs)))
        operation = self.begin(key, args, kwargs)
        operation.wait()  # also on the thread of a loop, as the function itself would run there
        try:
            return operation.answer()
        except CallableFailed as failed:
            error: BaseException = failed
        raise error if operation._failure is None else operation._failure.again()

    def refresh(self, *args: Any, **kwargs: Any) -> Any:
        return self.keep(self.key(*args, **kwargs), self.fn(*args, **kwargs))


class _CoroutineCalls(_Calls):
    """The same for a coroutine function."""

    is_async = True

    async def call(self, *args: Any, **kwargs: Any) -> Any:
        return (await self.answer(*args, **kwargs)).value

    async def answer(self, *args: Any, **kwargs: Any) -> Any:
        key = self.key(*args, **kwargs)
        if is_inside():
            found = self.cache.get(key, MISSING)
            if found is not MISSING:
                return Answer(found, "cached")
            return Answer(self.keep(key, await self.fn(*args, **kwargs)))
        operation = self.begin(key, args, kwargs)
        try:
            return await operation
        except CallableFailed as failed:
            error: BaseException = failed
        raise error if operation._failure is None else operation._failure.again()

    async def refresh(self, *args: Any, **kwargs: Any) -> Any:
        return self.keep(self.key(*args, **kwargs), await self.fn(*args, **kwargs))


_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)

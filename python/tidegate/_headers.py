"""The fields of an HTTP message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


class Headers(Mapping[str, str]):
    """The fields of an answer, by name without regard to case. Cannot be changed.

    One name may stand there several times: ``headers["Set-Cookie"]`` is the first value,
    ``headers.all("Set-Cookie")`` has them all. Nothing is joined. Values are Latin-1, as they came.

    Attributes:
        fields: All of them, in the order in which they came, with their names as they were written.

    Example:
        >>> response.headers["content-type"], response.headers.get("etag")
    """

    __slots__ = ("_index", "fields")

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self.fields = tuple(fields)
        self._index: dict[str, list[str]] | None = None  # made for the first who asks for a name

    def _by_name(self) -> dict[str, list[str]]:
        index = self._index
        if index is None:
            index = {}
            for name, value in self.fields:
                index.setdefault(name.lower(), []).append(value)
            self._index = index
        return index

    def all(self, name: str) -> list[str]:
        """All values of a name, in their order; empty where there is none."""
        return list(self._by_name().get(name.lower(), ()))

    def __getitem__(self, name: str) -> str:
        return self._by_name()[name.lower()][0]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._by_name()

    def __iter__(self) -> Iterator[str]:
        """The names in lower case, each once."""
        return iter(self._by_name())

    def __len__(self) -> int:
        return len(self._by_name())

    def __reduce__(self) -> tuple[type[Headers], tuple[tuple[tuple[str, str], ...]]]:
        return Headers, (self.fields,)

    def __repr__(self) -> str:
        return f"<Headers {', '.join(self)}>"

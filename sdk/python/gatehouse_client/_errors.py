"""Exceptions. None ever holds a secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of a request."""

    pointer: str
    detail: str


class GatehouseError(Exception):
    """Why a call failed. ``code`` never changes."""

    code: str

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copy: ``args`` is the message alone."""
        return type(self), (*self.args, self.code), self.__dict__


class InvalidArgumentError(GatehouseError, ValueError):
    """An argument or a setting is wrong; nothing was sent."""


class TransportError(GatehouseError, ConnectionError):
    """The server cannot be reached, or the connection broke."""


class TlsError(GatehouseError, ConnectionError):
    """The server's certificate is not trusted, or no TLS comes about."""


class TransportTimeoutError(GatehouseError, TimeoutError):
    """No answer came in time."""


class MalformedError(GatehouseError):
    """The answer is not what it should be."""


class ExpiredError(GatehouseError):
    """The token has ended, and there is no way to another."""


class RefusedError(GatehouseError):
    """The server refused."""

    status: int
    detail: str
    request_id: Optional[str]
    errors: tuple[FieldError, ...]
    retry_after: Optional[float]
    current_version: Optional[int]

    def __init__(
        self,
        message: str,
        code: str,
        status: int,
        detail: str,
        request_id: Optional[str] = None,
        errors: tuple[FieldError, ...] = (),
        retry_after: Optional[float] = None,
        current_version: Optional[int] = None,
    ) -> None:
        super().__init__(message, code)
        self.status = status
        self.detail = detail
        self.request_id = request_id
        self.errors = errors
        self.retry_after = retry_after
        self.current_version = current_version

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (*self.args, self.code, self.status, self.detail), self.__dict__


class UnauthorizedError(RefusedError):
    """401: a wrong password or key."""


class ForbiddenError(RefusedError):
    """403: the caller may not do this."""


class NotFoundError(RefusedError):
    """404: there is nothing, or it is not the caller's."""


class ConflictError(RefusedError):
    """409 or 412: something is there already, or in another version."""


class RateLimitedError(RefusedError):
    """429: too many requests."""


class UnavailableError(RefusedError):
    """503: not now."""


_KINDS: dict[str, type[GatehouseError]] = {
    "invalid_argument": InvalidArgumentError,
    "transport": TransportError,
    "tls": TlsError,
    "timeout": TransportTimeoutError,
    "malformed": MalformedError,
    "expired": ExpiredError,
}

_STATUSES: dict[int, type[RefusedError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    429: RateLimitedError,
    503: UnavailableError,
}


def failure(kind: str, message: str) -> GatehouseError:
    """The exception for a failure that is no refusal."""
    return _KINDS.get(kind, GatehouseError)(message, kind)


def refusal(
    message: str,
    code: str,
    status: int,
    detail: str,
    request_id: Optional[str],
    errors: list[tuple[str, str]],
    retry_after: Optional[float],
    current_version: Optional[int],
) -> RefusedError:
    """The exception for a refusal."""
    fields = tuple(FieldError(pointer, what) for pointer, what in errors)
    kind = _STATUSES.get(status, RefusedError)
    return kind(message, code, status, detail, request_id, fields, retry_after, current_version)

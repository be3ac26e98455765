"""What goes in and comes out. No ``repr`` shows a secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import ClassVar, Generic as TypingGeneric, Literal, Optional, TypeVar, Union

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Ftp:
    """The way into an FTP server."""

    type: ClassVar[Literal["ftp"]] = "ftp"
    hostname: str
    port: int = 21
    secure: bool = False
    username: Optional[str] = None
    password: Optional[str] = field(default=None, repr=False)


@dataclass(frozen=True)
class S3:
    """The way into S3, or into a service that is compatible with it."""

    type: ClassVar[Literal["s3"]] = "s3"
    access_key_id: str
    secret_access_key: str = field(repr=False)
    hostname: Optional[str] = None
    region: str = "us-east-1"


@dataclass(frozen=True)
class Http:
    """An HTTP request with what it needs to be let in."""

    type: ClassVar[Literal["http"]] = "http"
    endpoint: str = field(repr=False)
    method: Literal["GET", "PUT", "POST", "HEAD", "OPTIONS"] = "GET"
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: str = field(default="", repr=False)


@dataclass(frozen=True)
class Generic:
    """Anything else: fields by name, which may be null."""

    type: ClassVar[Literal["generic"]] = "generic"
    fields: dict[str, Optional[str]] = field(repr=False)


Credential = Union[Ftp, S3, Http, Generic]


@dataclass(frozen=True)
class CredentialInfo:
    """What is known of a credential, without its value."""

    id: int
    key: str
    type: str
    version: int
    inserted_at: datetime
    updated_at: Optional[datetime]
    rotate_by: Optional[datetime]
    last_used_at: Optional[datetime]


@dataclass(frozen=True)
class CredentialRecord:
    """A credential and what is known of it."""

    info: CredentialInfo
    credential: Credential


@dataclass(frozen=True)
class Page(TypingGeneric[T]):
    """A page of a list. ``next_cursor`` asks for the next one; it is None on the last."""

    items: list[T]
    next_cursor: Optional[str]


@dataclass(frozen=True)
class IssuedToken:
    """A token of OpenBao. ``wrap_token`` is there instead of ``token`` where it was asked for wrapped."""

    token: Optional[str] = field(repr=False)
    wrap_token: Optional[str] = field(repr=False)
    accessor: str
    policies: list[str]
    ttl: int
    expires_at: datetime
    renewable: bool
    vault_url: str
    vault_hostname: Optional[str]
    store: str
    path: str
    issuance_id: str


@dataclass(frozen=True)
class Site:
    """A site."""

    secret_id: str
    site_url: Optional[str]
    store: str
    path: str
    created_at: Optional[datetime]
    expires_at: Optional[datetime]


@dataclass(frozen=True)
class RegisteredSite:
    """A site that has been registered, with a write token where one was asked for."""

    site_id: str
    expires_at: Optional[datetime]
    token: Optional[str] = field(repr=False)


@dataclass(frozen=True)
class TokenState:
    """How the token of a ``Vault`` is. ``remaining`` is in seconds, None where that is not known, or for ever."""

    accessor: Optional[str]
    remaining: Optional[float]
    replaced: int
    renewed: int
    trouble: Optional[str]


def moment(microseconds: int) -> datetime:
    """The time that many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds(time: datetime) -> int:
    """The other way. A time without a zone says nothing."""
    if not isinstance(time, datetime):
        raise TypeError("a time is a datetime.datetime")
    if time.utcoffset() is None:
        raise ValueError("the time needs a zone, such as datetime.timezone.utc")
    return (time - _EPOCH) // timedelta(microseconds=1)

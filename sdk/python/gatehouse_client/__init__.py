"""Client of Gatehouse, the token broker in front of OpenBao.

``Client`` speaks with the service, ``Vault`` reads credentials straight from OpenBao and keeps its token alive. All
calls block, release the GIL, and have a time limit. Both can be shared between threads, and not across a fork.
"""

from ._errors import (
    ConflictError,
    ExpiredError,
    FieldError,
    ForbiddenError,
    GatehouseError,
    InvalidArgumentError,
    MalformedError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    TlsError,
    TransportError,
    TransportTimeoutError,
    UnauthorizedError,
    UnavailableError,
)
from ._models import (
    Credential,
    CredentialInfo,
    CredentialRecord,
    Ftp,
    Generic,
    Http,
    IssuedToken,
    Page,
    RegisteredSite,
    S3,
    Site,
    TokenState,
)
from ._native import Client, Vault, __version__

__all__ = [
    "Client",
    "ConflictError",
    "Credential",
    "CredentialInfo",
    "CredentialRecord",
    "ExpiredError",
    "FieldError",
    "ForbiddenError",
    "Ftp",
    "GatehouseError",
    "Generic",
    "Http",
    "InvalidArgumentError",
    "IssuedToken",
    "MalformedError",
    "NotFoundError",
    "Page",
    "RateLimitedError",
    "RefusedError",
    "RegisteredSite",
    "S3",
    "Site",
    "TokenState",
    "TlsError",
    "TransportError",
    "TransportTimeoutError",
    "UnauthorizedError",
    "UnavailableError",
    "Vault",
    "__version__",
]

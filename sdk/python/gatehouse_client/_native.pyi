from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Literal, Optional, final

from ._models import (
    Credential,
    CredentialInfo,
    CredentialRecord,
    IssuedToken,
    Page,
    RegisteredSite,
    Site,
    TokenState,
)

__all__ = ["__version__", "Client", "Vault"]

__version__: str

@final
class Client:
    @staticmethod
    def worker(
        url: str,
        email: str,
        password: str,
        *,
        ca_pem: Optional[str] = None,
        connect_timeout: Optional[float] = None,
        attempt_timeout: Optional[float] = None,
        total_timeout: Optional[float] = None,
        attempts: Optional[int] = None,
        allow_plain_http: bool = False,
    ) -> Client: ...
    @staticmethod
    def key(
        url: str,
        key: str,
        *,
        ca_pem: Optional[str] = None,
        connect_timeout: Optional[float] = None,
        attempt_timeout: Optional[float] = None,
        total_timeout: Optional[float] = None,
        attempts: Optional[int] = None,
        allow_plain_http: bool = False,
    ) -> Client: ...
    def read_credential(self, key: str) -> Credential: ...
    def credential_record(self, key: str) -> CredentialRecord: ...
    def create_credential(
        self, key: str, credential: Credential, *, rotate_by: Optional[datetime] = None
    ) -> CredentialInfo: ...
    def update_credential(
        self,
        key: str,
        credential: Credential,
        *,
        if_version: Optional[int] = None,
        rotate_by: Optional[datetime] = None,
    ) -> CredentialInfo: ...
    def delete_credential(self, key: str) -> None: ...
    def list_credentials(self, limit: int = 50, cursor: Optional[str] = None) -> Page[CredentialInfo]: ...
    def credential_token(
        self,
        *,
        key: Optional[str] = None,
        ttl: Optional[int] = None,
        wrap_ttl: Optional[int] = None,
        keep_alive: Optional[bool] = None,
        metadata: Optional[dict[str, str]] = None,
        worker: Optional[str] = None,
    ) -> IssuedToken: ...
    def vault(
        self,
        *,
        key: Optional[str] = None,
        ttl: Optional[int] = None,
        metadata: Optional[dict[str, str]] = None,
        worker: Optional[str] = None,
    ) -> Vault: ...
    def write_token(
        self,
        *,
        secret_id: Optional[str] = None,
        access_key: Optional[str] = None,
        wrap_ttl: Optional[int] = None,
        metadata: Optional[dict[str, str]] = None,
    ) -> IssuedToken: ...
    def read_token(
        self,
        *,
        secret_id: Optional[str] = None,
        wrap_ttl: Optional[int] = None,
        metadata: Optional[dict[str, str]] = None,
    ) -> IssuedToken: ...
    def register_site(
        self,
        secret_id: str,
        *,
        access_key: Optional[str] = None,
        site_url: Optional[str] = None,
        expires_at: Optional[datetime] = None,
        metadata: Optional[dict[str, str]] = None,
        with_token: bool = False,
    ) -> RegisteredSite: ...
    def search_sites(self, access_keys: Sequence[str]) -> list[Site]: ...
    def site(self, secret_id: str) -> Site: ...
    def list_sites(self, limit: int = 50, cursor: Optional[str] = None) -> Page[Site]: ...
    def remove_site(self, secret_id: str) -> bool: ...
    def close(self) -> None: ...
    def __enter__(self) -> Client: ...
    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> Literal[False]: ...

@final
class Vault:
    @staticmethod
    def with_token(
        vault_hostname: str,
        token: str,
        *,
        ca_pem: Optional[str] = None,
        connect_timeout: Optional[float] = None,
        attempt_timeout: Optional[float] = None,
        total_timeout: Optional[float] = None,
        attempts: Optional[int] = None,
        allow_plain_http: bool = False,
    ) -> Vault: ...
    def read_credential(self, key: str) -> Credential: ...
    def token_state(self) -> TokenState: ...
    def close(self) -> None: ...
    def __enter__(self) -> Vault: ...
    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> Literal[False]: ...

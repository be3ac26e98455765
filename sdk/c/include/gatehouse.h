// The client library of Gatehouse.
//
// Every pointer that goes in may be NULL: a call then says GATEHOUSE_STATUS_INVALID_ARGUMENT, a getter gives NULL or 0.
// Each object belongs to the caller, until its _free function takes it. A text that a getter gives belongs to the object
// it came from, and must not be freed. Texts are UTF-8. Every call blocks, and has a time limit.
//
// Made by cbindgen from the Rust sources; do not change it by hand.

#ifndef GATEHOUSE_H
#define GATEHOUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// How a call went.
typedef enum {
  // Well.
  GATEHOUSE_STATUS_OK = 0,
  // An argument or a setting is wrong; nothing was sent.
  GATEHOUSE_STATUS_INVALID_ARGUMENT = 1,
  // The server cannot be reached, or the connection broke.
  GATEHOUSE_STATUS_TRANSPORT = 2,
  // No answer came in time.
  GATEHOUSE_STATUS_TIMEOUT = 3,
  // The server refused: see gatehouse_error_code.
  GATEHOUSE_STATUS_REFUSED = 4,
  // The answer is not what it should be.
  GATEHOUSE_STATUS_MALFORMED = 5,
  // The token has ended, and there is no way to another.
  GATEHOUSE_STATUS_EXPIRED = 6,
  // The server's certificate is not trusted, or no TLS comes about.
  GATEHOUSE_STATUS_TLS = 7,
  // A fault of this library.
  GATEHOUSE_STATUS_INTERNAL = 8,
} GatehouseStatus;

// Which type a credential is of.
typedef enum {
  // None: what was asked about was NULL.
  GATEHOUSE_CREDENTIAL_TYPE_NONE = 0,
  // FTP: gatehouse_ftp_…
  GATEHOUSE_CREDENTIAL_TYPE_FTP = 1,
  // S3: gatehouse_s3_…
  GATEHOUSE_CREDENTIAL_TYPE_S3 = 2,
  // HTTP: gatehouse_http_…
  GATEHOUSE_CREDENTIAL_TYPE_HTTP = 3,
  // Anything else: gatehouse_generic_…
  GATEHOUSE_CREDENTIAL_TYPE_GENERIC = 4,
} GatehouseCredentialType;

// A client of Gatehouse, or of OpenBao with a token. Any thread may use it. Free it with gatehouse_client_free, or
// with gatehouse_client_close.
typedef struct GatehouseClient GatehouseClient;

// A credential. It does not change, so any thread may read it. Free it with gatehouse_credential_free, which wipes
// it.
typedef struct GatehouseCredential GatehouseCredential;

// Why a call failed. Free it with gatehouse_error_free. It never holds a secret.
typedef struct GatehouseError GatehouseError;

// A token of OpenBao that reads credentials. Free it with gatehouse_token_free, which wipes it.
typedef struct GatehouseToken GatehouseToken;

// How a client behaves. Set it to zero first (GatehouseSettings settings = {0};); zero and NULL mean the default.
typedef struct {
  // The certificates to trust, as PEM. Default: those of the system, or of the file that SSL_CERT_FILE names.
  const char *ca_pem;
  // How long making a connection may take, in milliseconds. Default: 5 seconds.
  uint32_t connect_timeout_ms;
  // How long one attempt may take. Default: 15 seconds.
  uint32_t attempt_timeout_ms;
  // How long a call may take, with all its attempts and pauses. Default: 60 seconds.
  uint32_t total_timeout_ms;
  // How often a call that may be repeated is tried. Default: 4.
  uint32_t attempts;
  // Whether http:// is accepted for other hosts than this machine. Secrets then travel in the clear.
  bool allow_plain_http;
} GatehouseSettings;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// One sentence for people. Belongs to the error; NULL for NULL.
//
// # Safety
// error is NULL or alive.
const char *gatehouse_error_message(const GatehouseError *error);

// The code that never changes: the server's own for a refusal (not_found, rate_limited …), else
// invalid_argument, transport, tls, timeout, malformed, expired or internal. Belongs to the error; NULL for
// NULL.
//
// # Safety
// error is NULL or alive.
const char *gatehouse_error_code(const GatehouseError *error);

// What to tell the operators of Gatehouse. Belongs to the error; NULL where there is none.
//
// # Safety
// error is NULL or alive.
const char *gatehouse_error_request_id(const GatehouseError *error);

// The HTTP status of a refusal, else 0.
//
// # Safety
// error is NULL or alive.
uint16_t gatehouse_error_http_status(const GatehouseError *error);

// Frees an error. NULL is nothing.
//
// # Safety
// error is NULL or alive. It is gone after this.
void gatehouse_error_free(GatehouseError *error);

// Makes a client that calls Gatehouse as a worker. It logs in when the first call needs it. Nothing is sent yet.
//
// settings may be NULL. On success *out is the client, which the caller owns; else it is NULL, and *error, if
// error is not NULL, an error which the caller owns.
//
// # Safety
// Texts end with a zero; out and error are NULL or can be written to.
GatehouseStatus gatehouse_client_new_worker(const char *url,
                                            const char *email,
                                            const char *password,
                                            const GatehouseSettings *settings,
                                            GatehouseClient **out,
                                            GatehouseError **error);

// Makes a client that calls Gatehouse with a vendor's private or public key. Else as gatehouse_client_new_worker.
//
// # Safety
// Texts end with a zero; out and error are NULL or can be written to.
GatehouseStatus gatehouse_client_new_key(const char *url,
                                         const char *key,
                                         const GatehouseSettings *settings,
                                         GatehouseClient **out,
                                         GatehouseError **error);

// Makes a client that reads credentials straight from OpenBao with a token. vault_hostname is
// {OpenBao}/v1/[namespace/]{vendor}-credentials. A thread of the library renews the token. Else as
// gatehouse_client_new_worker.
//
// # Safety
// Texts end with a zero; out and error are NULL or can be written to.
GatehouseStatus gatehouse_client_new_openbao(const char *vault_hostname,
                                             const char *token,
                                             const GatehouseSettings *settings,
                                             GatehouseClient **out,
                                             GatehouseError **error);

// Makes a client that reads credentials straight from OpenBao with a token which gatehouse gets, now and whenever
// another is needed. gatehouse may be freed before it.
//
// # Safety
// gatehouse is NULL or alive; out and error are NULL or can be written to.
GatehouseStatus gatehouse_client_new_openbao_through(const GatehouseClient *gatehouse,
                                                     GatehouseClient **out,
                                                     GatehouseError **error);

// Gives back the token that the client got through Gatehouse, if any, and frees the client, also where it fails.
// Freeing takes as long as gatehouse_client_free does, giving back one more attempt.
//
// # Safety
// client is NULL or alive, and no other thread uses it. It is gone after this.
GatehouseStatus gatehouse_client_close(GatehouseClient *client, GatehouseError **error);

// Frees a client and stops its thread, and waits for what the thread is doing: for attempt_timeout_ms at most, and
// longer only where it fetches a token while another thread logs the same worker in. A token lives on until it ends.
// NULL is nothing.
//
// # Safety
// client is NULL or alive, and no other thread uses it. It is gone after this.
void gatehouse_client_free(GatehouseClient *client);

// Reads a credential by its key: from Gatehouse or from OpenBao, whichever the client is of.
//
// On success *out is the credential, which the caller owns; else it is NULL, and *error, if error is not NULL,
// an error which the caller owns.
//
// # Safety
// client is NULL or alive, key ends with a zero; out and error are NULL or can be written to.
GatehouseStatus gatehouse_credential_read(const GatehouseClient *client,
                                          const char *key,
                                          GatehouseCredential **out,
                                          GatehouseError **error);

// The type of a credential.
//
// # Safety
// credential is NULL or alive.
GatehouseCredentialType gatehouse_credential_type(const GatehouseCredential *credential);

// The credential as JSON, with its secrets. Belongs to the credential; NULL for NULL.
//
// # Safety
// credential is NULL or alive.
const char *gatehouse_credential_json(const GatehouseCredential *credential);

// Wipes and frees a credential, and all texts that came from it. NULL is nothing.
//
// # Safety
// credential is NULL or alive. It is gone after this.
void gatehouse_credential_free(GatehouseCredential *credential);

// The server.
//
// # Safety
// credential is NULL or alive.
const char *gatehouse_ftp_hostname(const GatehouseCredential *credential);

// The port; 0 for a credential of another type.
//
// # Safety
// credential is NULL or alive.
uint16_t gatehouse_ftp_port(const GatehouseCredential *credential);

// Whether the connection is made with TLS.
//
// # Safety
// credential is NULL or alive.
bool gatehouse_ftp_secure(const GatehouseCredential *credential);

// Who logs in; may be NULL.
//
// # Safety
// credential is NULL or alive.
const char *gatehouse_ftp_username(const GatehouseCredential *credential);

// With which password; may be NULL.
//
// # Safety
// credential is NULL or alive.
const char *gatehouse_ftp_password(const GatehouseCredential *credential);

// The endpoint; NULL for Amazon's own.
//
// # Safety
// credential is NULL or alive.
const char *gatehouse_s3_hostname(const GatehouseCredential *credential);

// The public half of the key.
//
// # Safety
// credential is NULL or alive.
const char *gatehouse_s3_access_key_id(const GatehouseCredential *credential);

// The secret half of the key.
//
// # Safety
// credential is NULL or alive.
const char *gatehouse_s3_secret_access_key(const GatehouseCredential *credential);

// The region.
//
// # Safety
// credential is NULL or alive.
const char *gatehouse_s3_region(const GatehouseCredential *credential);

// The URL.
//
// # Safety
// credential is NULL or alive.
const char *gatehouse_http_endpoint(const GatehouseCredential *credential);

// The method: GET, PUT, POST, HEAD or OPTIONS.
//
// # Safety
// credential is NULL or alive.
const char *gatehouse_http_method(const GatehouseCredential *credential);

// The body, empty where there is none.
//
// # Safety
// credential is NULL or alive.
const char *gatehouse_http_body(const GatehouseCredential *credential);

// How many headers there are.
//
// # Safety
// credential is NULL or alive.
size_t gatehouse_http_header_count(const GatehouseCredential *credential);

// The name of the header with this number, from 0 on.
//
// # Safety
// credential is NULL or alive.
const char *gatehouse_http_header_name(const GatehouseCredential *credential, size_t index);

// The value of the header with this number, from 0 on.
//
// # Safety
// credential is NULL or alive.
const char *gatehouse_http_header_value(const GatehouseCredential *credential, size_t index);

// How many fields there are.
//
// # Safety
// credential is NULL or alive.
size_t gatehouse_generic_field_count(const GatehouseCredential *credential);

// The name of the field with this number, from 0 on.
//
// # Safety
// credential is NULL or alive.
const char *gatehouse_generic_field_name(const GatehouseCredential *credential, size_t index);

// The value of the field with this number, from 0 on. NULL where the field is null.
//
// # Safety
// credential is NULL or alive.
const char *gatehouse_generic_field_value(const GatehouseCredential *credential, size_t index);

// Gets a token that reads credentials straight from OpenBao: the one of key, or, where it is NULL, all that the
// caller may read. A client of gatehouse_client_new_openbao_through does this by itself.
//
// On success *out is the token, which the caller owns; else it is NULL, and *error, if error is not NULL, an
// error which the caller owns.
//
// # Safety
// client is NULL or alive, key is NULL or ends with a zero; out and error are NULL or can be written to.
GatehouseStatus gatehouse_token_get(const GatehouseClient *client,
                                    const char *key,
                                    GatehouseToken **out,
                                    GatehouseError **error);

// The token itself. Belongs to the token; NULL for NULL.
//
// # Safety
// token is NULL or alive.
const char *gatehouse_token_text(const GatehouseToken *token);

// What names the token without being it. Belongs to the token; NULL for NULL.
//
// # Safety
// token is NULL or alive.
const char *gatehouse_token_accessor(const GatehouseToken *token);

// The address to read from with it: what gatehouse_client_new_openbao takes. Belongs to the token; NULL for NULL.
//
// # Safety
// token is NULL or alive.
const char *gatehouse_token_vault_hostname(const GatehouseToken *token);

// How many seconds the token lives at first; 0 for NULL.
//
// # Safety
// token is NULL or alive.
uint64_t gatehouse_token_seconds(const GatehouseToken *token);

// Wipes and frees a token, and all texts that came from it. It lives on in OpenBao until it ends. NULL is nothing.
//
// # Safety
// token is NULL or alive. It is gone after this.
void gatehouse_token_free(GatehouseToken *token);

// Registers a site, so that the support team can find it by its access key. Saying the same again changes nothing.
// access_key and site_url may be NULL. On failure *error, if error is not NULL, is an error which the caller
// owns.
//
// # Safety
// client is NULL or alive, texts end with a zero, error is NULL or can be written to.
GatehouseStatus gatehouse_site_register(const GatehouseClient *client,
                                        const char *secret_id,
                                        const char *access_key,
                                        const char *site_url,
                                        GatehouseError **error);

// Removes a site: its tokens die, its secret is deleted. One that is not known counts as removed. On failure
// *error, if error is not NULL, is an error which the caller owns.
//
// # Safety
// client is NULL or alive, secret_id ends with a zero, error is NULL or can be written to.
GatehouseStatus gatehouse_site_remove(const GatehouseClient *client, const char *secret_id, GatehouseError **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* GATEHOUSE_H */

// Every function with NULL, and wrong arguments. Needs no server. Ends with 0 if all is as it should be.

#include <stdio.h>
#include <string.h>

#include "gatehouse.h"

static int faults = 0;

static void expect(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "not so: %s\n", what);
        faults++;
    }
}

#define EXPECT(condition) expect((condition), #condition)

// The error is there, has this code, and is freed.
static void expect_code(GatehouseError *error, const char *code) {
    EXPECT(error != NULL);
    if (error) {
        EXPECT(strcmp(gatehouse_error_code(error), code) == 0);
        EXPECT(strlen(gatehouse_error_message(error)) > 0);
        EXPECT(gatehouse_error_http_status(error) == 0);
        EXPECT(gatehouse_error_request_id(error) == NULL);
    }
    gatehouse_error_free(error);
}

static void getters_take_null(void) {
    EXPECT(gatehouse_error_message(NULL) == NULL);
    EXPECT(gatehouse_error_code(NULL) == NULL);
    EXPECT(gatehouse_error_request_id(NULL) == NULL);
    EXPECT(gatehouse_error_http_status(NULL) == 0);
    EXPECT(gatehouse_credential_type(NULL) == GATEHOUSE_CREDENTIAL_TYPE_NONE);
    EXPECT(gatehouse_credential_json(NULL) == NULL);
    EXPECT(gatehouse_ftp_hostname(NULL) == NULL);
    EXPECT(gatehouse_ftp_port(NULL) == 0);
    EXPECT(!gatehouse_ftp_secure(NULL));
    EXPECT(gatehouse_ftp_username(NULL) == NULL);
    EXPECT(gatehouse_ftp_password(NULL) == NULL);
    EXPECT(gatehouse_s3_hostname(NULL) == NULL);
    EXPECT(gatehouse_s3_access_key_id(NULL) == NULL);
    EXPECT(gatehouse_s3_secret_access_key(NULL) == NULL);
    EXPECT(gatehouse_s3_region(NULL) == NULL);
    EXPECT(gatehouse_http_endpoint(NULL) == NULL);
    EXPECT(gatehouse_http_method(NULL) == NULL);
    EXPECT(gatehouse_http_body(NULL) == NULL);
    EXPECT(gatehouse_http_header_count(NULL) == 0);
    EXPECT(gatehouse_http_header_name(NULL, 0) == NULL);
    EXPECT(gatehouse_http_header_value(NULL, 0) == NULL);
    EXPECT(gatehouse_generic_field_count(NULL) == 0);
    EXPECT(gatehouse_generic_field_name(NULL, 0) == NULL);
    EXPECT(gatehouse_generic_field_value(NULL, 0) == NULL);
    EXPECT(gatehouse_token_text(NULL) == NULL);
    EXPECT(gatehouse_token_accessor(NULL) == NULL);
    EXPECT(gatehouse_token_vault_hostname(NULL) == NULL);
    EXPECT(gatehouse_token_seconds(NULL) == 0);
    gatehouse_error_free(NULL);
    gatehouse_client_free(NULL);
    gatehouse_credential_free(NULL);
    gatehouse_token_free(NULL);
}

static void calls_take_null(void) {
    GatehouseClient *client = (GatehouseClient *)&faults;
    GatehouseError *error = NULL;
    EXPECT(gatehouse_client_new_worker(NULL, NULL, NULL, NULL, &client, &error) == GATEHOUSE_STATUS_INVALID_ARGUMENT);
    EXPECT(client == NULL);
    expect_code(error, "invalid_argument");
    EXPECT(gatehouse_client_new_worker(NULL, NULL, NULL, NULL, NULL, NULL) == GATEHOUSE_STATUS_INVALID_ARGUMENT);
    EXPECT(gatehouse_client_new_key(NULL, NULL, NULL, NULL, NULL) == GATEHOUSE_STATUS_INVALID_ARGUMENT);
    EXPECT(gatehouse_client_new_openbao(NULL, NULL, NULL, NULL, NULL) == GATEHOUSE_STATUS_INVALID_ARGUMENT);
    EXPECT(gatehouse_client_new_openbao_through(NULL, NULL, NULL) == GATEHOUSE_STATUS_INVALID_ARGUMENT);
    EXPECT(gatehouse_client_close(NULL, NULL) == GATEHOUSE_STATUS_INVALID_ARGUMENT);
    EXPECT(gatehouse_credential_read(NULL, NULL, NULL, NULL) == GATEHOUSE_STATUS_INVALID_ARGUMENT);
    EXPECT(gatehouse_token_get(NULL, NULL, NULL, NULL) == GATEHOUSE_STATUS_INVALID_ARGUMENT);
    EXPECT(gatehouse_site_register(NULL, NULL, NULL, NULL, NULL) == GATEHOUSE_STATUS_INVALID_ARGUMENT);
    EXPECT(gatehouse_site_remove(NULL, NULL, NULL) == GATEHOUSE_STATUS_INVALID_ARGUMENT);
}

static void wrong_arguments_are_told(void) {
    GatehouseClient *client = NULL;
    GatehouseCredential *credential = NULL;
    GatehouseError *error = NULL;
    GatehouseSettings settings = {0};
    EXPECT(gatehouse_client_new_key("http://gatehouse.example", "sk_x", NULL, &client, &error) ==
           GATEHOUSE_STATUS_INVALID_ARGUMENT);
    expect_code(error, "invalid_argument");
    settings.ca_pem = "no certificate";
    EXPECT(gatehouse_client_new_key("https://gatehouse.example", "sk_x", &settings, &client, &error) ==
           GATEHOUSE_STATUS_INVALID_ARGUMENT);
    expect_code(error, "invalid_argument");
    EXPECT(gatehouse_client_new_key("https://gatehouse.example", "\xff", NULL, &client, &error) ==
           GATEHOUSE_STATUS_INVALID_ARGUMENT);
    expect_code(error, "invalid_argument");
    EXPECT(client == NULL);
    settings.ca_pem = NULL;
    settings.attempts = 1;
    EXPECT(gatehouse_client_new_key("http://127.0.0.1:1", "sk_x", &settings, &client, &error) == GATEHOUSE_STATUS_OK);
    EXPECT(error == NULL);
    EXPECT(gatehouse_credential_read(client, "../sessions", &credential, &error) == GATEHOUSE_STATUS_INVALID_ARGUMENT);
    expect_code(error, "invalid_argument");
    EXPECT(gatehouse_credential_read(client, "key", &credential, &error) == GATEHOUSE_STATUS_TRANSPORT);
    expect_code(error, "transport");
    EXPECT(credential == NULL);
    gatehouse_client_free(client);
}

static void thread_ends_with_its_client(void) {
    GatehouseClient *client = NULL;
    GatehouseError *error = NULL;
    EXPECT(gatehouse_client_new_openbao("http://127.0.0.1:1/v1/demo-credentials", "hvs.x", NULL, &client, &error) ==
           GATEHOUSE_STATUS_OK);
    EXPECT(gatehouse_site_remove(client, "0123456789abcdef", &error) == GATEHOUSE_STATUS_INVALID_ARGUMENT);
    expect_code(error, "invalid_argument");
    EXPECT(gatehouse_client_close(client, &error) == GATEHOUSE_STATUS_OK);
    EXPECT(error == NULL);
}

int main(void) {
    getters_take_null();
    calls_take_null();
    wrong_arguments_are_told();
    thread_ends_with_its_client();
    return faults ? 1 : 0;
}

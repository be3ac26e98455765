// Reads a credential and says what it is, without its secrets.
//
// usage: read_credential KEY
//
// Through Gatehouse, with GATEHOUSE_URL, DEMO_WORKER_EMAIL and DEMO_WORKER_PASSWORD, and then straight from OpenBao with
// a token of its own. Where VAULT_HOSTNAME and VAULT_TOKEN are set: straight from OpenBao with that token.

#include <stdio.h>
#include <stdlib.h>

#include "gatehouse.h"

// The text, or a word for none.
static const char *shown(const char *text) {
    return text ? text : "(none)";
}

static int failed(const char *what, GatehouseError *error) {
    fprintf(stderr, "%s: %s (code %s)\n", what, gatehouse_error_message(error), gatehouse_error_code(error));
    gatehouse_error_free(error);
    return 1;
}

static void show(const GatehouseCredential *credential) {
    switch (gatehouse_credential_type(credential)) {
    case GATEHOUSE_CREDENTIAL_TYPE_FTP:
        printf("ftp %s:%u secure=%d username=%s password=%s\n", gatehouse_ftp_hostname(credential),
               (unsigned)gatehouse_ftp_port(credential), gatehouse_ftp_secure(credential),
               shown(gatehouse_ftp_username(credential)), gatehouse_ftp_password(credential) ? "(hidden)" : "(none)");
        break;
    case GATEHOUSE_CREDENTIAL_TYPE_S3:
        printf("s3 %s region=%s access_key_id=%s\n", shown(gatehouse_s3_hostname(credential)),
               gatehouse_s3_region(credential), gatehouse_s3_access_key_id(credential));
        break;
    case GATEHOUSE_CREDENTIAL_TYPE_HTTP:
        printf("http %s, %zu headers\n", gatehouse_http_method(credential), gatehouse_http_header_count(credential));
        break;
    case GATEHOUSE_CREDENTIAL_TYPE_GENERIC:
        for (size_t i = 0; i < gatehouse_generic_field_count(credential); i++) {
            printf("generic field %s\n", gatehouse_generic_field_name(credential, i));
        }
        break;
    case GATEHOUSE_CREDENTIAL_TYPE_NONE:
        break;
    }
}

static int read_and_show(const GatehouseClient *client, const char *key) {
    GatehouseCredential *credential = NULL;
    GatehouseError *error = NULL;
    if (gatehouse_credential_read(client, key, &credential, &error) != GATEHOUSE_STATUS_OK) {
        return failed(key, error);
    }
    show(credential);
    gatehouse_credential_free(credential);
    return 0;
}

// Reads with `client` and closes it.
static int read_and_close(GatehouseClient *client, const char *key) {
    GatehouseError *error = NULL;
    int result = read_and_show(client, key);
    if (gatehouse_client_close(client, &error) != GATEHOUSE_STATUS_OK) {
        return failed("closing", error);
    }
    return result;
}

static int with_token(const char *hostname, const char *token, const char *key) {
    GatehouseClient *vault = NULL;
    GatehouseError *error = NULL;
    if (gatehouse_client_new_openbao(hostname, token, NULL, &vault, &error) != GATEHOUSE_STATUS_OK) {
        return failed("OpenBao", error);
    }
    return read_and_close(vault, key);
}

static int with_log_in(const char *key) {
    GatehouseClient *gatehouse = NULL;
    GatehouseClient *vault = NULL;
    GatehouseError *error = NULL;
    if (gatehouse_client_new_worker(getenv("GATEHOUSE_URL"), getenv("DEMO_WORKER_EMAIL"),
                                    getenv("DEMO_WORKER_PASSWORD"), NULL, &gatehouse, &error) != GATEHOUSE_STATUS_OK) {
        return failed("Gatehouse", error);
    }
    int result = read_and_show(gatehouse, key);
    if (result == 0) {
        if (gatehouse_client_new_openbao_through(gatehouse, &vault, &error) == GATEHOUSE_STATUS_OK) {
            result = read_and_close(vault, key);
        } else {
            result = failed("OpenBao", error);
        }
    }
    gatehouse_client_free(gatehouse);
    return result;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: read_credential KEY\n");
        return 2;
    }
    const char *hostname = getenv("VAULT_HOSTNAME");
    const char *token = getenv("VAULT_TOKEN");
    return hostname && token ? with_token(hostname, token, argv[1]) : with_log_in(argv[1]);
}

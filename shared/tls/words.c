/* The words of TLS's versions and faults, with and without OpenSSL. */
#include "tls/tls.h"

#include "core/must.h"

static const char *const TLS_FAULT_NAMES[TLS_FAULT_COUNT] = {
    [TLS_FAULT_NONE] = "none",
    [TLS_FAULT_NO_TLS] = "no_tls",
    [TLS_FAULT_EXPIRED] = "expired",
    [TLS_FAULT_NOT_YET_VALID] = "not_yet_valid",
    [TLS_FAULT_WRONG_NAME] = "wrong_name",
    [TLS_FAULT_UNKNOWN_ISSUER] = "unknown_issuer",
    [TLS_FAULT_SELF_SIGNED] = "self_signed",
    [TLS_FAULT_NO_CERTIFICATE] = "no_certificate",
    [TLS_FAULT_CERTIFICATE] = "certificate",
    [TLS_FAULT_VERSION] = "version",
    [TLS_FAULT_CIPHER] = "cipher",
    [TLS_FAULT_ALPN] = "alpn",
    [TLS_FAULT_ALERT] = "alert",
    [TLS_FAULT_PROTOCOL] = "protocol",
    [TLS_FAULT_TRUNCATED] = "truncated",
    [TLS_FAULT_TIMEOUT] = "timeout",
    [TLS_FAULT_MEMORY] = "memory",
};

const char *tls_fault_name(enum tls_fault fault)
{
    must(fault >= TLS_FAULT_NONE && fault < TLS_FAULT_COUNT);
    return TLS_FAULT_NAMES[fault];
}

const char *tls_version_name(enum tls_version version)
{
    static const char *const names[] = {
        [TLS_VERSION_NONE] = "", [TLS_VERSION_1_2] = "1.2", [TLS_VERSION_1_3] = "1.3"};
    must(version >= TLS_VERSION_NONE && version <= TLS_VERSION_1_3);
    return names[version];
}

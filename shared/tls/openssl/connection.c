/* Connections: OpenSSL between what was fed and the output. See tls/tls.h. */
#include "tls/openssl/connection.h"

#include "core/must.h"
#include "tls/openssl/context.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECORD_TEXT_BYTES_MAX = SSL3_RT_MAX_PLAIN_LENGTH, /* plain text of one record */
    RECORD_BYTES_MAX = RECORD_TEXT_BYTES_MAX + 256,   /* with its header and seal */
    /* What the peer makes us answer comes on top of what tls_write() may add. */
    OUTPUT_LIMIT_BYTES = 2 * TLS_OUTPUT_BYTES_MAX,
    /* Output waits in pieces that do not move: a small request has a small one, which malloc()
     * has at hand, and bulk goes out many records at a time. */
    PIECE_SMALL_BYTES = 960,
    PIECE_LARGE_BYTES = TLS_OUTPUT_BYTES_MAX / 2 + 64
};

struct piece {
    struct piece *next;
    uint32_t begin;
    uint32_t end;
    uint32_t capacity;
    uint8_t bytes[];
};

struct tls {
    SSL *ssl;
    struct tls_context *context;
    const uint8_t *fed;
    size_t fed_bytes;
    struct piece *first;
    struct piece *last;
    size_t output_bytes;
    bool is_open;
    bool is_ended;     /* the peer has said close_notify */
    bool has_said_end; /* and we have */
    struct failure failure;
};

struct failure *connection_failure(const SSL *ssl)
{
    struct tls *tls = SSL_get_app_data(ssl);
    return &tls->failure;
}

/* OpenSSL reads headers and bodies of records from here, straight into its buffer of one record. */
static int connection__bio_read(BIO *bio, char *out, int bytes)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (tls->fed_bytes == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t count = tls->fed_bytes < (size_t)bytes ? tls->fed_bytes : (size_t)bytes;
    memcpy(out, tls->fed, count);
    tls->fed += count;
    tls->fed_bytes -= count;
    return (int)count;
}

static bool connection__add_piece(struct tls *tls, size_t bytes)
{
    size_t capacity = bytes <= PIECE_SMALL_BYTES ? PIECE_SMALL_BYTES : PIECE_LARGE_BYTES;
    struct piece *piece = malloc(sizeof *piece + capacity);
    if (piece == NULL) {
        return false;
    }
    *piece = (struct piece){.capacity = (uint32_t)capacity};
    if (tls->last != NULL) {
        tls->last->next = piece;
    } else {
        tls->first = piece;
    }
    tls->last = piece;
    return true;
}

static int connection__bio_write(BIO *bio, const char *data, int bytes)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t rest = (size_t)bytes;
    if (tls->output_bytes + rest > OUTPUT_LIMIT_BYTES) {
        tls->failure.fault = TLS_FAULT_PROTOCOL;
        return -1;
    }
    while (rest > 0) {
        struct piece *piece = tls->last;
        size_t room = piece != NULL ? piece->capacity - piece->end : 0;
        if (room == 0) {
            if (!connection__add_piece(tls, rest)) {
                tls->failure.fault = TLS_FAULT_MEMORY;
                return -1;
            }
            continue;
        }
        size_t count = rest < room ? rest : room;
        memcpy(piece->bytes + piece->end, data, count);
        piece->end += (uint32_t)count;
        tls->output_bytes += count;
        data += count;
        rest -= count;
    }
    return bytes;
}

static long connection__bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH; /* everything else is not offered */
}

BIO_METHOD *connection_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "dummyload");
    if (method != NULL) {
        BIO_meth_set_read(method, connection__bio_read);
        BIO_meth_set_write(method, connection__bio_write);
        BIO_meth_set_ctrl(method, connection__bio_control);
    }
    return method;
}

/* Errors that others left behind on this thread would be taken for ours. */
static void connection__forget_errors(void)
{
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

/* The host name goes out as SNI; a session that is not taken back belongs to ssl. */
static bool connection__prepare_client(const struct tls *tls)
{
    struct tls_context *context = tls->context;
    SSL_set_connect_state(tls->ssl);
    if (context->host_name != NULL && SSL_set_tlsext_host_name(tls->ssl, context->host_name) != 1) {
        return false;
    }
    SSL_SESSION *session = context->resume ? sessions_take(&context->sessions) : NULL;
    if (session != NULL) {
        SSL_set_session(tls->ssl, session); /* refused: then the handshake is a full one */
        SSL_SESSION_free(session);
    }
    return true;
}

struct tls *tls_open(struct tls_context *context)
{
    connection__forget_errors();
    struct tls *tls = calloc(1, sizeof *tls);
    BIO *bio = NULL;
    if (tls == NULL) {
        return NULL;
    }
    tls->context = context;
    failure_open(&tls->failure);
    tls->ssl = SSL_new(context->ssl);
    if (tls->ssl == NULL || (bio = BIO_new(context->method)) == NULL) {
        goto failed;
    }
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio); /* which owns it from here on */
    SSL_set_app_data(tls->ssl, tls);
    if (context->is_server) {
        SSL_set_accept_state(tls->ssl);
    } else if (!connection__prepare_client(tls)) {
        goto failed;
    }
    return tls;

failed:
    SSL_free(tls->ssl);
    free(tls);
    ERR_clear_error();
    return NULL;
}

static void connection__drop_first(struct tls *tls)
{
    struct piece *piece = tls->first;
    tls->first = piece->next;
    if (tls->first == NULL) {
        tls->last = NULL;
    }
    free(piece);
}

void tls_close(struct tls *tls)
{
    if (tls == NULL) {
        return;
    }
    while (tls->first != NULL) {
        connection__drop_first(tls);
    }
    SSL_free(tls->ssl);
    failure_close(&tls->failure);
    free(tls);
}

/* OpenSSL stopped: it has used up what was fed, the peer has ended, or it has failed. */
static enum tls_status connection__stop(struct tls *tls, int result)
{
    int why = SSL_get_error(tls->ssl, result);
    if (why == SSL_ERROR_WANT_READ) {
        return TLS_MORE;
    }
    tls->fed_bytes = 0;
    if (why == SSL_ERROR_ZERO_RETURN && tls->is_open) {
        tls->is_ended = true;
        return TLS_ENDED;
    }
    if (why == SSL_ERROR_ZERO_RETURN) {
        failure_note_end(&tls->failure);
    } else {
        failure_note_errors(&tls->failure, tls->is_open);
    }
    return TLS_FAILED;
}

void tls_start(struct tls *tls)
{
    if (!tls->context->is_server) {
        connection__forget_errors();
        connection__stop(tls, SSL_do_handshake(tls->ssl));
    }
}

void tls_feed(struct tls *tls, const uint8_t *data, size_t bytes)
{
    must(tls->fed_bytes == 0);
    if (!tls->is_open) {
        failure_note_head(&tls->failure, data, bytes); /* of a failure's, too: for its words */
    }
    if (tls->failure.fault == TLS_FAULT_NONE && !tls->is_ended) {
        tls->fed = data;
        tls->fed_bytes = bytes;
    }
}

enum tls_status tls_read(struct tls *tls, uint8_t *out, size_t out_bytes, size_t *bytes)
{
    *bytes = 0;
    if (tls->failure.fault != TLS_FAULT_NONE) {
        return TLS_FAILED;
    }
    if (tls->is_ended) {
        return TLS_ENDED;
    }
    connection__forget_errors();
    if (!tls->is_open) {
        int done = SSL_do_handshake(tls->ssl);
        if (done != 1) {
            return connection__stop(tls, done);
        }
        tls->is_open = true;
        return TLS_OPENED;
    }
    int got = SSL_read_ex(tls->ssl, out, out_bytes, bytes);
    return got == 1 ? TLS_DATA : connection__stop(tls, got);
}

enum tls_status tls_feed_end(struct tls *tls)
{
    if (tls->is_ended) {
        return TLS_ENDED;
    }
    if (tls->failure.fault == TLS_FAULT_NONE) {
        failure_note_end(&tls->failure);
    }
    return TLS_FAILED;
}

/* A run of spans: which one, and how far into it. */
struct reader {
    const struct span *span;
    const struct span *end;
    size_t offset;
};

/* The next bytes for one record: a piece of a span where it lies, or several short spans together
 * in scratch. {NULL, 0}: there is no more. */
static struct span connection__next_text(struct reader *reader, uint8_t *scratch)
{
    size_t gathered = 0;
    while (reader->span != reader->end && gathered < RECORD_TEXT_BYTES_MAX) {
        const uint8_t *at = reader->span->data + reader->offset;
        size_t left = reader->span->bytes - reader->offset;
        bool is_last = reader->span + 1 == reader->end;
        if (gathered == 0 && left > 0 && (is_last || left >= RECORD_TEXT_BYTES_MAX)) {
            size_t count = left < RECORD_TEXT_BYTES_MAX ? left : RECORD_TEXT_BYTES_MAX;
            reader->offset += count;
            if (count == left) {
                reader->span++;
                reader->offset = 0;
            }
            return (struct span){at, count};
        }
        size_t room = RECORD_TEXT_BYTES_MAX - gathered;
        size_t count = left < room ? left : room;
        if (count > 0) {
            memcpy(scratch + gathered, at, count);
        }
        gathered += count;
        reader->offset += count;
        if (count == left) {
            reader->span++;
            reader->offset = 0;
        }
    }
    return gathered > 0 ? (struct span){scratch, gathered} : (struct span){NULL, 0};
}

bool tls_write(struct tls *tls, const struct span *spans, int count, size_t *taken)
{
    uint8_t scratch[RECORD_TEXT_BYTES_MAX];
    struct reader reader = {spans, spans + count, 0};
    *taken = 0;
    must(!tls->has_said_end);
    if (tls->failure.fault != TLS_FAULT_NONE) {
        return false;
    }
    connection__forget_errors();
    while (tls->is_open && tls->output_bytes + RECORD_BYTES_MAX <= TLS_OUTPUT_BYTES_MAX) {
        struct span text = connection__next_text(&reader, scratch);
        if (text.bytes == 0) {
            break;
        }
        size_t written = 0;
        if (SSL_write_ex(tls->ssl, text.data, text.bytes, &written) != 1) {
            failure_note_errors(&tls->failure, tls->is_open);
            return false;
        }
        must(written == text.bytes);
        *taken += written;
    }
    return true;
}

struct span tls_output(const struct tls *tls)
{
    const struct piece *piece = tls->first;
    return piece != NULL ? (struct span){piece->bytes + piece->begin, piece->end - piece->begin}
                         : (struct span){NULL, 0};
}

void tls_output_taken(struct tls *tls, size_t bytes)
{
    struct piece *piece = tls->first;
    if (bytes == 0) {
        return;
    }
    must(piece != NULL && bytes <= piece->end - piece->begin);
    piece->begin += (uint32_t)bytes;
    tls->output_bytes -= bytes;
    if (piece->begin == piece->end) {
        connection__drop_first(tls);
    }
}

size_t tls_output_bytes(const struct tls *tls)
{
    return tls->output_bytes;
}

void tls_end(struct tls *tls)
{
    if (!tls->is_open || tls->has_said_end || tls->failure.fault != TLS_FAULT_NONE) {
        return;
    }
    connection__forget_errors();
    tls->has_said_end = true;
    if (SSL_shutdown(tls->ssl) < 0) {
        failure_note_errors(&tls->failure, tls->is_open);
    }
}

bool tls_is_open(const struct tls *tls)
{
    return tls->is_open;
}

bool tls_is_resumed(const struct tls *tls)
{
    return tls->is_open && SSL_session_reused(tls->ssl) == 1;
}

enum tls_version tls_version_of(const struct tls *tls)
{
    if (!tls->is_open) {
        return TLS_VERSION_NONE;
    }
    return SSL_version(tls->ssl) == TLS1_2_VERSION ? TLS_VERSION_1_2 : TLS_VERSION_1_3;
}

const char *tls_cipher(const struct tls *tls)
{
    return tls->is_open ? SSL_CIPHER_get_name(SSL_get_current_cipher(tls->ssl)) : "";
}

struct span tls_alpn(const struct tls *tls)
{
    const unsigned char *name = NULL;
    unsigned int bytes = 0;
    if (tls->is_open) {
        SSL_get0_alpn_selected(tls->ssl, &name, &bytes);
    }
    return (struct span){name, bytes};
}

enum tls_fault tls_fault(const struct tls *tls)
{
    return tls->failure.fault;
}

void tls_explain(const struct tls *tls, struct error *error)
{
    failure_explain(&tls->failure, tls->context->is_server ? "client" : "server",
                    tls->context->peer_name, tls->is_open, error);
}

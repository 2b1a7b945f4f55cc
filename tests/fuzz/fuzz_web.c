/* Requests to the live page: whatever the texts are, an answer is decided, and only what has the
 * token or comes from the page itself gets one that others do not. The input: method, path, query,
 * Host, Origin and Authorization, with a NUL between them. */
#include "fuzz.h"

#include "core/must.h"
#include "web/request.h"

#include <stdlib.h>

enum { TEXTS = 6 };

static const struct web_rules RULES[] = {{.host = "127.0.0.1", .name = "here"},
                                         {.host = "0.0.0.0", .name = "", .token = "t0ken"}};

static void judge(const struct web_request *request, const struct web_rules *rules)
{
    enum web_route route = WEB_ROUTES;
    const char *reason = NULL;
    int status = web_request_judge(request, rules, &route, &reason);
    must(status == 200 || status == 401 || status == 403 || status == 404 || status == 405);
    must(status == 200 ? route < WEB_ROUTES : reason != NULL);
    bool shown = (request->authorization != NULL && strstr(request->authorization, "t0ken")) ||
                 (request->query != NULL && strstr(request->query, "token=t0ken"));
    if (status == 200 && !shown) {
        must(request->host != NULL && web_host_is_own(request->host, rules));
        must(request->origin == NULL || strncmp(request->origin, "http://", 7) == 0);
        must(route != WEB_ROUTE_CONTROL || rules->token == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *texts[TEXTS] = {NULL};
    for (int i = 0; i < TEXTS; i++) {
        const uint8_t *end = size == 0 ? NULL : memchr(data, 0, size);
        size_t bytes = end == NULL ? size : (size_t)(end - data);
        texts[i] = malloc(bytes + 1); /* exact, so that ASan sees a read behind the NUL */
        must(texts[i] != NULL);
        memcpy(texts[i], size == 0 ? (const uint8_t *)"" : data, bytes);
        texts[i][bytes] = '\0';
        size -= end == NULL ? size : bytes + 1;
        data += end == NULL ? 0 : bytes + 1;
    }
    struct web_request request = {.method = texts[0],
                                  .path = texts[1],
                                  .query = texts[2][0] == '-' ? NULL : texts[2],
                                  .host = texts[3][0] == '-' ? NULL : texts[3],
                                  .origin = texts[4][0] == '-' ? NULL : texts[4],
                                  .authorization = texts[5][0] == '-' ? NULL : texts[5]};
    for (size_t i = 0; i < sizeof RULES / sizeof RULES[0]; i++) {
        judge(&request, &RULES[i]);
    }
    for (int i = 0; i < TEXTS; i++) {
        free(texts[i]);
    }
    return 0;
}

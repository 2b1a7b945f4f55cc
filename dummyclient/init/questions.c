#include "init/questions.h"

#include "starter/url.h"
#include "text/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { QUESTIONS_CONNECTIONS_MAX = 1000000 };

static void questions__refuse(struct questions *questions, const char *reason)
{
    fprintf(questions->out, "  %s\n", reason);
}

/* Has a line come whole? If not, its rest must not be the answer to the next question. */
static bool questions__skip_rest(struct questions *questions, const char *answer)
{
    bool whole = strchr(answer, '\n') != NULL;
    int letter = '\0';
    while (!whole && (letter = fgetc(questions->in)) != '\n' && letter != EOF) {
    }
    return whole || (letter == EOF && strlen(answer) + 1 < QUESTIONS_ANSWER_BYTES_MAX);
}

/* A question: preset is what an empty answer means. False: there are no more answers. */
static bool questions__ask(struct questions *questions, const char *question, const char *preset,
                           char answer[QUESTIONS_ANSWER_BYTES_MAX])
{
    for (;;) {
        fprintf(questions->out, "%s [%s]: ", question, preset);
        fflush(questions->out);
        if (fgets(answer, QUESTIONS_ANSWER_BYTES_MAX, questions->in) == NULL) {
            fputc('\n', questions->out);
            return false;
        }
        if (questions__skip_rest(questions, answer)) {
            break;
        }
        char reason[64];
        snprintf(reason, sizeof reason, "expected at most %d bytes, found more",
                 QUESTIONS_ANSWER_BYTES_MAX - 2);
        questions__refuse(questions, reason);
    }
    size_t bytes = strcspn(answer, "\r\n");
    while (bytes > 0 && answer[bytes - 1] == ' ') {
        bytes--;
    }
    answer[bytes] = '\0';
    if (bytes == 0) {
        snprintf(answer, QUESTIONS_ANSWER_BYTES_MAX, "%s", preset);
    }
    return true;
}

static bool questions__ask_kind(struct questions *questions)
{
    char answer[QUESTIONS_ANSWER_BYTES_MAX];
    int64_t number = 0;
    int count = 0;
    fprintf(questions->out, "What is the server?\n");
    for (; STARTER_KINDS[count] != NULL; count++) {
        fprintf(questions->out, "  %d  %s\n", count + 1, STARTER_KINDS[count]->title);
    }
    while (number == 0) {
        struct error error;
        if (!questions__ask(questions, "Its number", "1", answer)) {
            return false;
        }
        if (!units_integer(answer, 1, count, &number, &error)) {
            questions__refuse(questions, error.text);
            number = 0;
        }
    }
    starter_set_defaults(&questions->starter, STARTER_KINDS[number - 1]);
    return true;
}

/* A URL where the kind has one, else HOST:PORT. */
static bool questions__ask_place(struct questions *questions)
{
    struct starter *starter = &questions->starter;
    const struct starter_kind *kind = starter->kind;
    char answer[QUESTIONS_ANSWER_BYTES_MAX];
    char preset[64];
    bool by_url = kind->path == STARTER_PATH_TEXT;
    snprintf(preset, sizeof preset, "%s%s127.0.0.1:%u%s", by_url ? kind->schemes[0] : "",
             by_url ? "://" : "", (unsigned)starter->port, by_url ? "/" : "");
    for (;;) {
        struct starter read = *starter;
        struct error error = {""};
        if (!questions__ask(questions, by_url ? "Its URL" : "Where is it? HOST:PORT", preset,
                            answer)) {
            return false;
        }
        bool is_url = url_is(answer);
        bool right =
            is_url ? url_read(answer, &read, &error) : url_read_address(answer, &read, &error);
        if (right && read.kind != kind) {
            error_set(&error, "expected a URL of %s or %s", kind->schemes[0], kind->schemes[1]);
            right = false;
        }
        if (right) {
            *starter = read;
            return true;
        }
        questions__refuse(questions, error.text);
    }
}

/* The word or its first letter, in any case. */
static bool questions__is_word(const char *answer, const char *word)
{
    size_t i = 0;
    while (answer[i] != '\0' && tolower((unsigned char)answer[i]) == word[i]) {
        i++;
    }
    return answer[i] == '\0' && (i == 1 || word[i] == '\0');
}

static bool questions__ask_frame(struct questions *questions)
{
    struct starter_frame *frame = &questions->starter.frame;
    char answer[QUESTIONS_ANSWER_BYTES_MAX];
    for (;;) {
        struct error error;
        if (!questions__ask(questions,
                            "Its header: the formats of the size and of the id (u8, u16, u24, "
                            "u32, with be: big-endian)",
                            "u16,u16", answer)) {
            return false;
        }
        if (starter_read_frame(answer, frame, &error)) {
            break;
        }
        questions__refuse(questions, error.text);
    }
    for (;;) {
        if (!questions__ask(questions, "Does the size count the header, too? yes or no", "yes",
                            answer)) {
            return false;
        }
        frame->counts_body = questions__is_word(answer, "no");
        if (frame->counts_body || questions__is_word(answer, "yes")) {
            return true;
        }
        questions__refuse(questions, "expected yes or no");
    }
}

static bool questions__ask_text(struct questions *questions)
{
    const struct starter_kind *kind = questions->starter.kind;
    for (;;) {
        struct error error;
        if (!questions__ask(questions, kind->asks_text, kind->text, questions->text)) {
            return false;
        }
        if (strcmp(questions->text, kind->text) == 0) {
            return true;
        }
        if (starter_check_text(kind, questions->text, &error)) {
            questions->starter.text = questions->text;
            return true;
        }
        questions__refuse(questions, error.text);
    }
}

static bool questions__ask_load(struct questions *questions)
{
    struct starter *starter = &questions->starter;
    char answer[QUESTIONS_ANSWER_BYTES_MAX];
    char preset[16];
    snprintf(preset, sizeof preset, "%" PRIu32, starter->connections);
    for (bool asks = true; asks;) {
        struct error error;
        int64_t count = 0;
        if (!questions__ask(questions, "How many connections", preset, answer)) {
            return false;
        }
        asks = !units_integer(answer, 1, QUESTIONS_CONNECTIONS_MAX, &count, &error);
        if (asks) {
            questions__refuse(questions, error.text);
        }
        starter->connections = (uint32_t)count;
    }
    for (bool asks = true; asks;) {
        struct error error;
        if (!questions__ask(questions, "How many requests per second; max: as many as it answers",
                            "max", answer)) {
            return false;
        }
        if (strcmp(answer, "max") == 0) {
            return true;
        }
        asks = !units_rate_per_s(answer, &starter->rate_per_s, &error) || starter->rate_per_s <= 0;
        if (asks) {
            questions__refuse(questions, "expected a rate above 0, such as 500, or max");
            starter->rate_per_s = 0;
        }
    }
    return true;
}

bool questions_ask(struct questions *questions, const char *file)
{
    char preset[64];
    if (!questions__ask_kind(questions) || !questions__ask_place(questions) ||
        (questions->starter.kind == &STARTER_FRAME && !questions__ask_frame(questions)) ||
        (questions->starter.kind->asks_text != NULL && !questions__ask_text(questions)) ||
        !questions__ask_load(questions)) {
        return false;
    }
    snprintf(preset, sizeof preset, "%s.json", questions->starter.kind->name);
    if (file != NULL) {
        snprintf(questions->file, sizeof questions->file, "%s", file);
        return true;
    }
    return questions__ask(questions, "The file to write", preset, questions->file);
}

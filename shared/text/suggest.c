#include "text/suggest.h"

#include <string.h>

static char suggest__lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter + ('a' - 'A')) : letter;
}

static size_t suggest__min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The optimal string alignment distance: insertions, deletions, replacements and swaps of
 * neighbours, no place edited twice. Three rows of the table are enough for it. */
static size_t suggest__distance(const char *a, size_t a_count, const char *b, size_t b_count)
{
    size_t rows[3][SUGGEST_WORD_BYTES_MAX + 1];
    for (size_t j = 0; j <= b_count; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_count; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *above_that = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_count; j++) {
            char x = suggest__lower(a[i - 1]);
            char y = suggest__lower(b[j - 1]);
            size_t best = above[j - 1] + (x == y ? 0 : 1);
            best = suggest__min(best, above[j] + 1);
            best = suggest__min(best, row[j - 1] + 1);
            if (i > 1 && j > 1 && x == suggest__lower(b[j - 2]) && suggest__lower(a[i - 2]) == y) {
                best = suggest__min(best, above_that[j - 2] + 1);
            }
            row[j] = best;
        }
    }
    return rows[a_count % 3][b_count];
}

const char *suggest_nearest(const char *word, const char *const *candidates, size_t count)
{
    size_t word_count = strlen(word);
    if (word_count == 0 || word_count > SUGGEST_WORD_BYTES_MAX) {
        return NULL;
    }
    size_t limit = word_count < 6 ? 1 : word_count / 3;
    const char *nearest = NULL;
    size_t nearest_distance = limit + 1;
    for (size_t i = 0; i < count; i++) {
        if (candidates[i] == NULL) {
            continue;
        }
        size_t candidate_count = strlen(candidates[i]);
        if (candidate_count == 0 || candidate_count > SUGGEST_WORD_BYTES_MAX) {
            continue;
        }
        size_t distance = suggest__distance(word, word_count, candidates[i], candidate_count);
        if (distance < nearest_distance) {
            nearest_distance = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

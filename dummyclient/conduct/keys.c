#include "conduct/keys.h"

#include "system/keyboard.h"

#include <stddef.h>

static const struct {
    char key;
    struct steer_order order;
} KEYS[] = {
    {'+', {.touch = {.kind = TOUCH_SCALE, .value = 1.1}, .text = "rate +10%"}},
    {'-', {.touch = {.kind = TOUCH_SCALE, .value = 0.9}, .text = "rate -10%"}},
    {' ', {.touch = {.kind = TOUCH_PAUSE}, .toggles = true, .text = "pause"}},
    {'q', {.touch = {.kind = TOUCH_END_RUN}, .text = "end of the run"}},
    {'m', {.kind = STEER_MARK, .text = "mark"}},
};

static void keys__pressed(void *context, char key)
{
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        if (KEYS[i].key == key) {
            struct error error; /* the supervisor prints it */
            int64_t at_ns;
            steer_submit(context, &KEYS[i].order, STEER_TERMINAL, &at_ns, &error);
        }
    }
}

const char *keys_open(struct steer *steer)
{
    if (!keyboard_open(keys__pressed, steer)) {
        return NULL;
    }
    return steer->plan->open_loop ? "keys: + - rate by 10%, space pause, m mark, q end"
                                  : "keys: m mark, q end";
}

void keys_close(void)
{
    keyboard_close();
}

#include "system/keyboard.h"

#include "system/thread.h"

#include <stdatomic.h>

#include <windows.h>

/* How soon the thread notices that it is to end. */
enum { KEYBOARD_LOOK_MS = 200 };

static struct {
    struct thread thread;
    bool open;
    HANDLE input;
    DWORD found; /* mode */
    atomic_bool raw;
    atomic_bool ends;
    void (*pressed)(void *context, char key);
    void *context;
} keyboard;

void keyboard_restore(void)
{
    if (atomic_exchange(&keyboard.raw, false)) {
        SetConsoleMode(keyboard.input, keyboard.found);
    }
}

static void keyboard__take(const INPUT_RECORD *record)
{
    const KEY_EVENT_RECORD *key = &record->Event.KeyEvent;
    bool pressed = record->EventType == KEY_EVENT && key->bKeyDown;
    for (WORD i = 0; pressed && key->uChar.AsciiChar > 0 && i < key->wRepeatCount; i++) {
        keyboard.pressed(keyboard.context, key->uChar.AsciiChar);
    }
}

static void keyboard__run(void *argument)
{
    (void)argument;
    while (!atomic_load(&keyboard.ends)) {
        INPUT_RECORD records[32];
        DWORD count = 0;
        if (WaitForSingleObject(keyboard.input, KEYBOARD_LOOK_MS) != WAIT_OBJECT_0) {
            continue;
        }
        if (!ReadConsoleInputA(keyboard.input, records, 32, &count)) {
            return; /* the console is gone */
        }
        for (DWORD i = 0; i < count; i++) {
            keyboard__take(&records[i]);
        }
    }
}

bool keyboard_open(void (*pressed)(void *context, char key), void *context)
{
    struct error error;
    DWORD mode = 0;
    keyboard.input = GetStdHandle(STD_INPUT_HANDLE);
    if (keyboard.open || !GetConsoleMode(GetStdHandle(STD_ERROR_HANDLE), &mode) ||
        !GetConsoleMode(keyboard.input, &keyboard.found)) {
        return false;
    }
    keyboard.pressed = pressed;
    keyboard.context = context;
    atomic_store(&keyboard.ends, false);
    /* Ctrl+C stays an event of its own (ENABLE_PROCESSED_INPUT). */
    mode = keyboard.found & ~(DWORD)(ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT);
    if (!SetConsoleMode(keyboard.input, mode)) {
        return false;
    }
    atomic_store(&keyboard.raw, true);
    keyboard.open = thread_start(&keyboard.thread, keyboard__run, NULL, 0, &error);
    if (!keyboard.open) {
        keyboard_restore();
    }
    return keyboard.open;
}

void keyboard_close(void)
{
    if (keyboard.open) {
        keyboard.open = false;
        atomic_store(&keyboard.ends, true);
        thread_join(&keyboard.thread);
        keyboard_restore();
    }
}

/* async-select: WSAAsyncSelect. Events of a socket are messages to a window, as clicks are: a
 * thread has a message-only window and a message loop.
 *
 * No limit of 64, but every event goes through the window manager, one message at a time, and a
 * message queue holds 10,000 (USERPostMessageLimit) before further messages are lost: so a thread
 * serves 3,000 sessions, each with three waiting messages at most. The system reports an event
 * once: "readable" again only after a receive, "writable" again only after a send that blocked,
 * "closed" never again. Reported events must be remembered until they are handled. A thread owns
 * its window, a shard and its sessions; the first one also accepts and hands connections out. */
#include "models/common/model_loop.h"
#include "models/common/winsock_win.h"

#include "system/host.h"

#include <winsock2.h>

enum {
    SESSIONS_MAX = 3000,
    BATCH_MAX = 256,
    MESSAGE_ACCEPT = WM_USER,
    MESSAGE_CONN = WM_APP,              /* the first of many, one for each connection */
    MESSAGES_CONN_MAX = 0xC000 - WM_APP /* all that a program may use as it likes */
};

static const wchar_t window_class[] = L"dummyserver-async-select";

struct conn {
    struct loop_conn base; /* first */
    struct conn *again_next;
    struct winsock_reported reported;
};

struct model_thread {
    struct loop_thread base; /* first */
    HANDLE wake_event;
    HWND window;
    int64_t polled_ns;
    struct conn *again; /* readable, which is not reported again */
    uint32_t next_message;
    bool accept_paused;
    MSG messages[BATCH_MAX];
    struct conn *conns[MESSAGES_CONN_MAX]; /* by their messages; base.slot is the place */
};

/* -------- open -------- */

static LRESULT CALLBACK window__handle(HWND window, UINT message, WPARAM wparam, LPARAM lparam);

static void thread__wake(struct model_thread *thread)
{
    SetEvent(thread->wake_event);
}

static bool thread__prepare(struct model_thread *thread, struct error *error)
{
    const WNDCLASSEXW class = {
        .cbSize = sizeof class,
        .lpfnWndProc = window__handle,
        .hInstance = GetModuleHandleW(NULL),
        .lpszClassName = window_class,
    };
    /* Stays for as long as the process: other threads, and another server, may be using it. */
    if (RegisterClassExW(&class) == 0 && GetLastError() != ERROR_CLASS_ALREADY_EXISTS) {
        error_set(error, "cannot make a class of windows: %s",
                  error_system_text((int)GetLastError()));
        return false;
    }
    thread->wake_event = CreateEventW(NULL, FALSE, FALSE, NULL); /* the wait resets it */
    if (thread->wake_event == NULL) {
        error_set(error, "cannot make an event: %s", error_system_text((int)GetLastError()));
    }
    return thread->wake_event != NULL;
}

static bool thread__select_listener(struct model_thread *thread)
{
    return WSAAsyncSelect((SOCKET)thread->base.listener, thread->window, MESSAGE_ACCEPT,
                          FD_ACCEPT) == 0;
}

/* In the thread: a window belongs to the one that made it. */
static bool thread__open(struct model_thread *thread, struct error *error)
{
    thread->window = CreateWindowExW(0, window_class, L"", 0, 0, 0, 0, 0, HWND_MESSAGE, NULL,
                                     GetModuleHandleW(NULL), NULL);
    if (thread->window == NULL) {
        error_set(error, "cannot make a window: %s", error_system_text((int)GetLastError()));
        /* A thread that was started later continues, and rejects its sessions. */
        return thread->base.index >= thread->base.server->options.threads;
    }
    SetWindowLongPtrW(thread->window, GWLP_USERDATA, (LONG_PTR)thread);
    if (thread->base.index == 0 && !thread__select_listener(thread)) {
        error_set(error, "cannot wait for the listener: %s", error_system_text(WSAGetLastError()));
        return false;
    }
    return true;
}

/* -------- accept -------- */

static void thread__accept(struct model_thread *thread, int64_t now_ns)
{
    if (loop_accepts(&thread->base, now_ns)) {
        loop_accept(&thread->base, now_ns);
        /* An accept makes Windows report the next connection. After one that found nothing, Wine
         * reports none, so there it is asked again; a connection that waits already is reported
         * immediately. */
        if (host_is_wine()) {
            thread__select_listener(thread);
        }
    }
    thread->accept_paused = thread->base.accept_resume_ns != 0;
}

/* Messages of a closed connection may still be in the queue when its socket's number is used again.
 * So each connection gets a different message, and messages are used in turn. */
static uint32_t thread__choose_message(struct model_thread *thread)
{
    uint32_t message = thread->next_message;
    while (thread->conns[message] != NULL) { /* SESSIONS_MAX are fewer: there is a free one */
        message = (message + 1) % MESSAGES_CONN_MAX;
    }
    thread->next_message = (message + 1) % MESSAGES_CONN_MAX;
    return message;
}

static void thread__adopt(struct model_thread *thread, struct conn *conn)
{
    struct loop_conn *base = &conn->base;
    base->slot = thread__choose_message(thread);
    thread->conns[base->slot] = conn;
    /* Input that has arrived already is reported, too; but under Wine not that the peer has closed.
     * So one receive is tried first. */
    conn->reported.readable = true;
    if (WSAAsyncSelect((SOCKET)base->handle, thread->window, MESSAGE_CONN + base->slot,
                       FD_READ | FD_WRITE | FD_CLOSE) != 0) {
        session_fail(&base->session, ERROR_KIND_LOCAL_LIMIT);
    }
}

/* -------- readable -------- */

static void thread__receive_again(struct model_thread *thread)
{
    struct conn *conn = thread->again;
    thread->again = NULL;
    for (; conn != NULL; conn = conn->again_next) {
        winsock_receive_reported(&thread->base, &conn->base, &conn->reported, thread->polled_ns);
    }
}

/* -------- writable -------- */

static void conn__handle(struct model_thread *thread, struct conn *conn, WORD event, WORD code)
{
    switch (event) {
    case FD_CLOSE:
        conn->reported.closed = true;
        if (code != 0) {
            session_fail(&conn->base.session, ERROR_KIND_RESET);
            return;
        }
        conn->reported.readable = true;
        break;
    case FD_READ:
        conn->reported.readable = true;
        break;
    case FD_WRITE:
        if (conn->base.wants_write) {
            loop_send(&conn->base);
        }
        return;
    default:
        return;
    }
    winsock_receive_reported(&thread->base, &conn->base, &conn->reported, thread->polled_ns);
}

static LRESULT CALLBACK window__handle(HWND window, UINT message, WPARAM wparam, LPARAM lparam)
{
    struct model_thread *thread =
        (struct model_thread *)(void *)GetWindowLongPtrW(window, GWLP_USERDATA);
    if (thread != NULL && message == MESSAGE_ACCEPT) {
        thread__accept(thread, thread->polled_ns);
        return 0;
    }
    if (thread == NULL || message < MESSAGE_CONN || message >= MESSAGE_CONN + MESSAGES_CONN_MAX) {
        return DefWindowProcW(window, message, wparam, lparam);
    }
    struct conn *conn = thread->conns[message - MESSAGE_CONN];
    if (conn != NULL && conn->base.handle == (cport_handle)wparam) {
        conn__handle(thread, conn, WSAGETSELECTEVENT(lparam), WSAGETSELECTERROR(lparam));
    }
    return 0;
}

/* -------- close -------- */

static void thread__advance(struct model_thread *thread, struct conn *conn, int64_t now_ns)
{
    if (!loop_advance(&conn->base, now_ns)) {
        thread->conns[conn->base.slot] = NULL;
        loop_free(&conn->base);
        return;
    }
    if (conn->reported.readable && conn->base.wants_read && !conn->base.session.dirty) {
        conn->again_next = thread->again;
        thread->again = conn;
    }
}

/* -------- run -------- */

/* Waits, then takes what is in the queue. Returns how many messages. */
static int thread__wait(struct model_thread *thread, int64_t deadline_ns)
{
    DWORD wait_ms = thread->again != NULL ? 0 : (DWORD)loop_wait_ms(deadline_ns);
    int count = 0;
    /* MWMO_INPUTAVAILABLE: also for messages that the last turn has left in the queue. */
    if (MsgWaitForMultipleObjectsEx(1, &thread->wake_event, wait_ms, QS_ALLINPUT,
                                    MWMO_INPUTAVAILABLE) == WAIT_FAILED) {
        return -1; /* messages stay in the queue */
    }
    while (count < BATCH_MAX && PeekMessageW(&thread->messages[count], NULL, 0, 0, PM_REMOVE)) {
        thread->base.recorder->port.syscalls++;
        count++;
    }
    return count;
}

static void thread__handle(struct model_thread *thread, int count, int64_t polled_ns)
{
    thread->polled_ns = polled_ns;
    for (int i = 0; i < count; i++) {
        DispatchMessageW(&thread->messages[i]); /* calls window__handle() */
    }
    thread__receive_again(thread);
    if (thread->accept_paused && loop_accepts(&thread->base, polled_ns)) {
        thread__accept(thread, polled_ns);
    }
}

/* In the thread: only the owner of a window may destroy it. */
static void thread__leave(struct model_thread *thread)
{
    if (thread->window != NULL) {
        DestroyWindow(thread->window);
    }
}

static void thread__close(struct model_thread *thread)
{
    if (thread->wake_event != NULL) {
        CloseHandle(thread->wake_event);
    }
}

static const struct loop_model functions = {
    .io = "async-select",
    .thread_bytes = sizeof(struct model_thread),
    .conn_bytes = sizeof(struct conn),
    .prepare = thread__prepare,
    .open = thread__open,
    .wait = thread__wait,
    .handle = thread__handle,
    .adopt = thread__adopt,
    .advance = thread__advance,
    .wake = thread__wake,
    .leave = thread__leave,
    .close = thread__close,
};

const struct model MODEL(async_select) = {
    .name = "async-select",
    .description = "readiness: WSAAsyncSelect, window messages to a message-only window per thread",
    .kind = MODEL_REACTOR,
    .sessions_per_thread_max = SESSIONS_MAX,
    LOOP_MODEL(&functions),
};

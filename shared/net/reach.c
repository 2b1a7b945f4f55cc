#include "net/reach.h"

#include "core/clock.h"
#include "core/must.h"
#include "net/attempt.h"

/* RFC 8305, section 5: the Connection Attempt Delay. */
#define NET_REACH_DELAY_NS (250 * NS_PER_MS)

static int reach__connected(const struct net_attempt *attempts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (attempts[i].state == NET_ATTEMPT_CONNECTED) {
            return (int)i;
        }
    }
    return NET_REACH_NONE;
}

static bool reach__all_failed(const struct net_attempt *attempts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (attempts[i].state != NET_ATTEMPT_FAILED) {
            return false;
        }
    }
    return true;
}

int net_reach(const struct net_address *addresses, uint32_t count, int64_t within_ns)
{
    struct net_attempt attempts[NET_REACH_ADDRESSES_MAX];
    uint32_t begun = 0;
    int reached = NET_REACH_NONE;
    int64_t now_ns = clock_now_ns();
    int64_t end_ns = now_ns + within_ns;
    int64_t next_ns = now_ns;
    must(count > 0 && count <= NET_REACH_ADDRESSES_MAX);
    while (reached == NET_REACH_NONE && now_ns < end_ns) {
        bool failed = reach__all_failed(attempts, begun);
        if (failed && begun + 1 >= count) {
            reached = (int)count - 1;
            break;
        }
        if (begun < count && (failed || now_ns >= next_ns)) {
            net_attempt_begin(&attempts[begun], &addresses[begun]);
            begun++;
            next_ns = now_ns + NET_REACH_DELAY_NS;
        } else {
            int64_t until_ns = begun < count && next_ns < end_ns ? next_ns : end_ns;
            net_attempts_await(attempts, begun, until_ns - now_ns);
        }
        reached = reach__connected(attempts, begun);
        now_ns = clock_now_ns();
    }
    for (uint32_t i = 0; i < begun; i++) {
        net_attempt_end(&attempts[i]);
    }
    return reached;
}

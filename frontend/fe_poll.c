// SPDX-License-Identifier: GPL-2.0-only
/*
 * Polling before sleeping. A sleeping wake-up across CPUs costs 25 to 30 us, a look at the ring
 * 0.1 us; so when answers have been coming within about that time, it pays to look for a moment.
 * How long waits took lately, slept through or not, decides; a wait that was long (a heavy frame)
 * pushes polling out by itself. Where there are more runnable threads than CPUs, polling takes the
 * CPU away from the one waited for: that shows as a jump of the clock, and stops it for a while.
 */
#include "fe_priv.h"

#define POLL_MAX_NS	40000u		/* one poll; also how long waits may be for it to pay */
#define WAIT_CAP_NS	400000u		/* one slow frame shall not count for a hundred */
#define PREEMPTED_NS	20000u		/* two looks are 1 us apart, or the CPU was taken away */
#define SIT_OUT		256u		/* waits without polling after being preempted */
#define LOOKS		16u		/* looks at the ring between looks at the clock */

static void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#endif
}

static bool something_there(const struct fe_session *s)
{
	return *(const volatile RING_IDX *)&s->ring.r.sring->rsp_prod != s->ring.r.rsp_cons;
}

bool fe_session_spin(struct fe_session *s)
{
	struct fe_poll *p = &s->poll;
	uint64_t start_ns, last_ns, now_ns;
	unsigned int i;

	if (s->lost || something_there(s))
		return true;
	if (!s->table.n_in_flight || p->mean_wait_ns > POLL_MAX_NS)
		return false;
	if (p->off) {
		p->off--;
		return false;
	}
	start_ns = last_ns = fe_now_ns();
	do {
		for (i = 0; i < LOOKS; i++) {
			if (something_there(s)) {
				s->stats.polls_paid++;
				return true;
			}
			cpu_relax();
		}
		now_ns = fe_now_ns();
		if (now_ns - last_ns > PREEMPTED_NS) {
			p->off = SIT_OUT;
			break;
		}
		last_ns = now_ns;
	} while (now_ns - start_ns < POLL_MAX_NS);
	s->stats.polls_vain++;
	return false;
}

void fe_session_slept(struct fe_session *s, uint64_t waited_ns)
{
	if (waited_ns > WAIT_CAP_NS)
		waited_ns = WAIT_CAP_NS;
	s->poll.mean_wait_ns += (waited_ns >> 3) - (s->poll.mean_wait_ns >> 3);
}

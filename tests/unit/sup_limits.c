// SPDX-License-Identifier: GPL-2.0-only
/* What a supervisor tells a worker of limits that changed; without processes, one message. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "sup.h"

TEST(sup_limits, told_to_those_that_serve)
{
	static struct sup_device dev = { .limits.max_fps = 30 };
	struct sup_session session = { .dev = &dev };
	struct sup_worker w = { .session = &session };
	int pair[2], fds[CTL_MAX_FDS];
	static struct ctl_msg msg;
	unsigned int n_fds;
	int state;

	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	w.sock = pair[0];
	for (state = WORKER_STARTING; state < WORKER_N_STATES; state++) {
		const bool serves = state == WORKER_BINDING || state == WORKER_SERVING;

		w.state = (enum worker_state)state;
		dev.limits.max_fps++;
		CHECK_EQ(sup_worker_limits(&w), 0);
		CHECK_EQ(ctl_recv(pair[1], &msg, fds, &n_fds), serves);
		if (!serves)
			continue;
		CHECK_EQ(msg.type, CTL_LIMITS);
		CHECK_EQ(msg.u.limits.max_fps, dev.limits.max_fps);
	}
	close(pair[1]);
	w.state = WORKER_SERVING;
	CHECK_EQ(sup_worker_limits(&w), -EPIPE);
	close(pair[0]);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests out, answers in. Every answer is checked against the table of what is in flight before
 * anybody hears of it.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include <xen/errno.h>

#include "fe_priv.h"
#include "request.h"

uint32_t fe_session_free(const struct fe_session *s)
{
	return ring_front_free(&s->ring);
}

uint32_t fe_session_in_flight(const struct fe_session *s)
{
	return s->table.n_in_flight;
}

int fe_session_fd(const struct fe_session *s)
{
	return evt_fd(s->evt);
}

int fe_post(struct fe_session *s, struct vgpuif_request *req, fe_done_fn done, void *arg,
	    uint64_t *ticket)
{
	struct fe_pending *p;

	if (s->lost)
		return -ENOTCONN;
	if (!ring_front_free(&s->ring))
		return -EAGAIN;
	p = fe_table_add(&s->table, req, done, arg);
	if (!p)
		return -EAGAIN;
	ring_front_put(&s->ring, req);
	s->stats.requests++;
	if (ticket)
		*ticket = p->ticket;
	return 0;
}

void fe_session_flush(struct fe_session *s)
{
	if (ring_front_push(&s->ring)) {
		evt_notify(s->evt);
		s->stats.notifies++;
	}
}

/* The owner's callback, and one for each request that will never be answered. Once. */
static int report_loss(struct fe_session *s)
{
	struct vgpuif_response rsp = { .status = -XEN_ENODEV };
	struct fe_pending *p;

	if (s->reported)
		return -ENOTCONN;
	s->reported = true;
	while ((p = TAILQ_FIRST(&s->table.in_flight))) {
		struct vgpuif_request req = p->req;
		fe_done_fn done = p->done;

		rsp.id = req.id;
		rsp.operation = req.operation;
		fe_table_take(&s->table, &rsp);
		if (done)
			done(p->arg, &req, &rsp);
	}
	if (s->on_lost)
		s->on_lost(s->on_lost_arg, s->why);
	return -ENOTCONN;
}

static bool octets_zero(const uint8_t *octets, size_t bytes)
{
	uint8_t any = 0;

	while (bytes--)
		any |= *octets++;
	return any == 0;
}

/* An error answers no data; a success just its operation's own octets. */
static bool response_clean(const struct vgpuif_response *rsp)
{
	size_t used = 0;

	if (rsp->status > 0 || rsp->reserved1 || !octets_zero(rsp->reserved0,
							      sizeof(rsp->reserved0)))
		return false;
	if (!rsp->status && rsp->operation == VGPUIF_OP_CAPSET_INFO)
		used = sizeof(rsp->u.capset_info);
	else if (!rsp->status && rsp->operation == VGPUIF_OP_CAPSET_GET)
		used = sizeof(rsp->u.capset_get);
	return octets_zero(rsp->u.octets + used, sizeof(rsp->u.octets) - used);
}

static int take_response(struct fe_session *s, const struct vgpuif_response *rsp)
{
	struct vgpuif_request req;
	struct fe_pending *p;
	fe_done_fn done;
	void *arg;

	p = response_clean(rsp) ? fe_table_take(&s->table, rsp) : NULL;
	if (!p) {
		fe_session_lose(s, "the backend broke the protocol: a response (id 0x%x, operation "
				"%u %s, status %d) that answers nothing that was asked", rsp->id,
				rsp->operation, request_name(rsp->operation), rsp->status);
		return -EPROTO;
	}
	/* The callback may post, and get this very slot. */
	req = p->req;
	done = p->done;
	arg = p->arg;
	s->stats.responses++;
	if (rsp->status)
		s->stats.errors++;
	else if (req.operation == VGPUIF_OP_SUBMIT && (req.flags & VGPUIF_SUBMIT_FENCE))
		s->stats.fences++;
	if (done)
		done(arg, &req, rsp);
	return 0;
}

int fe_session_process(struct fe_session *s)
{
	struct vgpuif_response rsp;
	int n = 0, ret;

	if (s->lost)
		return report_loss(s);
	while (!s->lost && (ret = ring_front_get(&s->ring, &rsp)) != 0) {
		if (ret < 0) {
			fe_session_lose(s, "the backend broke the protocol: more responses than "
					"requests");
			break;
		}
		if (take_response(s, &rsp))
			break;
		n++;
	}
	if (s->n_dying)
		fe_buf_retry(s);
	return s->lost ? report_loss(s) : n;
}

bool fe_session_arm(struct fe_session *s, uint64_t ticket)
{
	uint32_t n = 1;

	fe_session_flush(s);
	if (s->lost)
		return true;
	/*
	 * The event that ended the last sleep is taken only now, when the answers it announced have
	 * gone where they were waited for. None is lost: what comes from here on is either seen
	 * below or announced anew.
	 */
	if (s->event_due && evt_pending(s->evt) > 0) {
		s->stats.events++;
		evt_unmask(s->evt);
	}
	s->event_due = false;
	if (ticket)
		n = fe_table_until(&s->table, ticket);
	if (n <= 1)
		return ring_front_sleep(&s->ring);
	/*
	 * One event for the lot: what is executed in order is answered by then, so the last of
	 * them is what is waited for. Who waits has a time-out, in case they come otherwise.
	 */
	*(volatile RING_IDX *)&s->ring.r.sring->rsp_event = s->ring.r.rsp_cons + n;
	xen_mb();
	return *(volatile RING_IDX *)&s->ring.r.sring->rsp_prod != s->ring.r.rsp_cons;
}

void fe_session_woken(struct fe_session *s)
{
	s->event_due = true;
}

#define WAIT_STEP_MS	100u	/* the time-out that fe_session_arm() speaks of */

int fe_session_wait(struct fe_session *s, bool (*done)(void *arg), void *arg, int client,
		    unsigned int timeout_ms)
{
	const uint64_t start_ns = fe_now_ns();
	const uint64_t deadline_ns = start_ns + (uint64_t)timeout_ms * 1000000u;
	struct pollfd fds[3] = {
		{ .fd = fe_session_fd(s), .events = POLLIN },
		{ .fd = fe_device_fd(s->dev), .events = POLLIN },
		{ .fd = client, .events = POLLRDHUP },
	};
	uint64_t now_ns;

	for (;;) {
		fe_session_flush(s);
		if (fe_session_process(s) < 0)
			return -ENOTCONN;
		if (done(arg)) {
			fe_session_slept(s, fe_now_ns() - start_ns);
			return 0;
		}
		if (fe_session_spin(s) || fe_session_arm(s, s->table.last_ticket))
			continue;
		now_ns = fe_now_ns();
		if (now_ns >= deadline_ns)
			return -ETIMEDOUT;
		now_ns = (deadline_ns - now_ns) / 1000000u + 1;
		if (poll(fds, 3, (int)(now_ns < WAIT_STEP_MS ? now_ns : WAIT_STEP_MS)) <= 0)
			continue;
		if (fds[2].revents)
			return -ECANCELED;
		if (fds[0].revents)
			fe_session_woken(s);
		if (fds[1].revents)
			fe_device_process(s->dev);
	}
}

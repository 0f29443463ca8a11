// SPDX-License-Identifier: GPL-2.0-only
/*
 * A session: what the actions of its table in sup_fsm.c do. Its end is always the same: the worker
 * is dead first, and only then is state 6 written, because 6 tells the guest that its pages are no
 * longer mapped by anybody.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sup.h"

#define NO_EVENT	SES_N_EVENTS

static bool is_active(enum ses_state state)
{
	return state >= SES_WAIT && state <= SES_KILLING;
}

/* "domain 3 (web) vgpu 0 session 1" */
static const char *who(const struct sup_session *s)
{
	static char text[128];

	snprintf(text, sizeof(text), "domain %u (%s) vgpu %u session %u", s->dev->dom->domid,
		 s->dev->dom->name, s->dev->devid, s->index);
	return text;
}

struct sup_session *sup_session_get(struct sup_device *dev, uint32_t index)
{
	struct sup_session *s = dev->sessions[index];

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s) {
		log_error("no memory for a session of domain %u", dev->dom->domid);
		/* Its frontend has said all it has to say. */
		dev->sup->look_again = true;
		return NULL;
	}
	s->dev = dev;
	s->index = index;
	s->state = SES_IDLE;
	s->order = UINT32_MAX;
	dev->sessions[index] = s;
	dev->n_sessions++;
	return s;
}

void sup_session_adopt_closed(struct sup_device *dev, uint32_t index)
{
	struct sup_session *s = sup_session_get(dev, index);

	if (!s)
		return;
	s->state = SES_CLOSED;
	s->dirty = true;
	store_session_state(s, XenbusStateClosed, "xengpud was restarted");
}

void sup_session_free(struct sup_session *s)
{
	loop_timer_cancel(&s->dev->sup->loop, &s->timer);
	s->dev->sessions[s->index] = NULL;
	s->dev->n_sessions--;
	free(s);
}

void sup_session_fail(struct sup_session *s, const char *fmt, ...)
{
	va_list ap;

	if (s->error[0])
		return;
	va_start(ap, fmt);
	vsnprintf(s->error, sizeof(s->error), fmt, ap);
	va_end(ap);
}

/* --- what the table's actions do; each returns the event that follows from it, or NO_EVENT --- */

static void release_ring(struct sup_session *s)
{
	if (!s->held)
		return;
	gnt_grant_close(&s->ring);
	evt_close(s->evt);
	s->evt = NULL;
	s->held = false;
}

static void set_timer(struct sup_session *s, uint32_t delay_ms);

static void on_timeout(void *arg)
{
	struct sup_session *s = arg;

	switch (s->state) {
	case SES_WAIT:
		/* Those that are being started have a limit of their own, and tell if they fail. */
		if (s->dev->sup->pool.n_in_state[WORKER_STARTING]) {
			set_timer(s, SUP_WAIT_MS);
			return;
		}
		sup_session_fail(s, "no renderer became free within %u s",
				 (unsigned int)((loop_now_ns() - s->opened_ns) / 1000000000u));
		break;
	case SES_BINDING:
		sup_session_fail(s, "the worker did not answer within %u s and was killed",
				 SUP_BOUND_MS / 1000);
		break;
	default:
		sup_session_fail(s, "the worker did not end within %u s and was killed",
				 SUP_CLOSE_MS / 1000);
		break;
	}
	sup_session_event(s, SES_EV_TIMEOUT);
}

static void set_timer(struct sup_session *s, uint32_t delay_ms)
{
	loop_timer_set(&s->dev->sup->loop, &s->timer, delay_ms, on_timeout, s);
}

static int hold_ring(struct sup_session *s)
{
	struct sup *sup = s->dev->sup;
	const uint16_t domid = s->dev->dom->domid;
	int err;

	err = gnt_map_refs(sup->plat, domid, s->refs, 1u << s->order, true, &s->ring);
	sup->map_calls++;
	if (err) {
		sup_session_fail(s, "the ring's pages cannot be mapped (%s): is every ring-ref "
				 "granted, writable, to domain %u?", strerror(-err), sup->domid);
		return err;
	}
	sup->map_pages += 1u << s->order;
	err = evt_bind(sup->plat, domid, s->port, &s->evt);
	if (err) {
		sup_session_fail(s, "event channel %u cannot be bound (%s): is it offered to "
				 "domain %u?", s->port, strerror(-err), sup->domid);
		gnt_grant_close(&s->ring);
		return err;
	}
	s->held = true;
	return 0;
}

static enum ses_event act_open(struct sup_session *s)
{
	char why[CTL_MAX_TEXT];

	s->error[0] = '\0';
	s->renewed = false;
	s->order = UINT32_MAX;
	if (s->index >= s->dev->limits.sessions) {
		sup_session_fail(s, "session %u is out of range: the maximum is %u", s->index,
				 s->dev->limits.sessions - 1);
		return SES_EV_REFUSED;
	}
	if (store_session_params(s, why)) {
		sup_session_fail(s, "%s", why);
		return SES_EV_REFUSED;
	}
	if (hold_ring(s))
		return SES_EV_REFUSED;
	s->opened_ns = loop_now_ns();
	set_timer(s, SUP_WAIT_MS);
	sup_pool_wait(s);
	return NO_EVENT;
}

static enum ses_event act_bind(struct sup_session *s)
{
	struct sup_worker *w = sup_pool_take(s->dev->sup);
	int err;

	if (!w) {
		/* It was there when SES_EV_WORKER was said, and ended since. */
		sup_session_fail(s, "no renderer is free");
		return SES_EV_DEAD;
	}
	sup_pool_forget(s);
	err = sup_worker_bind(w, s);
	set_timer(s, SUP_BOUND_MS);
	if (err) {
		sup_session_fail(s, "the worker does not take the session: %s", strerror(-err));
		return SES_EV_REFUSED;
	}
	/* The worker has copies, and only it is to have any. */
	release_ring(s);
	return NO_EVENT;
}

static enum ses_event act_connected(struct sup_session *s)
{
	loop_timer_cancel(&s->dev->sup->loop, &s->timer);
	s->dev->n_open++;
	s->dev->sessions_total++;
	store_session_state(s, XenbusStateConnected, NULL);
	log_line(LOG_LEVEL_INFO, &s->dev->dom->rate, "%s: open on %s (worker %d, ring of %u pages)",
		 who(s), s->worker->ready.renderer, (int)s->worker->pid, 1u << s->order);
	return NO_EVENT;
}

static enum ses_event act_close(struct sup_session *s)
{
	set_timer(s, SUP_CLOSE_MS);
	sup_worker_close(s->worker);
	return NO_EVENT;
}

static enum ses_event act_linger(struct sup_session *s)
{
	set_timer(s, SUP_CLOSE_MS);
	return NO_EVENT;
}

static enum ses_event act_kill(struct sup_session *s)
{
	loop_timer_cancel(&s->dev->sup->loop, &s->timer);
	sup_worker_kill(s->worker);
	return NO_EVENT;
}

static void log_end(struct sup_session *s)
{
	const struct ctl_stats *c = &s->last;
	const uint64_t ms = (loop_now_ns() - s->opened_ns) / 1000000u;

	log_line(s->error[0] ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, &s->dev->dom->rate,
		 "%s: closed%s%s after %llu.%03llu s: requests=%llu errors=%llu submits=%llu "
		 "fences=%llu events_in=%llu notifies_out=%llu map_ops=%llu pages_mapped_max=%llu "
		 "command_bytes=%llu command_bytes_copied=%llu surface_bytes_copied=%llu "
		 "transfers=%llu",
		 who(s), s->error[0] ? ": " : "", s->error, (unsigned long long)(ms / 1000),
		 (unsigned long long)(ms % 1000), (unsigned long long)c->requests,
		 (unsigned long long)c->errors, (unsigned long long)c->submits,
		 (unsigned long long)c->fences, (unsigned long long)c->events_in,
		 (unsigned long long)c->notifies_out, (unsigned long long)c->map_ops,
		 (unsigned long long)c->pages_mapped_max, (unsigned long long)c->command_bytes,
		 (unsigned long long)c->command_bytes_copied,
		 (unsigned long long)c->surface_bytes_copied, (unsigned long long)c->transfers);
}

static enum ses_event act_closed(struct sup_session *s)
{
	loop_timer_cancel(&s->dev->sup->loop, &s->timer);
	sup_pool_forget(s);
	release_ring(s);
	s->renewed = false;
	if (s->opened_ns)
		log_end(s);
	else if (s->error[0])
		log_line(LOG_LEVEL_WARNING, &s->dev->dom->rate, "%s: refused: %s", who(s),
			 s->error);
	s->opened_ns = 0;
	memset(&s->last, 0, sizeof(s->last));
	if (!s->dev->removed)
		store_session_state(s, XenbusStateClosed, s->error[0] ? s->error : NULL);
	return NO_EVENT;
}

static enum ses_event act_forget(struct sup_session *s)
{
	store_session_remove(s);
	s->error[0] = '\0';
	return NO_EVENT;
}

static enum ses_event (*const actions[SES_N_ACTIONS])(struct sup_session *s) = {
	[SES_ACT_OPEN] = act_open,
	[SES_ACT_BIND] = act_bind,
	[SES_ACT_CONNECTED] = act_connected,
	[SES_ACT_CLOSE] = act_close,
	[SES_ACT_LINGER] = act_linger,
	[SES_ACT_KILL] = act_kill,
	[SES_ACT_CLOSED] = act_closed,
	[SES_ACT_FORGET] = act_forget,
	[SES_ACT_FREE] = act_forget,
};

static void count(struct sup_session *s, enum ses_state before, enum ses_state after)
{
	struct sup_device *dev = s->dev;

	if (is_active(after) && !is_active(before))
		dev->n_active++;
	if (!is_active(after) && is_active(before))
		dev->n_active--;
	if (before == SES_OPEN && after != SES_OPEN)
		dev->n_open--;
}

void sup_session_event(struct sup_session *s, enum ses_event event)
{
	while (event != NO_EVENT) {
		const struct ses_cell cell = fsm_ses(s->state, event);
		const enum ses_state before = s->state;

		if (cell.next != before) {
			log_line(LOG_LEVEL_DEBUG, &s->dev->dom->rate, "%s: %s: %s -> %s", who(s),
				 fsm_ses_event_name(event), fsm_ses_state_name(before),
				 fsm_ses_state_name(cell.next));
			count(s, before, cell.next);
			s->state = cell.next;
			/* Its frontend may have gone on in the meantime. */
			s->dirty = true;
			sup_device_dirty(s->dev);
		}
		event = actions[cell.action] ? actions[cell.action](s) : NO_EVENT;
	}
}

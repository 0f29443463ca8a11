// SPDX-License-Identifier: GPL-2.0-only
/*
 * The supervisor's two tables, every cell: what is written here, by hand, is what README.md's
 * pictures say; a changed cell has to be changed in both. Below, what must hold whatever the cells
 * say in detail.
 */
#include <stdbool.h>
#include <string.h>

#include "harness.h"
#include "sup_fsm.h"

/* --- every cell ------------------------------------------------------------------------------ */

struct dev_row {
	enum dev_state state;
	const char *next[DEV_N_EVENTS];		/* "state" or "state:action"; NULL: nothing */
};

static const char *const dev_actions[DEV_N_ACTIONS] = {
	[DEV_ACT_NONE] = "", [DEV_ACT_PUBLISH] = "publish", [DEV_ACT_CONNECT] = "connect",
	[DEV_ACT_CLOSE] = "close", [DEV_ACT_CLOSED] = "closed", [DEV_ACT_RESET] = "reset",
	[DEV_ACT_REFUSE] = "refuse", [DEV_ACT_FAIL] = "fail", [DEV_ACT_BAN] = "ban", [DEV_ACT_CLEAR] = "clear",
	[DEV_ACT_ABANDON] = "abandon", [DEV_ACT_FREE] = "free",
};

/* In the order of enum dev_event:
 *   removed, offline, stop, ban, allow,
 *   frontend: initialising, connects, other version, closing, closed, gone,
 *   renderer up, renderer down, idle
 */
#define __ NULL
static const struct dev_row dev_rows[] = {
	{ DEV_INIT, { "gone:abandon", "offline:close", "stopped", "banned:ban", __,
		      __, "reset:reset", "reset:reset", "reset:reset", __, "closed:closed",
		      "wait:publish", "failed:fail", __ } },
	{ DEV_WAIT, { "gone:abandon", "offline:close", "stopping:close", "banning:close", __,
		      __, "connected:connect", "refused:refuse",
		      "closing:close", __, "closing:close",
		      __, __, __ } },
	{ DEV_CONNECTED, { "gone:abandon", "offline:close", "stopping:close", "banning:close", __,
			   "closing:close", __, __,
			   "closing:close", "closing:close", "closing:close",
			   __, __, __ } },
	{ DEV_CLOSING, { "gone:abandon", "offline", "stopping", "banning", __,
			 __, __, __, __, __, __,
			 __, __, "closed:closed" } },
	{ DEV_CLOSED, { "gone:abandon", "offline:close", "stopped", "banned:ban", __,
			"init", __, __, __, __, __,
			__, __, __ } },
	{ DEV_RESET, { "gone:abandon", "offline:close", "stopped", "banned:ban", __,
		       "init", __, __, __, "init", "closed",
		       __, __, __ } },
	{ DEV_REFUSED, { "gone:abandon", "offline:close", "stopped", "banned:ban", __,
			 "init:clear", __, __, __, __, __,
			 __, __, __ } },
	{ DEV_FAILED, { "gone:abandon", "offline:close", "stopped", "banned:ban", __,
			__, __, __, __, __, __,
			"init:clear", __, __ } },
	{ DEV_BANNING, { "gone:abandon", "offline", "stopping", __, __,
			 __, __, __, __, __, __,
			 __, __, "banned:ban" } },
	{ DEV_BANNED, { "gone:abandon", "offline:close", "stopped", __, "init:clear",
			__, __, __, __, __, __,
			__, __, __ } },
	{ DEV_OFFLINE, { "gone:abandon", __, __, __, __,
			 __, __, __, __, __, __,
			 __, __, "unplugged:closed" } },
	{ DEV_UNPLUGGED, { "gone:abandon", __, "stopped", __, __,
			   __, __, __, __, __, __,
			   __, __, __ } },
	{ DEV_STOPPING, { "gone:abandon", __, __, __, __,
			  __, __, __, __, __, __,
			  __, __, "stopped:closed" } },
	{ DEV_STOPPED, { "gone:abandon", __, __, __, __,
			 __, __, __, __, __, __,
			 __, __, __ } },
	{ DEV_GONE, { __, __, __, __, __,
		      __, __, __, __, __, __,
		      __, __, "gone:free" } },
};

static void check_cell(const char *state, const char *event, const char *want, const char *next,
		       const char *action, bool stays)
{
	char got[64];

	snprintf(got, sizeof(got), "%s%s%s", next, action[0] ? ":" : "", action);
	if (!want && stays && !action[0])
		return;
	if (!want || strcmp(got, want))
		harness_fail(__FILE__, __LINE__, "%s on '%s': %s, not %s", state, event, got,
			     want ? want : "nothing");
}

TEST(sup_fsm, device_every_cell)
{
	bool seen[DEV_N_STATES] = { false };
	size_t i;
	int event;

	for (i = 0; i < sizeof(dev_rows) / sizeof(dev_rows[0]); i++) {
		const enum dev_state state = dev_rows[i].state;

		seen[state] = true;
		for (event = 0; event < DEV_N_EVENTS; event++) {
			struct dev_cell cell = fsm_dev(state, event);

			check_cell(fsm_dev_state_name(state), fsm_dev_event_name(event),
				   dev_rows[i].next[event], fsm_dev_state_name(cell.next),
				   dev_actions[cell.action], cell.next == state);
		}
	}
	for (i = DEV_INIT; i < DEV_N_STATES; i++)
		CHECK(seen[i]);
}

struct ses_row {
	enum ses_state state;
	const char *next[SES_N_EVENTS];
};

static const char *const ses_actions[SES_N_ACTIONS] = {
	[SES_ACT_NONE] = "", [SES_ACT_OPEN] = "open", [SES_ACT_BIND] = "bind",
	[SES_ACT_CONNECTED] = "connected", [SES_ACT_CLOSE] = "close", [SES_ACT_LINGER] = "linger",
	[SES_ACT_KILL] = "kill", [SES_ACT_CLOSED] = "closed", [SES_ACT_FORGET] = "forget",
	[SES_ACT_FREE] = "free",
};

/* In the order of enum ses_event:
 *   frontend: idle, asks, asks anew, closes, gone,
 *   close, abort,
 *   worker: free, none, (refused), bound, ended, dead,
 *   timeout
 */
static const struct ses_row ses_rows[] = {
	{ SES_IDLE, { __, "wait:open", "wait:open", "closed:closed", "freed:free",
		      __, __,
		      __, __, __, __, __, __,
		      __ } },
	{ SES_WAIT, { "closed:closed", __, __, "closed:closed", "closed:closed",
		      "closed:closed", "closed:closed",
		      "binding:bind", "closed:closed", "closed:closed", __, __, __,
		      "closed:closed" } },
	{ SES_BINDING, { "closing:close", __, __, "closing:close", "closing:close",
			 "closing:close", "killing:kill",
			 __, __, "killing:kill",
			 "open:connected", "closing:linger", "closed:closed",
			 "killing:kill" } },
	{ SES_OPEN, { "closing:close", __, __, "closing:close", "closing:close",
		      "closing:close", "killing:kill",
		      __, __, __, __, "closing:linger", "closed:closed",
		      __ } },
	{ SES_CLOSING, { __, __, __, __, __,
			 __, "killing:kill",
			 __, __, __, __, __, "closed:closed",
			 "killing:kill" } },
	{ SES_KILLING, { __, __, __, __, __,
			 __, __,
			 __, __, __, __, __, "closed:closed",
			 __ } },
	{ SES_CLOSED, { "idle:forget", __, "wait:open", __, "freed:free",
			__, __,
			__, __, __, __, __, __,
			__ } },
	{ SES_FREED, { __, __, __, __, __,
		       __, __,
		       __, __, __, __, __, __,
		       __ } },
};
#undef __

TEST(sup_fsm, session_every_cell)
{
	bool seen[SES_N_STATES] = { false };
	size_t i;
	int event;

	for (i = 0; i < sizeof(ses_rows) / sizeof(ses_rows[0]); i++) {
		const enum ses_state state = ses_rows[i].state;

		seen[state] = true;
		for (event = 0; event < SES_N_EVENTS; event++) {
			struct ses_cell cell = fsm_ses(state, event);

			check_cell(fsm_ses_state_name(state), fsm_ses_event_name(event),
				   ses_rows[i].next[event], fsm_ses_state_name(cell.next),
				   ses_actions[cell.action], cell.next == state);
		}
	}
	for (i = SES_IDLE; i < SES_N_STATES; i++)
		CHECK(seen[i]);
}

/* --- what must hold in any table ------------------------------------------------------------- */

static bool has_worker(enum ses_state state)
{
	return state == SES_BINDING || state == SES_OPEN || state == SES_CLOSING ||
	       state == SES_KILLING;
}

/* The guest is told that its pages are free (6) when no worker can have them, and not before. */
TEST(sup_fsm, pages_are_given_back_by_the_dead_only)
{
	int state, event;

	for (state = SES_IDLE; state < SES_N_STATES; state++) {
		for (event = 0; event < SES_N_EVENTS; event++) {
			struct ses_cell cell = fsm_ses(state, event);

			if (has_worker(state) && !has_worker(cell.next)) {
				CHECK_EQ(event, SES_EV_DEAD);
				CHECK_EQ(cell.action, SES_ACT_CLOSED);
			}
			if (has_worker(state) && event == SES_EV_DEAD)
				CHECK_EQ(cell.next, SES_CLOSED);
			/* Freed is a session of which nothing is left. */
			if (cell.next == SES_FREED && state != SES_FREED)
				CHECK_EQ(event, SES_EV_FE_GONE);
		}
	}
}

/* Whatever a frontend does, repeated, ends: no event moves a state round in a circle. */
TEST(sup_fsm, events_come_to_rest)
{
	int start, event, i;

	for (event = 0; event < SES_N_EVENTS; event++) {
		for (start = SES_IDLE; start < SES_N_STATES; start++) {
			enum ses_state state = start;

			for (i = 0; i < SES_N_STATES; i++)
				state = fsm_ses(state, event).next;
			CHECK_EQ(fsm_ses(state, event).next, state);
		}
	}
	for (event = 0; event < DEV_N_EVENTS; event++) {
		for (start = DEV_INIT; start < DEV_N_STATES; start++) {
			enum dev_state state = start;

			for (i = 0; i < DEV_N_STATES; i++)
				state = fsm_dev(state, event).next;
			CHECK_EQ(fsm_dev(state, event).next, state);
		}
	}
}

/* From anywhere, removal and the end of the sessions is the end. */
TEST(sup_fsm, removed_devices_go)
{
	int state;

	for (state = DEV_INIT; state < DEV_N_STATES; state++) {
		enum dev_state next = fsm_dev(state, DEV_EV_REMOVED).next;

		CHECK_EQ(next, DEV_GONE);
		CHECK_EQ(fsm_dev(next, DEV_EV_IDLE).action, DEV_ACT_FREE);
	}
}

/* Detached or stopped, from anywhere, with idle sessions: state Closed, and it stays so. */
TEST(sup_fsm, stop_and_detach_end_closed)
{
	int start, event, i;

	for (start = DEV_INIT; start < DEV_GONE; start++) {
		for (event = DEV_EV_OFFLINE; event <= DEV_EV_STOP; event++) {
			enum dev_state state = start;

			for (i = 0; i < 4; i++) {
				state = fsm_dev(state, event).next;
				state = fsm_dev(state, DEV_EV_IDLE).next;
			}
			CHECK(state == DEV_UNPLUGGED || state == DEV_STOPPED);
			for (i = DEV_EV_FE_INIT; i <= DEV_EV_IDLE; i++)
				CHECK_EQ(fsm_dev(state, i).next, state);
		}
	}
}

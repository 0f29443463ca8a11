// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two tables; see sup_fsm.h. A cell that is not named stays where it is and does nothing.
 */
#include "sup_fsm.h"

/* --- a device -------------------------------------------------------------------------------- */

static const struct dev_cell dev_table[DEV_N_STATES][DEV_N_EVENTS] = {
	[DEV_INIT] = {
		[DEV_EV_REMOVED] = { DEV_GONE, DEV_ACT_ABANDON },
		[DEV_EV_OFFLINE] = { DEV_OFFLINE, DEV_ACT_CLOSE },
		[DEV_EV_STOP] = { DEV_STOPPED, DEV_ACT_NONE },
		[DEV_EV_BAN] = { DEV_BANNED, DEV_ACT_BAN },
		/* We offered nothing yet: it speaks to a supervisor that is no more. */
		[DEV_EV_FE_CONNECT] = { DEV_RESET, DEV_ACT_RESET },
		[DEV_EV_FE_VERSION] = { DEV_RESET, DEV_ACT_RESET },
		[DEV_EV_FE_CLOSING] = { DEV_RESET, DEV_ACT_RESET },
		[DEV_EV_FE_GONE] = { DEV_CLOSED, DEV_ACT_CLOSED },
		[DEV_EV_GPU_UP] = { DEV_WAIT, DEV_ACT_PUBLISH },
		[DEV_EV_GPU_DOWN] = { DEV_FAILED, DEV_ACT_FAIL },
	},
	[DEV_WAIT] = {
		[DEV_EV_REMOVED] = { DEV_GONE, DEV_ACT_ABANDON },
		[DEV_EV_OFFLINE] = { DEV_OFFLINE, DEV_ACT_CLOSE },
		[DEV_EV_STOP] = { DEV_STOPPING, DEV_ACT_CLOSE },
		[DEV_EV_BAN] = { DEV_BANNING, DEV_ACT_CLOSE },
		[DEV_EV_FE_CONNECT] = { DEV_CONNECTED, DEV_ACT_CONNECT },
		[DEV_EV_FE_VERSION] = { DEV_REFUSED, DEV_ACT_REFUSE },
		[DEV_EV_FE_CLOSING] = { DEV_CLOSING, DEV_ACT_CLOSE },
		/* 6 stays: after a reset the frontend finds us waiting whenever it looks. */
		[DEV_EV_FE_GONE] = { DEV_CLOSING, DEV_ACT_CLOSE },
	},
	[DEV_CONNECTED] = {
		[DEV_EV_REMOVED] = { DEV_GONE, DEV_ACT_ABANDON },
		[DEV_EV_OFFLINE] = { DEV_OFFLINE, DEV_ACT_CLOSE },
		[DEV_EV_STOP] = { DEV_STOPPING, DEV_ACT_CLOSE },
		[DEV_EV_BAN] = { DEV_BANNING, DEV_ACT_CLOSE },
		[DEV_EV_FE_INIT] = { DEV_CLOSING, DEV_ACT_CLOSE },
		[DEV_EV_FE_CLOSING] = { DEV_CLOSING, DEV_ACT_CLOSE },
		[DEV_EV_FE_CLOSED] = { DEV_CLOSING, DEV_ACT_CLOSE },
		[DEV_EV_FE_GONE] = { DEV_CLOSING, DEV_ACT_CLOSE },
	},
	[DEV_CLOSING] = {
		[DEV_EV_REMOVED] = { DEV_GONE, DEV_ACT_ABANDON },
		[DEV_EV_OFFLINE] = { DEV_OFFLINE, DEV_ACT_NONE },
		[DEV_EV_STOP] = { DEV_STOPPING, DEV_ACT_NONE },
		[DEV_EV_BAN] = { DEV_BANNING, DEV_ACT_NONE },
		[DEV_EV_IDLE] = { DEV_CLOSED, DEV_ACT_CLOSED },
	},
	[DEV_CLOSED] = {
		[DEV_EV_REMOVED] = { DEV_GONE, DEV_ACT_ABANDON },
		[DEV_EV_OFFLINE] = { DEV_OFFLINE, DEV_ACT_CLOSE },
		[DEV_EV_STOP] = { DEV_STOPPED, DEV_ACT_NONE },
		[DEV_EV_BAN] = { DEV_BANNED, DEV_ACT_BAN },
		[DEV_EV_FE_INIT] = { DEV_INIT, DEV_ACT_NONE },
	},
	[DEV_RESET] = {
		[DEV_EV_REMOVED] = { DEV_GONE, DEV_ACT_ABANDON },
		[DEV_EV_OFFLINE] = { DEV_OFFLINE, DEV_ACT_CLOSE },
		[DEV_EV_STOP] = { DEV_STOPPED, DEV_ACT_NONE },
		[DEV_EV_BAN] = { DEV_BANNED, DEV_ACT_BAN },
		[DEV_EV_FE_INIT] = { DEV_INIT, DEV_ACT_NONE },
		[DEV_EV_FE_CLOSED] = { DEV_INIT, DEV_ACT_NONE },
		[DEV_EV_FE_GONE] = { DEV_CLOSED, DEV_ACT_NONE },
	},
	[DEV_REFUSED] = {
		[DEV_EV_REMOVED] = { DEV_GONE, DEV_ACT_ABANDON },
		[DEV_EV_OFFLINE] = { DEV_OFFLINE, DEV_ACT_CLOSE },
		[DEV_EV_STOP] = { DEV_STOPPED, DEV_ACT_NONE },
		[DEV_EV_BAN] = { DEV_BANNED, DEV_ACT_BAN },
		[DEV_EV_FE_INIT] = { DEV_INIT, DEV_ACT_CLEAR },
	},
	[DEV_FAILED] = {
		[DEV_EV_REMOVED] = { DEV_GONE, DEV_ACT_ABANDON },
		[DEV_EV_OFFLINE] = { DEV_OFFLINE, DEV_ACT_CLOSE },
		[DEV_EV_STOP] = { DEV_STOPPED, DEV_ACT_NONE },
		[DEV_EV_BAN] = { DEV_BANNED, DEV_ACT_BAN },
		[DEV_EV_GPU_UP] = { DEV_INIT, DEV_ACT_CLEAR },
	},
	[DEV_BANNING] = {
		[DEV_EV_REMOVED] = { DEV_GONE, DEV_ACT_ABANDON },
		[DEV_EV_OFFLINE] = { DEV_OFFLINE, DEV_ACT_NONE },
		[DEV_EV_STOP] = { DEV_STOPPING, DEV_ACT_NONE },
		[DEV_EV_IDLE] = { DEV_BANNED, DEV_ACT_BAN },
	},
	[DEV_BANNED] = {
		[DEV_EV_REMOVED] = { DEV_GONE, DEV_ACT_ABANDON },
		[DEV_EV_OFFLINE] = { DEV_OFFLINE, DEV_ACT_CLOSE },
		[DEV_EV_STOP] = { DEV_STOPPED, DEV_ACT_NONE },
		[DEV_EV_ALLOW] = { DEV_INIT, DEV_ACT_CLEAR },
	},
	[DEV_OFFLINE] = {
		[DEV_EV_REMOVED] = { DEV_GONE, DEV_ACT_ABANDON },
		[DEV_EV_IDLE] = { DEV_UNPLUGGED, DEV_ACT_CLOSED },
	},
	[DEV_UNPLUGGED] = {
		[DEV_EV_REMOVED] = { DEV_GONE, DEV_ACT_ABANDON },
		[DEV_EV_STOP] = { DEV_STOPPED, DEV_ACT_NONE },
	},
	[DEV_STOPPING] = {
		[DEV_EV_REMOVED] = { DEV_GONE, DEV_ACT_ABANDON },
		[DEV_EV_IDLE] = { DEV_STOPPED, DEV_ACT_CLOSED },
	},
	[DEV_STOPPED] = {
		[DEV_EV_REMOVED] = { DEV_GONE, DEV_ACT_ABANDON },
	},
	[DEV_GONE] = {
		[DEV_EV_IDLE] = { DEV_GONE, DEV_ACT_FREE },
	},
};

struct dev_cell fsm_dev(enum dev_state state, enum dev_event event)
{
	struct dev_cell cell = dev_table[state][event];

	if (!cell.next)
		cell.next = state;
	return cell;
}

const char *fsm_dev_state_name(enum dev_state state)
{
	static const char *const names[DEV_N_STATES] = {
		[DEV_INIT] = "init", [DEV_WAIT] = "wait", [DEV_CONNECTED] = "connected",
		[DEV_CLOSING] = "closing", [DEV_CLOSED] = "closed", [DEV_RESET] = "reset",
		[DEV_REFUSED] = "refused", [DEV_FAILED] = "failed", [DEV_BANNING] = "banning",
		[DEV_BANNED] = "banned", [DEV_OFFLINE] = "offline",
		[DEV_UNPLUGGED] = "unplugged", [DEV_STOPPING] = "stopping",
		[DEV_STOPPED] = "stopped", [DEV_GONE] = "gone",
	};

	return names[state];
}

const char *fsm_dev_event_name(enum dev_event event)
{
	static const char *const names[DEV_N_EVENTS] = {
		[DEV_EV_REMOVED] = "removed", [DEV_EV_OFFLINE] = "offline", [DEV_EV_STOP] = "stop",
		[DEV_EV_BAN] = "ban", [DEV_EV_ALLOW] = "allow",
		[DEV_EV_FE_INIT] = "frontend initialising",
		[DEV_EV_FE_CONNECT] = "frontend connects",
		[DEV_EV_FE_VERSION] = "frontend of another version",
		[DEV_EV_FE_CLOSING] = "frontend closing", [DEV_EV_FE_CLOSED] = "frontend closed",
		[DEV_EV_FE_GONE] = "frontend gone", [DEV_EV_GPU_UP] = "renderer up",
		[DEV_EV_GPU_DOWN] = "renderer down", [DEV_EV_IDLE] = "idle",
	};

	return names[event];
}

/* --- a session ------------------------------------------------------------------------------- */

static const struct ses_cell ses_table[SES_N_STATES][SES_N_EVENTS] = {
	[SES_IDLE] = {
		[SES_EV_FE_ASK] = { SES_WAIT, SES_ACT_OPEN },
		[SES_EV_FE_RENEWED] = { SES_WAIT, SES_ACT_OPEN },
		/* A frontend that closes waits for our 6, whatever there was. */
		[SES_EV_FE_CLOSE] = { SES_CLOSED, SES_ACT_CLOSED },
		[SES_EV_FE_GONE] = { SES_FREED, SES_ACT_FREE },
	},
	[SES_WAIT] = {
		[SES_EV_FE_IDLE] = { SES_CLOSED, SES_ACT_CLOSED },
		[SES_EV_FE_CLOSE] = { SES_CLOSED, SES_ACT_CLOSED },
		[SES_EV_FE_GONE] = { SES_CLOSED, SES_ACT_CLOSED },
		[SES_EV_CLOSE] = { SES_CLOSED, SES_ACT_CLOSED },
		[SES_EV_ABORT] = { SES_CLOSED, SES_ACT_CLOSED },
		[SES_EV_WORKER] = { SES_BINDING, SES_ACT_BIND },
		[SES_EV_NO_WORKER] = { SES_CLOSED, SES_ACT_CLOSED },
		[SES_EV_REFUSED] = { SES_CLOSED, SES_ACT_CLOSED },
		[SES_EV_TIMEOUT] = { SES_CLOSED, SES_ACT_CLOSED },
	},
	[SES_BINDING] = {
		[SES_EV_FE_IDLE] = { SES_CLOSING, SES_ACT_CLOSE },
		[SES_EV_FE_CLOSE] = { SES_CLOSING, SES_ACT_CLOSE },
		[SES_EV_FE_GONE] = { SES_CLOSING, SES_ACT_CLOSE },
		[SES_EV_CLOSE] = { SES_CLOSING, SES_ACT_CLOSE },
		[SES_EV_ABORT] = { SES_KILLING, SES_ACT_KILL },
		[SES_EV_REFUSED] = { SES_KILLING, SES_ACT_KILL },
		[SES_EV_BOUND] = { SES_OPEN, SES_ACT_CONNECTED },
		[SES_EV_ENDED] = { SES_CLOSING, SES_ACT_LINGER },
		[SES_EV_DEAD] = { SES_CLOSED, SES_ACT_CLOSED },
		[SES_EV_TIMEOUT] = { SES_KILLING, SES_ACT_KILL },
	},
	[SES_OPEN] = {
		[SES_EV_FE_IDLE] = { SES_CLOSING, SES_ACT_CLOSE },
		[SES_EV_FE_CLOSE] = { SES_CLOSING, SES_ACT_CLOSE },
		[SES_EV_FE_GONE] = { SES_CLOSING, SES_ACT_CLOSE },
		[SES_EV_CLOSE] = { SES_CLOSING, SES_ACT_CLOSE },
		[SES_EV_ABORT] = { SES_KILLING, SES_ACT_KILL },
		[SES_EV_ENDED] = { SES_CLOSING, SES_ACT_LINGER },
		[SES_EV_DEAD] = { SES_CLOSED, SES_ACT_CLOSED },
	},
	[SES_CLOSING] = {
		[SES_EV_ABORT] = { SES_KILLING, SES_ACT_KILL },
		[SES_EV_DEAD] = { SES_CLOSED, SES_ACT_CLOSED },
		[SES_EV_TIMEOUT] = { SES_KILLING, SES_ACT_KILL },
	},
	[SES_KILLING] = {
		[SES_EV_DEAD] = { SES_CLOSED, SES_ACT_CLOSED },
	},
	[SES_CLOSED] = {
		[SES_EV_FE_IDLE] = { SES_IDLE, SES_ACT_FORGET },
		[SES_EV_FE_RENEWED] = { SES_WAIT, SES_ACT_OPEN },
		[SES_EV_FE_GONE] = { SES_FREED, SES_ACT_FREE },
	},
};

struct ses_cell fsm_ses(enum ses_state state, enum ses_event event)
{
	struct ses_cell cell = ses_table[state][event];

	if (!cell.next)
		cell.next = state;
	return cell;
}

const char *fsm_ses_state_name(enum ses_state state)
{
	static const char *const names[SES_N_STATES] = {
		[SES_IDLE] = "idle", [SES_WAIT] = "wait", [SES_BINDING] = "binding",
		[SES_OPEN] = "open", [SES_CLOSING] = "closing", [SES_KILLING] = "killing",
		[SES_CLOSED] = "closed", [SES_FREED] = "freed",
	};

	return names[state];
}

const char *fsm_ses_event_name(enum ses_event event)
{
	static const char *const names[SES_N_EVENTS] = {
		[SES_EV_FE_IDLE] = "frontend idle",
		[SES_EV_FE_ASK] = "frontend asks",
		[SES_EV_FE_RENEWED] = "frontend asks anew",
		[SES_EV_FE_CLOSE] = "frontend closes",
		[SES_EV_FE_GONE] = "frontend gone",
		[SES_EV_CLOSE] = "close",
		[SES_EV_ABORT] = "abort",
		[SES_EV_WORKER] = "worker",
		[SES_EV_NO_WORKER] = "no worker",
		[SES_EV_REFUSED] = "refused",
		[SES_EV_BOUND] = "bound",
		[SES_EV_ENDED] = "ended",
		[SES_EV_DEAD] = "dead",
		[SES_EV_TIMEOUT] = "timeout",
	};

	return names[event];
}

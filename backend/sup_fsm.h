/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of a device and of a session, each as one table of state x event. Pure: what an action
 * does is in sup_device.c and sup_session.c; here is only which one, and when. Pictures of both are
 * in README.md.
 */
#ifndef BACKEND_SUP_FSM_H
#define BACKEND_SUP_FSM_H

/* --- a device -------------------------------------------------------------------------------- */

enum dev_state {			/* backend's xenbus state */
	DEV_INIT = 1,		/* 1 or what was found there: no renderer yet */
	DEV_WAIT,		/* 2: limits and capsets are published */
	DEV_CONNECTED,		/* 4: sessions may be opened */
	DEV_CLOSING,		/* 5: sessions are ending */
	DEV_CLOSED,		/* 6: until the frontend begins again */
	DEV_RESET,		/* 6: an earlier supervisor's frontend has to let go first */
	DEV_REFUSED,		/* 6 and error: no common version */
	DEV_FAILED,		/* 6 and error: no renderer; tried again */
	DEV_BANNING,		/* 5: sessions are ending */
	DEV_BANNED,		/* 6 and error: until the domain is allowed again */
	DEV_OFFLINE,		/* 5: being detached, sessions are ending */
	DEV_UNPLUGGED,		/* 6: detached, the toolstack may remove it */
	DEV_STOPPING,		/* 5: xengpud ends, sessions are ending */
	DEV_STOPPED,		/* 6: xengpud ends */
	DEV_GONE,		/* nothing left in xenstore, sessions are ending */
	DEV_N_STATES,
};

enum dev_event {
	DEV_EV_REMOVED,		/* backend directory removed, or domain gone */
	DEV_EV_OFFLINE,		/* online is 0 */
	DEV_EV_STOP,		/* xengpud is to end */
	DEV_EV_BAN,		/* the domain is banned */
	DEV_EV_ALLOW,		/* it is not */
	DEV_EV_FE_INIT,		/* frontend state 1 or 2 */
	DEV_EV_FE_CONNECT,	/* 3 or 4, and its version is one of ours */
	DEV_EV_FE_VERSION,	/* 3 or 4, and its version is not */
	DEV_EV_FE_CLOSING,	/* 5 */
	DEV_EV_FE_CLOSED,	/* 6 */
	DEV_EV_FE_GONE,		/* the frontend's state node is gone */
	DEV_EV_GPU_UP,		/* a worker has a renderer */
	DEV_EV_GPU_DOWN,	/* workers fail to get one */
	DEV_EV_IDLE,		/* no session is left that has a worker */
	DEV_N_EVENTS,
};

enum dev_action {
	DEV_ACT_NONE,
	DEV_ACT_PUBLISH,	/* write the limits and state 2 */
	DEV_ACT_CONNECT,	/* state 4, look for sessions */
	DEV_ACT_CLOSE,		/* state 5, close the sessions */
	DEV_ACT_CLOSED,		/* state 6 */
	DEV_ACT_RESET,		/* state 5, then 6 */
	DEV_ACT_REFUSE,		/* error: versions; state 6 */
	DEV_ACT_FAIL,		/* error: renderer; state 6 */
	DEV_ACT_BAN,		/* error: banned; state 6 */
	DEV_ACT_CLEAR,		/* remove error */
	DEV_ACT_ABANDON,	/* kill the sessions; write nothing */
	DEV_ACT_FREE,		/* forget the device */
	DEV_N_ACTIONS,
};

struct dev_cell {
	enum dev_state next;
	enum dev_action action;
};

/* fsm_dev() - what @event does in @state. */
struct dev_cell fsm_dev(enum dev_state state, enum dev_event event);

const char *fsm_dev_state_name(enum dev_state state);
const char *fsm_dev_event_name(enum dev_event event);

/* --- a session ------------------------------------------------------------------------------- */

enum ses_state {
	SES_IDLE = 1,		/* the frontend has made a directory */
	SES_WAIT,		/* its ring is mapped; waits for a worker */
	SES_BINDING,		/* a worker has it; waits for BOUND */
	SES_OPEN,		/* 4 */
	SES_CLOSING,		/* the worker was told, or said, that it is over */
	SES_KILLING,		/* the worker was killed and is not dead yet */
	SES_CLOSED,		/* 6; the guest may have its pages back */
	SES_FREED,		/* both directories are gone */
	SES_N_STATES,
};

enum ses_event {
	SES_EV_FE_IDLE,		/* frontend state 1 or 2, or no state node yet */
	SES_EV_FE_ASK,		/* 3 or 4 */
	SES_EV_FE_RENEWED,	/* 3 or 4 in a directory made anew */
	SES_EV_FE_CLOSE,	/* 5 or 6 */
	SES_EV_FE_GONE,		/* the directory is gone */
	SES_EV_CLOSE,		/* the device closes */
	SES_EV_ABORT,		/* the domain is gone: at once */
	SES_EV_WORKER,		/* a worker is free for it */
	SES_EV_NO_WORKER,	/* there will be none */
	SES_EV_REFUSED,		/* what the frontend wrote cannot be, or does not map */
	SES_EV_BOUND,		/* the worker serves it */
	SES_EV_ENDED,		/* the worker says that it is over */
	SES_EV_DEAD,		/* the worker is dead and was waited for */
	SES_EV_TIMEOUT,
	SES_N_EVENTS,
};

enum ses_action {
	SES_ACT_NONE,
	SES_ACT_OPEN,		/* check, map the ring, bind the event channel, ask for a worker */
	SES_ACT_BIND,		/* hand all of it to the worker */
	SES_ACT_CONNECTED,	/* state 4 */
	SES_ACT_CLOSE,		/* tell the worker; it has SUP_CLOSE_MS */
	SES_ACT_LINGER,		/* the worker knows; it has SUP_CLOSE_MS */
	SES_ACT_KILL,
	SES_ACT_CLOSED,		/* give back what is held; error, if there is one; state 6 */
	SES_ACT_FORGET,		/* remove our directory */
	SES_ACT_FREE,		/* the same, and forget the session */
	SES_N_ACTIONS,
};

struct ses_cell {
	enum ses_state next;
	enum ses_action action;
};

/* fsm_ses() - what @event does in @state. */
struct ses_cell fsm_ses(enum ses_state state, enum ses_event event);

const char *fsm_ses_state_name(enum ses_state state);
const char *fsm_ses_event_name(enum ses_event event);

#endif

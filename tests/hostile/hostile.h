/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A frontend that means harm: what its cases share. A case is a function that does one kind of
 * wrong to the backend and knows what must come of it: an answer that the protocol names, or the
 * end of this very session. What else must hold (other guests draw on, nothing is left behind) is
 * looked at from outside, by the scripts that run it.
 *
 * Sessions here are made of grant/ and ring/ directly: libxengpu would not send most of this.
 */
#ifndef TESTS_HOSTILE_H
#define TESTS_HOSTILE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/errno.h>

#include "evt.h"
#include "gnt.h"
#include "ring.h"
#include "xengpu.h"
#include "xst.h"

#define PAGE		VGPUIF_PAGE_BYTES
#define WAIT_MS		20000u		/* for what must come */
#define PATH_BYTES	160u
#define WHY_BYTES	512u

struct hostile_case {
	const char *name;
	const char *what;
	void (*run)(void);
};

/* A table a file, ended by one without a name. */
extern const struct hostile_case cases_answers[], cases_fields[], cases_indices[], cases_races[],
	cases_directories[], cases_lifetimes[], cases_floods[], cases_nodes[], cases_streams[],
	cases_resources[];

extern struct host {
	struct plat *plat;
	struct xst *xst;
	struct fe_device *dev;
	struct fe_limits limits;
	char front[PATH_BYTES / 2];	/* device/vgpu/N */
	char back[PATH_BYTES / 2];
	uint64_t seed;
	unsigned int seconds;		/* for cases that could go on for ever */
	bool bounded;			/* ... as was asked for, so that all others end as well */
	uint32_t session;		/* the number of the first session */
	uint64_t end_ns;
	unsigned int n_wrong;
	unsigned int n_died;		/* workers, of what they were sent */
	bool no_device_left;		/* the toolstack has to attach it again */
} host;

/* --- host.c: what a case says and asks -------------------------------------------------------- */

/* say() - a line of comment. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* wrong() - something is not as it must be; the case goes on, and has failed. */
void wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* die() - ... and cannot go on. */
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* rnd() - a number below @below, which is not 0; from the seed. */
uint32_t rnd(uint32_t below);
uint64_t rnd64(void);
/* rnd_edge() - 0, 1, the largest and so on, or any number. */
uint32_t rnd_edge(void);

uint64_t now_ns(void);
void sleep_us(unsigned int us);
/* time_left() - false once the case has lasted as long as it may. */
bool time_left(void);
/* time_share() - end after @permille of the case's time, counted from now; for cases of parts. */
uint64_t time_share(unsigned int permille);

/* host_open(), host_close() - the platform and the device; dies where there is none. */
void host_open(void);
void host_close(void);
/* host_connect() - the device, anew; 0 or -errno and why. */
int host_connect(char why[FE_TEXT_BYTES]);

/* node() - a path in @dir; static storage, good for four calls. */
const char *node(const char *dir, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* read_state() - 0 where there is none. */
uint32_t read_state(const char *dir);
/* await_state() - whether the state in @dir becomes @state in time; 0: is removed. */
bool await_state(const char *dir, uint32_t state, unsigned int timeout_ms);

/* --- sess.c: a session ------------------------------------------------------------------------ */

#define SESS_PAGES	256u		/* of memory, granted writable */
#define SESS_DIR_PAGES	32u		/* of directories, granted for reading */
#define SESS_ENDED	INT32_MIN	/* instead of a status: the session is over */

struct sess {
	uint32_t index;
	unsigned int order;
	char front[PATH_BYTES], back[PATH_BYTES];
	struct gnt_share *ring_share;
	struct gnt_share *mem, *dir;
	struct evt *evt;
	uint32_t port;
	struct ring_front ring;
	uint32_t next_id, next_dir;
	char why[WHY_BYTES];		/* the backend's words when it ended */
};

/* sess_sweep() - wait for the end of a session whose process is gone; remove its nodes. */
void sess_sweep(uint32_t index);
/* sess_prepare() - pages, event channel, and no node; order 0..max. Dies if there are no pages. */
void sess_prepare(struct sess *s, uint32_t index, unsigned int order);
/* sess_nodes() - write the nodes, state last. */
void sess_nodes(struct sess *s);
/* sess_open() - both, and wait until it is connected; dies when it is refused. */
void sess_open(struct sess *s);
/* sess_open_at() - sess_open() with another number, order. Returns whether it was connected. */
bool sess_open_at(struct sess *s, uint32_t index, unsigned int order);
/* sess_ended() - whether the backend has ended it; then s->why are its words. */
bool sess_ended(struct sess *s);
/* sess_await_end() - wrong() unless it ends, with @words in its error node ("" for none at all). */
void sess_await_end(struct sess *s, const char *words);
/* sess_close() - ask for the end, wait for it, take all back; wrong() if it does not come. */
void sess_close(struct sess *s);
/* sess_reopen() - after its end: a new one in its place. */
void sess_reopen(struct sess *s);
/* sess_lost() - a worker that died of what it was sent is counted and named; else wrong(). */
void sess_lost(struct sess *s, const char *of_what);

/* sess_put() - queue a request, give it an id; false, the ring is full. */
bool sess_put(struct sess *s, struct vgpuif_request *req);
void sess_push(struct sess *s);
/* sess_get() - 1; 0, none in time; -ENOTCONN, the session is over; -EPROTO, so is our trust. */
int sess_get(struct sess *s, struct vgpuif_response *rsp, unsigned int timeout_ms);
/* sess_call() - one request and its answer, which is checked; its status, or SESS_ENDED. */
int32_t sess_call(struct sess *s, struct vgpuif_request *req);
/* sess_drain() - take @n answers, whatever they are; false, the session is over. */
bool sess_drain(struct sess *s, uint32_t n);
/* sess_sync() - nothing is in flight any more; false, the session is over. */
bool sess_sync(struct sess *s);

/* sess_directory() - pages of memory in a chain of directory pages; the first one's reference. */
uint32_t sess_directory(struct sess *s, uint32_t first_page, uint32_t n_pages);
struct vgpuif_page_directory *sess_dir(struct sess *s, uint32_t i);
uint8_t *sess_page(struct sess *s, uint32_t page);

/*
 * What most cases begin with: buffer SCENE_CMDS (commands, read-only), SCENE_PIXELS, contexts 1 and
 * 2, and in context 1 texture 1 of SCENE_SIDE squared, vertex buffer 2, query buffer 4, all of them
 * with a backing store.
 */
#define SCENE_CMDS		1u
#define SCENE_PIXELS		2u
#define SCENE_SPARE		3u
#define SCENE_CMDS_PAGE		0u
#define SCENE_CMDS_PAGES	32u
#define SCENE_PIXELS_PAGE	32u
#define SCENE_PIXELS_PAGES	16u
#define SCENE_SPARE_PAGE	64u
#define SCENE_SPARE_PAGES	64u
#define SCENE_SIDE		64u

/* sess_scene() - make what is missing of it; false, the session is over. */
bool sess_scene(struct sess *s);
/* sess_draws() - whether a texture is cleared to a colour and comes back right. */
bool sess_draws(struct sess *s);
/* sess_submit() - words of commands, from the buffer's beginning, with a fence. */
int32_t sess_submit(struct sess *s, uint32_t context, const uint32_t *words, uint32_t n);

struct vgpuif_request req_register(uint32_t id, uint32_t n_pages, uint32_t gref);
struct vgpuif_request req_context(uint32_t id);
struct vgpuif_request req_texture(uint32_t id, uint32_t side);
struct vgpuif_request req_attach(uint32_t resource, uint32_t buffer, uint64_t offset,
				 uint64_t bytes);
struct vgpuif_request req_pair(uint8_t operation, uint32_t context, uint32_t resource);
struct vgpuif_request req_id(uint8_t operation, uint32_t id);
struct vgpuif_request req_transfer(uint8_t operation, uint32_t context, uint32_t resource,
				   uint32_t side);
struct vgpuif_request req_submit(uint32_t context, uint32_t buffer, uint64_t offset,
				 uint32_t bytes);

/* known_status() - whether the protocol names it. */
bool known_status(int32_t status);

/* --- a thread that writes where somebody else reads ------------------------------------------- */

struct scribbler {
	void (*fn)(void *arg, uint64_t n);	/* again and again; only writes memory */
	void *arg;
	unsigned long thread;
	bool stop;
};

void scribble_start(struct scribbler *w, void (*fn)(void *arg, uint64_t n), void *arg);
void scribble_stop(struct scribbler *w);

#endif

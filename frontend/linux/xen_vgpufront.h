/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xen_vgpufront.h - what the files of the module share.
 *
 *	xvf_dev      a vgpu of this guest, and the DRM device made of it; lives until the last
 *	             file on it is closed
 *	xvf_session  a ring, an event channel, a worker in the driver domain, and one name space
 *	             of ids; one at a time. When it is lost, what was made in it is lost with it,
 *	             and the next one begins empty.
 *	xvf_file     an open file: a context in the session that was there when it was opened
 *	xvf_bo       a GEM object: a resource, and shmem pages that may be its backing store
 *	xvf_buffer   pages granted to the backend and registered there
 *	xvf_req      a request, from its posting until its answer
 *
 * The backend is distrusted. A response is believed only as far as it can be checked, and a page
 * that was granted is returned to the kernel only after Xen says that nobody maps it: each grant
 * keeps a reference to its page, which is dropped then and not before: xvf_grant_end().
 */
#ifndef XEN_VGPUFRONT_H
#define XEN_VGPUFRONT_H

#include <linux/completion.h>
#include <linux/dma-fence.h>
#include <linux/genalloc.h>
#include <linux/idr.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <drm/drm_device.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/virtgpu_drm.h>

#include <xen/grant_table.h>
#include <xen/xenbus.h>

#include "vgpuif.h"

#define XVF_RING_PAGE_ORDER	2	/* 128 requests on the ring; more wait in the session */
#define XVF_RING_PAGES		BIT(XVF_RING_PAGE_ORDER)
#define XVF_RING_SLOTS		128
#define XVF_MAX_QUEUED		512	/* who wants to post more, waits */
#define XVF_ARENA_BYTES		(2u << 20)
#define XVF_MAX_CAPSETS		8
#define XVF_MAX_CAPSET_BYTES	65536u
#define XVF_MAX_TEXT		200
#define XVF_CALL_MS		10000u	/* for an answer when no program is there yet */
#define XVF_DETACHED		"the vgpu is detached, or the module is unloaded"
#define XVF_BUSY_MS		60000u	/* ... behind what other programs have the GPU do */

/* Pages granted to the backend. */
struct xvf_grant {
	u32 n;
	struct page **page;		/* with a reference to each */
	grant_ref_t *ref;
};

struct xvf_session;
struct xvf_req;

/* The answer; when the session was lost, one made up with -ENODEV. Process context, no locks. */
typedef void (*xvf_done_fn)(struct xvf_session *s, struct xvf_req *req,
			    const struct vgpuif_response *rsp);

struct xvf_req {
	struct list_head node;
	struct vgpuif_request wire;
	xvf_done_fn done;
	unsigned long posted;		/* jiffies */
};

struct xvf_capset {
	u32 id;
	u32 max_version;
	u32 bytes;
	void *data;
};

/* What the backend advertises, cut to what the protocol allows. */
struct xvf_limits {
	u32 max_ring_page_order;
	u32 max_sessions;
	u32 max_buffer_pages;
	u32 max_buffers;
	u32 max_contexts;
	u32 max_resources;
	u32 max_pages;
};

enum xvf_session_state {
	XVF_SESSION_OPENING,
	XVF_SESSION_UP,
	XVF_SESSION_LOST,
};

struct xvf_session {
	struct kref ref;
	struct xvf_dev *x;
	enum xvf_session_state state;	/* of the work's; others look at lost */
	u32 index;
	domid_t domid;			/* ours, when it was opened */
	domid_t backend_id;
	struct xvf_limits limits;
	char *front;
	char *back;
	bool nodes;
	bool ending;			/* lost, and the backend has been told */
	unsigned long since;		/* jiffies: opened, or ending */

	struct vgpuif_front_ring ring;
	void *ring_pages;
	struct xvf_grant ring_grant;
	evtchn_port_t port;
	int irq;

	spinlock_t lock;		/* of everything from here to buffers */
	bool lost;
	bool released;			/* the backend maps nothing of it any more */
	struct xvf_req *slot[XVF_RING_SLOTS];
	u32 slot_id[XVF_RING_SLOTS];
	u32 generation;
	u32 next_slot;
	struct list_head queue;		/* requests that did not fit on the ring yet */
	u32 n_queued;
	struct list_head buffers;

	wait_queue_head_t wait;		/* room in the queue or in the arena, or lost */
	struct ida buffer_ids;
	struct ida resource_ids;
	struct ida context_ids;

	void *arena;			/* commands lie here until their submit is answered */
	struct gen_pool *arena_pool;
	struct xvf_buffer *arena_buffer;
	u32 arena_id;			/* that buffer's, also when it is gone */

	struct xvf_capset capset[XVF_MAX_CAPSETS];
	u32 n_capsets;
	u64 capset_mask;
};

enum xvf_state {
	XVF_DOWN,			/* frontend 1; waits for the backend to offer itself */
	XVF_OFFERED,			/* 3 */
	XVF_CONNECTED,			/* 4 */
	XVF_CLOSING,			/* 5 */
	XVF_CLOSED,			/* 6 */
};

/* On all that a backend's directory has, the sessions' as well. */
struct xvf_back_watch {
	struct list_head node;		/* of old ones */
	struct xenbus_watch watch;
	struct xvf_dev *x;
};

struct xvf_dev {
	struct drm_device drm;
	struct platform_device *pdev;
	struct xenbus_device *xbdev;
	bool registered;

	struct workqueue_struct *wq;
	struct delayed_work work;
	spinlock_t kick_lock;		/* between gone and the work's next turn */
	struct xenbus_watch front_watch;
	bool front_watching;
	struct xvf_back_watch *back_watch;	/* the work's */
	spinlock_t old_watches_lock;
	struct list_head old_watches;

	/* The work's own, and of who has stopped it. */
	enum xvf_state state;
	char *back;
	domid_t backend_id;
	domid_t domid;
	struct xvf_limits limits;
	u32 next_index;
	unsigned long retry;		/* jiffies */
	u32 retry_ms;
	bool resumed;
	bool explained;			/* the backend's error was logged */
	struct xvf_session *s;		/* opening, up, or until the backend let go of it */

	struct mutex session_lock;	/* session, gone, status; s where it changes */
	struct xvf_session *session;	/* NULL while there is none to be used */
	bool gone;
	char status[XVF_MAX_TEXT];	/* "connected", or why not */
	wait_queue_head_t session_wait;

	atomic_t granted_pages;
	spinlock_t held_lock;
	struct list_head held;		/* pages that a backend does not let go of */
	atomic64_t next_client;
};

struct xvf_file {
	struct kref ref;
	struct xvf_session *s;
	u64 client;
	struct mutex lock;		/* the context; order of seqno and ring */
	bool created;
	int error;			/* what everything on it is answered with */
	u32 context_id;
	u32 capset_id;
	u32 n_rings;
	char name[VGPUIF_MAX_CONTEXT_NAME];
	u64 fence_context;		/* n_rings for submits, and one for transfers */
	u64 *seqno;

	spinlock_t stats_lock;		/* what follows */
	u32 busy;			/* submits in flight */
	ktime_t busy_since;
	u64 busy_ns;
	u64 submits;
};

struct xvf_buffer {
	struct list_head node;
	struct xvf_session *s;
	u32 id;
	struct xvf_grant grant;
	struct xvf_grant directory;
	struct xvf_req reg;
	struct xvf_req unreg;
	bool heard;			/* reg was answered, so nothing refers to it any more */
	bool failed;
	bool dead;			/* nobody uses it; freed when the backend let go */
};

/* The end of a resource, which outlives its object. */
struct xvf_unref {
	struct xvf_req req;
	u32 resource_id;
};

struct xvf_bo {
	struct drm_gem_shmem_object shmem;	/* first: freed as this */
	struct xvf_session *s;
	u32 resource_id;
	u32 blob_mem;
	struct xvf_unref *unref;	/* NULL: the backend was never told of it */
	struct mutex lock;		/* backing */
	struct xvf_buffer *buffer;
	bool pinned;
	int error;			/* the backend refused it */
	struct completion answered;
};

static inline struct xvf_dev *to_xvf(struct drm_device *drm)
{
	return container_of(drm, struct xvf_dev, drm);
}

static inline struct xvf_bo *to_bo(struct drm_gem_object *obj)
{
	return container_of(obj, struct xvf_bo, shmem.base);
}

/* --- xen_vgpufront_drv.c ---------------------------------------------------------------------- */

/*
 * xvf_file_put() - drop a reference to an open file's state. May sleep.
 */
void xvf_file_put(struct xvf_file *f);

/* xvf_register() - the DRM device, once there is a session. Returns 0 or -errno. */
int xvf_register(struct xvf_dev *x);

/* --- xen_vgpufront_connect.c ------------------------------------------------------------------ */

/* xvf_connect_start() - watch the nodes and begin. Returns 0 or -errno. */
int xvf_connect_start(struct xvf_dev *x);

/*
 * xvf_connect_stop() - lose the session, wait a bounded time for the backend to let go, and stop
 * watching. What it did not let go of stays granted; the kernel frees those pages when it does.
 */
void xvf_connect_stop(struct xvf_dev *x);

/* xvf_connect_kick() - something may have changed. Any context. */
void xvf_connect_kick(struct xvf_dev *x);

/* xvf_set_status() - what people and programs read in sysfs. */
void xvf_set_status(struct xvf_dev *x, const char *text);

/*
 * xvf_read_error() - a backend's sentence about what is wrong, without control characters.
 * @text: XVF_MAX_TEXT of room; "" when there is none.
 */
void xvf_read_error(const char *dir, char *text);

/* xvf_connect_resumed() - this domain was restored: all grants and event channels are dead. */
void xvf_connect_resumed(struct xvf_dev *x);

/* --- xen_vgpufront_session.c ------------------------------------------------------------------ */

/*
 * xvf_session_step() - look at the session as it is now, and do what comes next. The work's.
 * @connected: whether the device is.
 * Returns in how many ms to look again; 0: when something changes.
 */
u32 xvf_session_step(struct xvf_dev *x, bool connected);

/* xvf_session_stop() - lose it, and wait a bounded time for the backend to let go. */
void xvf_session_stop(struct xvf_dev *x);

/*
 * xvf_session_get_current() - the session that new files belong to, waited for a bounded time.
 * Returns it with a reference; ERR_PTR(-ENODEV), there is none; ERR_PTR(-ERESTARTSYS).
 */
struct xvf_session *xvf_session_get_current(struct xvf_dev *x);

void xvf_session_get(struct xvf_session *s);
void xvf_session_put(struct xvf_session *s);

/* --- xen_vgpufront_ring.c --------------------------------------------------------------------- */

/*
 * xvf_ring_open() - pages, grants, event channel and interrupt of a session's ring.
 * Returns 0 or -errno; after a failure xvf_ring_close() still is to be called.
 */
int xvf_ring_open(struct xvf_session *s);

/* xvf_ring_stop() - no more answers are looked at. The session must be lost. */
void xvf_ring_stop(struct xvf_session *s);

/* xvf_ring_close() - end the ring's grants, after xvf_ring_stop(). */
void xvf_ring_close(struct xvf_session *s);

/*
 * xvf_post() - queue a request. It is on its way after xvf_kick(). Never fails and never waits:
 * on a session that is lost @req->done is called at once.
 */
void xvf_post(struct xvf_session *s, struct xvf_req *req);

/* xvf_kick() - make what was posted visible to the backend; at most one event. */
void xvf_kick(struct xvf_session *s);

/*
 * xvf_throttle() - wait until the queue is short enough for another request of a program's.
 * Returns 0; -ENODEV, the session is lost, as it is when the backend stops answering;
 * -ERESTARTSYS.
 */
int xvf_throttle(struct xvf_session *s);

/*
 * xvf_call() - post, and wait for the answer, @ms at most.
 * @rsp: set when 0 is returned.
 * Returns the answer's status; -ETIMEDOUT; -ERESTARTSYS, a signal; -ENODEV, the session is lost; -ENOMEM.
 */
int xvf_call(struct xvf_session *s, const struct vgpuif_request *wire,
	     struct vgpuif_response *rsp, u32 ms);

/* xvf_session_lose() - the session is over; everything in flight is answered. May sleep. */
void xvf_session_lose(struct xvf_session *s, const char *why);

/* xvf_ring_stuck() - whether a request has gone unanswered for @ms. */
bool xvf_ring_stuck(struct xvf_session *s, u32 ms);

/* xvf_status() - an answer's status as one of the kernel's errors. */
int xvf_status(const struct vgpuif_response *rsp);

/* --- xen_vgpufront_buffer.c ------------------------------------------------------------------- */

/*
 * xvf_grant_pages() - grant @n pages to the session's backend, keeping a reference to each.
 * Returns 0; -ENOSPC, no grants left; -ENOMEM.
 */
int xvf_grant_pages(struct xvf_session *s, struct page **pages, u32 n, bool read_only,
		    struct xvf_grant *out);

/* xvf_grant_end() - end the grants; pages that are still mapped are held until they are not. */
void xvf_grant_end(struct xvf_session *s, struct xvf_grant *g);

/* xvf_held_look() - free those of the held pages that nobody maps any more. */
void xvf_held_look(struct xvf_dev *x);

/* xvf_held_leave() - to the kernel, which frees them when nobody does. */
void xvf_held_leave(struct xvf_dev *x);

/*
 * xvf_buffer_create() - grant pages and register them; the answer is not waited for.
 * @pages: referenced as long as the backend may use them; the caller keeps its own reference.
 * Returns 0; -ENOSPC, over a limit; -ENOMEM; -ENODEV, the session is lost.
 */
int xvf_buffer_create(struct xvf_session *s, struct page **pages, u32 n, bool read_only,
		      struct xvf_buffer **out);

/* xvf_buffer_put() - unregister; freed when the backend let go. NULL is allowed. */
void xvf_buffer_put(struct xvf_buffer *b);

/* xvf_buffers_release() - the session is lost and the backend let go: end all grants. */
void xvf_buffers_release(struct xvf_session *s);

/* xvf_arena_open(), xvf_arena_close() - the pages that commands are put into. */
int xvf_arena_open(struct xvf_session *s);
void xvf_arena_close(struct xvf_session *s);

/* xvf_arena_give() - room that was taken from arena_pool; who waits for some is woken. */
void xvf_arena_give(struct xvf_session *s, unsigned long at, u32 bytes);

/* --- xen_vgpufront_gem.c ---------------------------------------------------------------------- */

struct drm_gem_object *xvf_gem_create_object(struct drm_device *drm, size_t size);

/*
 * xvf_bo_create() - an object without a resource in the backend yet.
 * Returns it with a reference, or ERR_PTR().
 */
struct xvf_bo *xvf_bo_create(struct xvf_session *s, struct drm_device *drm, u64 bytes);

/* xvf_bo_define() - post what makes it a resource. @wire: RESOURCE_CREATE or _CREATE_BLOB. */
int xvf_bo_define(struct xvf_bo *bo, struct vgpuif_request *wire);

/* xvf_bo_register() - pin and register its pages, once. Returns 0 or -errno. */
int xvf_bo_register(struct xvf_bo *bo);

/* xvf_bo_back() - make its pages the resource's backing store, once. Returns 0 or -errno. */
int xvf_bo_back(struct xvf_bo *bo);

/* --- xen_vgpufront_ioctl.c -------------------------------------------------------------------- */

#define XVF_N_IOCTLS	(DRM_VIRTGPU_CONTEXT_INIT + 1)
extern const struct drm_ioctl_desc xvf_ioctls[XVF_N_IOCTLS];

/*
 * xvf_file_begin() - what each ioctl begins with: the session is there, nothing is amiss.
 * @context: make the file's context, if it has none.
 * Returns 0; -ENODEV; -EIO, the context is lost; or the backend's refusal of a context.
 */
int xvf_file_begin(struct xvf_file *f, bool context);

/* xvf_context_end() - post the end of a context, after which its number is free. */
void xvf_context_end(struct xvf_session *s, u32 context_id);

/* --- xen_vgpufront_submit.c ------------------------------------------------------------------- */

int xvf_ioctl_execbuffer(struct drm_device *drm, void *data, struct drm_file *file);
int xvf_ioctl_transfer_to_host(struct drm_device *drm, void *data, struct drm_file *file);
int xvf_ioctl_transfer_from_host(struct drm_device *drm, void *data, struct drm_file *file);

/* --- xen_vgpufront_fence.c -------------------------------------------------------------------- */

struct xvf_fence {
	struct dma_fence base;
	spinlock_t lock;		/* of base */
	struct xvf_req req;
	struct xvf_file *file;		/* until it signals */
	unsigned long arena;		/* commands, until it signals */
	u32 arena_bytes;
	bool timed;			/* counts as the GPU's work */
};

/*
 * xvf_fence_create() - a fence that signals with the answer to its request.
 * Returns NULL when there is no memory. Release with dma_fence_put() once it was posted, with
 * xvf_fence_discard() otherwise.
 */
struct xvf_fence *xvf_fence_create(struct xvf_file *f);

void xvf_fence_discard(struct xvf_fence *fence);

/*
 * xvf_fence_post() - give it the next number of a timeline, and post its request. The file's lock
 * is held, so that numbers and requests are in the same order.
 * @timeline: 0..n_rings-1; n_rings: transfers.
 */
void xvf_fence_post(struct xvf_fence *fence, u32 timeline);

#endif

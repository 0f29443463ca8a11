/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to the command xengpu: what its subcommands share. A subcommand prints its own message
 * to stderr and returns the exit status.
 */
#ifndef CONFIG_XENGPU_CMD_H
#define CONFIG_XENGPU_CMD_H

#include <stdbool.h>
#include <stdint.h>

#include "attach.h"
#include "platform.h"
#include "policy.h"
#include "sample.h"
#include "xenbus.h"
#include "xst.h"

/* Exit status, documented in xengpu --help. */
#define CMD_OK		0
#define CMD_FAILED	1
#define CMD_USAGE	2

/* libxl waits 10 s for a backend (LIBXL_INIT_TIMEOUT, LIBXL_DESTROY_TIMEOUT); a first renderer on
 * an emulated CPU takes longer. */
#define CMD_TIMEOUT_S		30u
#define CMD_MAX_TIMEOUT_S	3600u

struct cmd {
	bool dry_run;			/* -N: say what would be done */
	struct plat *plat;
	struct xst *xst;		/* NULL until cmd_store() */
	struct policy_paths paths;	/* both after cmd_host() */
	struct hostconf conf;
};

/* --- xengpu_cmd.c ---------------------------------------------------------------------------- */

/* cmd_error() - print "xengpu: " and the message. Returns CMD_FAILED. */
int cmd_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* cmd_store() - connect to xenstore. Returns CMD_OK, or CMD_FAILED and has said why. */
int cmd_store(struct cmd *cmd);

/* cmd_host() - read /etc/xen/xengpu.conf. Returns CMD_OK, or CMD_FAILED and has said why. */
int cmd_host(struct cmd *cmd);

/* cmd_domain() - a domain by name or id. Returns CMD_OK, or CMD_FAILED and has said why. */
int cmd_domain(struct cmd *cmd, const char *name_or_id, uint16_t *domid);

/* cmd_timeout() - read the argument of --timeout. Returns CMD_OK, or CMD_USAGE and has said why. */
int cmd_timeout(const char *text, uint32_t *seconds);

/* cmd_clean() - make a text out of xenstore fit for a terminal. */
void cmd_clean(char *text);

/* cmd_strerror() - a text for @err of an xst_ call that tells the administrator what to do. */
const char *cmd_strerror(int err);

/* --- xengpu_control.c ------------------------------------------------------------------------ */

/*
 * cmd_ask() - a line to xengpud's control socket.
 * @control:  its path; NULL, $XENGPU_CONTROL or the usual place.
 * @question: without a newline.
 * @answer:   set on success only; without its last newline; to be freed.
 * Returns CMD_OK, or CMD_FAILED and has said why.
 */
int cmd_ask(const char *control, const char *question, char **answer);

/* cmd_try() - the same for who goes on without an answer. Returns 0; or -errno, with @why. */
int cmd_try(const char *control, const char *question, char **answer, char *why);

/*
 * cmd_sample(), cmd_try_sample() - the answer to "stats" as numbers; release it with sample_free().
 * Return as cmd_ask() and cmd_try().
 */
int cmd_sample(const char *control, struct sample **out);
int cmd_try_sample(const char *control, struct sample **out, char *why);

/* cmd_tell() - a line that xengpud answers "ok" or "ok: ...". CMD_OK; CMD_FAILED, and it was said why. */
int cmd_tell(const char *line);

/* cmd_told() - whether an answer says "error: ..."; if so, it was printed. */
bool cmd_told(const char *answer);

/* --- xengpu_wait.c --------------------------------------------------------------------------- */

/*
 * cmd_wait_ready() - wait for the backend to take a device up; one that refuses or does not answer
 * gets it removed again. Returns CMD_OK, or CMD_FAILED and has said why.
 */
int cmd_wait_ready(struct cmd *cmd, const struct attach_vgpu *v, uint32_t timeout_s);

/* cmd_wait_closed() - wait for the backend to let go. Returns whether it did. */
bool cmd_wait_closed(struct cmd *cmd, const struct attach_vgpu *v, uint32_t timeout_s);

/* --- xengpu_save.c --------------------------------------------------------------------------- */

/*
 * cmd_save_attached(), cmd_save_detached() - make the next start of the domain give what it has now.
 * Return CMD_OK, or CMD_FAILED and have said why.
 */
int cmd_save_attached(struct cmd *cmd, uint16_t domid, const struct vgpu_option *option);
int cmd_save_detached(struct cmd *cmd, uint16_t domid, uint16_t devid);

/*
 * cmd_save_sched() - change keys of a device in what the domain's next start gives, where that has it.
 * @change: the keys that are given.
 * Returns as above.
 */
int cmd_save_sched(struct cmd *cmd, uint16_t domid, uint16_t devid,
		   const struct vgpu_option *change);

/* cmd_save() - policy_save(), or with -N a line that says it. As above. */
int cmd_save(struct cmd *cmd, const char *uuid, const struct vgpus *vgpus);

/* --- xengpu_attach.c ------------------------------------------------------------------------- */

/*
 * cmd_attach() - attach a vgpu whose option is complete; with -N, print the nodes.
 * @v: domid is set; the rest is set out of @option.
 * Returns CMD_OK, or CMD_FAILED and has said why; @exists: not an error if it is there already.
 */
int cmd_attach(struct cmd *cmd, const char *domain, const struct vgpu_option *option, bool exists,
	       struct attach_vgpu *v);

/* --- xengpu_list.c --------------------------------------------------------------------------- */

/* What xenstore says about a device. */
struct cmd_row {
	char name[ATTACH_MAX_NAME];
	char error[256];		/* "" for none */
	enum xenbus_state back_state;
	enum xenbus_state front_state;
	uint32_t n_sessions;
};

void cmd_read_row(struct xst *xst, const struct attach_vgpu *v, struct cmd_row *row);

int xengpu_allow(struct cmd *cmd, int argc, char **argv);
int xengpu_attach(struct cmd *cmd, int argc, char **argv);
int xengpu_create(struct cmd *cmd, int argc, char **argv);
int xengpu_detach(struct cmd *cmd, int argc, char **argv);
int xengpu_info(struct cmd *cmd, int argc, char **argv);
int xengpu_list(struct cmd *cmd, int argc, char **argv);
int xengpu_log(struct cmd *cmd, int argc, char **argv);
int xengpu_sched(struct cmd *cmd, int argc, char **argv);
int xengpu_stats(struct cmd *cmd, int argc, char **argv);
int xengpu_top(struct cmd *cmd, int argc, char **argv);

#endif

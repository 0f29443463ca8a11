// SPDX-License-Identifier: GPL-2.0-only
/* Counting and banning; see sup_ban.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "sup.h"
#include "sup_state.h"

#define KEY_BYTES	64u
#define MAX_LOSSES	1000u		/* hostconf's upper bound of ban_after */
#define DIR_NAME	"banned"

struct sup_ban {
	LIST_ENTRY(sup_ban) link;
	char key[KEY_BYTES];		/* the UUID; where there is none, the name */
	char name[ATTACH_MAX_NAME];
	uint64_t loss_ns[MAX_LOSSES];	/* the last ones, oldest first */
	uint32_t n_losses;
	bool banned;
	long long since;		/* seconds since 1970 */
	char reason[CTL_MAX_TEXT];
};

static LIST_HEAD(, sup_ban) bans = LIST_HEAD_INITIALIZER(bans);

/* "/vm/UUID" is what the toolstack wrote; the name is made fit for a file's name. */
static void make_key(const struct sup_domain *dom, char key[KEY_BYTES])
{
	char *c;

	if (!strncmp(dom->vm, "/vm/", 4) && policy_uuid_ok(dom->vm + 4)) {
		snprintf(key, KEY_BYTES, "%s", dom->vm + 4);
		return;
	}
	if (!strcmp(dom->name, ATTACH_NO_NAME)) {
		snprintf(key, KEY_BYTES, "domid-%u", dom->domid);
		return;
	}
	snprintf(key, KEY_BYTES, "name-%.58s", dom->name);
	for (c = key; *c; c++)
		if (*c == '/')
			*c = '_';
}

static struct sup_ban *find_key(const char *key)
{
	struct sup_ban *ban;

	LIST_FOREACH(ban, &bans, link)
		if (!strcmp(ban->key, key))
			return ban;
	return NULL;
}

static struct sup_ban *find(const struct sup_domain *dom)
{
	char key[KEY_BYTES];

	make_key(dom, key);
	return find_key(key);
}

static struct sup_ban *add(const char *key, const char *name)
{
	struct sup_ban *ban = calloc(1, sizeof(*ban));

	if (!ban)
		return NULL;
	snprintf(ban->key, sizeof(ban->key), "%s", key);
	snprintf(ban->name, sizeof(ban->name), "%s", name);
	LIST_INSERT_HEAD(&bans, ban, link);
	return ban;
}

static void drop(struct sup_ban *ban)
{
	LIST_REMOVE(ban, link);
	free(ban);
}

/* --- the files -------------------------------------------------------------------------------- */

static void path_of(const struct sup *sup, const char *key, char path[512])
{
	snprintf(path, 512, "%s/" DIR_NAME "/%s", sup->cfg.state_dir, key);
}

/* Three lines: name, time, reason. A ban that cannot be kept holds as long as this process. */
static void keep(const struct sup *sup, const struct sup_ban *ban)
{
	char path[512], text[sizeof(ban->name) + sizeof(ban->reason) + 32];
	int err;

	mkdir(sup->cfg.state_dir, 0755);
	path_of(sup, "", path);
	mkdir(path, 0700);
	path_of(sup, ban->key, path);
	snprintf(text, sizeof(text), "%s\n%lld\n%s\n", ban->name, ban->since, ban->reason);
	err = state_write(path, text);
	if (err)
		log_error("the ban of %s cannot be kept in %s (%s): it ends with this xengpud",
			  ban->name, path, strerror(-err));
}

static bool read_line(FILE *file, char *text, size_t bytes)
{
	if (!fgets(text, (int)bytes, file))
		return false;
	text[strcspn(text, "\n")] = '\0';
	return true;
}

static void load(struct sup *sup, const char *key)
{
	char path[512], name[ATTACH_MAX_NAME + 1], since[32];	/* its line: with its end */
	struct sup_ban *ban = NULL;
	FILE *file;

	path_of(sup, key, path);
	file = fopen(path, "re");
	if (file && read_line(file, name, sizeof(name)) && read_line(file, since, sizeof(since)))
		ban = add(key, name);
	if (ban && read_line(file, ban->reason, sizeof(ban->reason))) {
		ban->banned = true;
		ban->since = strtoll(since, NULL, 10);
		log_warning("domain %s is banned (%s); xengpu allow %s lifts it", name,
			    ban->reason, name);
	} else {
		log_error("%s is no ban of ours, or cannot be read: left as it is", path);
		if (ban)
			drop(ban);
	}
	if (file)
		fclose(file);
}

void ban_start(struct sup *sup)
{
	char path[512];
	struct dirent *entry;
	DIR *dir;

	path_of(sup, "", path);
	dir = opendir(path);
	if (!dir) {
		if (errno != ENOENT)
			log_error("the bans in %s cannot be read: %s", path, strerror(errno));
		return;
	}
	while ((entry = readdir(dir))) {
		const size_t len = strlen(entry->d_name);

		/* ".new" is one that was being written when the machine stopped. */
		if (entry->d_name[0] != '.' && len < KEY_BYTES &&
		    (len < 4 || strcmp(entry->d_name + len - 4, ".new")))
			load(sup, entry->d_name);
	}
	closedir(dir);
}

/* --- counting --------------------------------------------------------------------------------- */

/* Forget what lies further back than the config's minutes. */
static void forget_old(const struct sup *sup, struct sup_ban *ban, uint64_t now_ns)
{
	const uint64_t window_ns = sup->hostconf.ban_minutes * UINT64_C(60000000000);
	uint32_t old = 0;

	while (old < ban->n_losses && now_ns - ban->loss_ns[old] > window_ns)
		old++;
	ban->n_losses -= old;
	memmove(ban->loss_ns, ban->loss_ns + old, ban->n_losses * sizeof(ban->loss_ns[0]));
}

/* Those of domains that behave again; so the list is as long as there are domains that do not. */
static void prune(const struct sup *sup, uint64_t now_ns)
{
	struct sup_ban *ban, *next;

	for (ban = LIST_FIRST(&bans); ban; ban = next) {
		next = LIST_NEXT(ban, link);
		forget_old(sup, ban, now_ns);
		if (!ban->banned && !ban->n_losses)
			drop(ban);
	}
}

static void impose(struct sup *sup, struct sup_domain *dom, struct sup_ban *ban)
{
	ban->banned = true;
	ban->since = (long long)time(NULL);
	snprintf(ban->reason, sizeof(ban->reason), "%u workers crashed or hung within %u minutes",
		 ban->n_losses, sup->hostconf.ban_minutes);
	log_error("domain %u (%s) is banned: %s; xengpu allow %s lifts it", dom->domid, dom->name,
		  ban->reason, dom->name);
	keep(sup, ban);
	sup_devices_dirty(sup);
}

void ban_count(struct sup_session *s, const char *what)
{
	struct sup_domain *dom = s->dev->dom;
	struct sup *sup = s->dev->sup;
	const uint64_t now_ns = loop_now_ns();
	struct sup_ban *ban;
	char key[KEY_BYTES];

	if (sup->stopping)
		return;
	prune(sup, now_ns);
	make_key(dom, key);
	ban = find_key(key);
	if (!ban)
		ban = add(key, dom->name);
	if (!ban) {
		log_error("no memory to count what domain %u (%s) does", dom->domid, dom->name);
		return;
	}
	if (ban->n_losses == MAX_LOSSES) {
		ban->n_losses--;
		memmove(ban->loss_ns, ban->loss_ns + 1, ban->n_losses * sizeof(ban->loss_ns[0]));
	}
	ban->loss_ns[ban->n_losses++] = now_ns;
	log_line(LOG_LEVEL_WARNING, &dom->rate,
		 "domain %u (%s) vgpu %u session %u: %s: number %u of its %u within %u minutes",
		 dom->domid, dom->name, s->dev->devid, s->index, what, ban->n_losses,
		 sup->hostconf.ban_after, sup->hostconf.ban_minutes);
	if (sup->hostconf.ban_after && ban->n_losses >= sup->hostconf.ban_after && !ban->banned)
		impose(sup, dom, ban);
}

/* --- questions -------------------------------------------------------------------------------- */

const char *ban_reason(const struct sup_domain *dom)
{
	static char text[CTL_MAX_TEXT];
	const struct sup_ban *ban = find(dom);

	if (!ban || !ban->banned)
		return NULL;
	snprintf(text, sizeof(text), "banned: %.120s; the host's administrator lifts it with: "
		 "xengpu allow %s", ban->reason, dom->name);
	return text;
}

uint32_t ban_losses(const struct sup_domain *dom)
{
	const struct sup_ban *ban = find(dom);

	return ban ? ban->n_losses : 0;
}

static struct sup_ban *find_who(struct sup *sup, const char *who)
{
	const struct sup_domain *dom;
	struct sup_ban *ban;
	uint16_t domid;
	bool is_id;

	LIST_FOREACH(ban, &bans, link)
		if (ban->banned && (!strcmp(ban->key, who) || !strcmp(ban->name, who)))
			return ban;
	is_id = !xenbus_parse_u16(who, &domid);
	LIST_FOREACH(dom, &sup->domains, link)
		/* It may have been renamed since. */
		if ((is_id && dom->domid == domid) || !strcmp(dom->name, who))
			return find(dom);
	return NULL;
}

char *ban_lift(struct sup *sup, const char *who)
{
	struct sup_ban *ban = find_who(sup, who);
	char path[512], *answer = NULL;

	if (!ban || !ban->banned)
		return asprintf(&answer, "error: %s is not banned", who) < 0 ? NULL : answer;
	if (asprintf(&answer, "ok: %s is allowed again", ban->name) < 0)
		return NULL;
	/* A domain that was made anew may have another UUID, and a ban of its own by the same name. */
	for (; ban && ban->banned; ban = find_who(sup, who)) {
		path_of(sup, ban->key, path);
		if (unlink(path) && errno != ENOENT) {
			free(answer);
			return asprintf(&answer, "error: %s cannot be removed: %s", path,
					strerror(errno)) < 0 ? NULL : answer;
		}
		log_info("%s is allowed again", ban->name);
		drop(ban);
		sup_devices_dirty(sup);
	}
	return answer;
}

struct json_object *ban_json(const struct sup *sup)
{
	struct json_object *list = json_object_new_array(), *o;
	const struct sup_ban *ban;

	(void)sup;
	LIST_FOREACH(ban, &bans, link) {
		if (!ban->banned)
			continue;
		o = json_object_new_object();
		json_object_object_add(o, "name", json_object_new_string(ban->name));
		json_object_object_add(o, "uuid", json_object_new_string(ban->key));
		json_object_object_add(o, "reason", json_object_new_string(ban->reason));
		json_object_object_add(o, "since", json_object_new_int64(ban->since));
		json_object_array_add(list, o);
	}
	return list;
}

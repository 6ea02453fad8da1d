#include "sandbox/plan.h"
#include "base/limits.h"
#include "base/vec.h"

#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/resource.h>

#define PLAN_MAGIC 0x6e6c706bu

struct plan_header {
	uint32_t magic, n_ops, n_pool, n_fds;
};

/* Which parts of an operation mean something, and how it is printed. */
enum part {
	HAS_FD = 1 << 0,    /* must name an fd */
	MAY_FD = 1 << 1,    /* may */
	HAS_TEXT = 1 << 2,  /* a path or word; NUL-terminated */
	HAS_MORE = 1 << 3,  /* another */
	HAS_BYTES = 1 << 4, /* more is content, of any bytes */
};

enum { MOUNT_FLAGS = PLAN_READ_ONLY | PLAN_NO_EXEC | PLAN_SET_ID };

static const struct shape {
	const char *name;
	unsigned parts;
	unsigned flags;
} shapes[] = {
	[PLAN_HOSTNAME] = { "hostname", HAS_TEXT, 0 },
	[PLAN_LOWER] = { "lower", HAS_FD | HAS_TEXT, 0 },
	[PLAN_UPPER] = { "upper", HAS_FD | HAS_TEXT | HAS_MORE, PLAN_VOLATILE },
	[PLAN_OVERLAY] = { "overlay", 0, PLAN_SCAFFOLD },
	[PLAN_NETWORK] = { "network", MAY_FD, PLAN_HOST_NET },
	[PLAN_ROOT] = { "root", HAS_FD | HAS_TEXT, 0 },
	[PLAN_UNMASK] = { "unmask", HAS_TEXT, 0 },
	[PLAN_PROC] = { "proc", 0, PLAN_MASKED },
	[PLAN_SYS] = { "sys", 0, PLAN_HOST_NET | PLAN_MASKED },
	[PLAN_DEV] = { "dev", 0, 0 },
	[PLAN_FILE] = { "file", HAS_TEXT | HAS_BYTES, PLAN_READ_ONLY },
	[PLAN_BIND] = { "bind", HAS_FD | HAS_TEXT | HAS_MORE,
			MOUNT_FLAGS | PLAN_FLAT | PLAN_DEEP | PLAN_DEVICE },
	[PLAN_MERGE] = { "merge", HAS_TEXT | HAS_MORE, MOUNT_FLAGS | PLAN_DEEP | PLAN_MAY_LACK },
	[PLAN_TMPFS] = { "tmpfs", HAS_TEXT, MOUNT_FLAGS },
	[PLAN_MASK] = { "mask", HAS_TEXT, 0 },
	[PLAN_ENTER] = { "enter", 0, 0 },
	[PLAN_LIMIT] = { "limit", 0, 0 },
	[PLAN_CGROUP] = { "cgroup", HAS_FD, 0 },
	[PLAN_INPUT] = { "input", MAY_FD, 0 },
	[PLAN_OUTPUT] = { "output", MAY_FD, 0 },
	[PLAN_ERRORS] = { "errors", MAY_FD, 0 },
	[PLAN_GROUP] = { "group", 0, 0 },
	[PLAN_USER] = { "user", 0, 0 },
	[PLAN_CAPABILITIES] = { "capabilities", 0, 0 },
	[PLAN_SECCOMP] = { "seccomp", HAS_BYTES, 0 },
	[PLAN_RECORD] = { "record owners", 0, 0 },
	[PLAN_NO_NEW_PRIVILEGES] = { "no-new-privileges", 0, 0 },
	[PLAN_UMASK] = { "umask", 0, 0 },
	[PLAN_DIRECTORY] = { "directory", HAS_TEXT, 0 },
	[PLAN_VARIABLE] = { "variable", HAS_TEXT, 0 },
	[PLAN_ARGUMENT] = { "argument", HAS_TEXT, 0 },
	[PLAN_EXEC] = { "exec", 0, 0 },
};

static const struct {
	enum plan_flag flag;
	const char *name;
} flag_names[] = {
	{ PLAN_READ_ONLY, "read-only" },
	{ PLAN_NO_EXEC, "no-exec" },
	{ PLAN_DEVICE, "device" },
	{ PLAN_VOLATILE, "volatile" },
	{ PLAN_SCAFFOLD, "scaffold" },
	{ PLAN_HOST_NET, "host-net" },
	{ PLAN_MASKED, "masked" },
	{ PLAN_SET_ID, "set-id" },
	{ PLAN_FLAT, "flat" },
	{ PLAN_DEEP, "deep" },
	{ PLAN_MAY_LACK, "may-lack" },
};

static const struct {
	uint32_t value;
	const char *name;
} propagations[] = {
	{ MS_SHARED, "shared" },
	{ MS_SLAVE, "slave" },
	{ MS_PRIVATE, "private" },
	{ MS_UNBINDABLE, "unbindable" },
};

void plan_done(struct plan *plan)
{
	vec_done(&plan->ops);
	vec_done(&plan->fds);
	strbuf_done(&plan->pool);
}

struct plan_op *plan_add(struct plan *plan, enum plan_kind kind)
{
	struct plan_op *op = vec_add(&plan->ops);

	op->kind = (uint16_t)kind;
	op->fd = -1;
	return op;
}

struct plan_text plan_keep_bytes(struct plan *plan, const void *bytes, size_t n)
{
	struct plan_text text = { (uint32_t)plan->pool.n, (uint32_t)n };

	if (n)
		strbuf_add_bytes(&plan->pool, bytes, n);
	strbuf_add_char(&plan->pool, '\0');
	return text;
}

struct plan_text plan_keep(struct plan *plan, const char *text)
{
	return plan_keep_bytes(plan, text ? text : "", text ? strlen(text) : 0);
}

int32_t plan_fd(struct plan *plan, int fd, bool is_tree)
{
	if (fd <= 0)
		return -1;
	for (size_t i = 0; i < plan->fds.n; i++)
		if (plan->fds.p[i].fd == fd && plan->fds.p[i].is_tree == is_tree)
			return (int32_t)i;
	vec_push(&plan->fds, ((struct plan_fd){ fd, is_tree }));
	return (int32_t)plan->fds.n - 1;
}

const char *plan_text_of(const struct plan *plan, struct plan_text text)
{
	return plan->pool.p + text.at;
}

uint64_t plan_owner(uint32_t uid, uint32_t gid)
{
	return (uint64_t)uid << 32 | gid;
}

/* Arguments and variables may hold anything: keep one operation on one line. */
static void print_text(const char *text, struct strbuf *out)
{
	for (; *text; text++) {
		if (*text == '\n')
			strbuf_add(out, "\\n");
		else if ((unsigned char)*text < ' ' || *text == '\\' || *text == 0x7f)
			strbuf_addf(out, "\\x%02x", (unsigned char)*text);
		else
			strbuf_add_char(out, *text);
	}
}

static void print_place(const struct plan *plan, const struct plan_op *op, struct plan_text path,
		struct strbuf *out)
{
	if (op->fd < 0)
		strbuf_add(out, " none");
	else
		strbuf_addf(out, " fd%d", op->fd);
	if (path.n) {
		strbuf_add_char(out, '/');
		print_text(plan_text_of(plan, path), out);
	}
}

static void print_owner(uint64_t owner, uint32_t mode, struct strbuf *out)
{
	strbuf_addf(out, " %u:%u %04o", (unsigned)(owner >> 32), (unsigned)owner, mode);
}

static void print_number(uint64_t number, struct strbuf *out)
{
	if (number == RLIM_INFINITY)
		strbuf_add(out, " unlimited");
	else
		strbuf_addf(out, " %llu", (unsigned long long)number);
}

/* What an operation says besides its name and flags. */
static void print_details(const struct plan *plan, const struct plan_op *op, struct strbuf *out)
{
	switch ((enum plan_kind)op->kind) {
	case PLAN_LOWER:
	case PLAN_ROOT:
		print_place(plan, op, op->text, out);
		return;
	case PLAN_UPPER:
		print_place(plan, op, op->text, out);
		print_place(plan, op, op->more, out);
		return;
	case PLAN_BIND:
		print_place(plan, op, op->more, out);
		strbuf_add(out, " on ");
		print_text(plan_text_of(plan, op->text), out);
		return;
	case PLAN_MERGE:
		strbuf_add(out, " /");
		print_text(plan_text_of(plan, op->more), out);
		strbuf_add(out, " on ");
		print_text(plan_text_of(plan, op->text), out);
		return;
	case PLAN_FILE:
		strbuf_addf(out, " %u bytes", op->more.n);
		print_owner(op->number, op->mode, out);
		strbuf_add(out, " on ");
		print_text(plan_text_of(plan, op->text), out);
		return;
	case PLAN_TMPFS:
		print_number(op->number, out);
		print_owner(op->second, op->mode, out);
		strbuf_add(out, " on ");
		print_text(plan_text_of(plan, op->text), out);
		return;
	case PLAN_LIMIT:
		strbuf_addf(out, " %u", op->mode);
		print_number(op->number, out);
		print_number(op->second, out);
		return;
	case PLAN_CGROUP:
	case PLAN_NETWORK:
	case PLAN_INPUT:
	case PLAN_OUTPUT:
	case PLAN_ERRORS:
		print_place(plan, op, (struct plan_text){ 0 }, out);
		return;
	case PLAN_DEV:
	case PLAN_GROUP:
		print_number(op->number, out);
		return;
	case PLAN_USER:
		print_number(op->number, out);
		print_number(op->second, out);
		return;
	case PLAN_UMASK:
		strbuf_addf(out, " %04o", op->mode);
		return;
	case PLAN_CAPABILITIES:
		strbuf_addf(out, " %#llx", (unsigned long long)op->number);
		return;
	case PLAN_SECCOMP:
		if (op->more.n)
			strbuf_addf(out, " %u bytes", op->more.n);
		else
			strbuf_add(out, " default");
		return;
	case PLAN_HOSTNAME:
	case PLAN_UNMASK:
	case PLAN_MASK:
	case PLAN_DIRECTORY:
	case PLAN_VARIABLE:
	case PLAN_ARGUMENT:
		strbuf_add_char(out, ' ');
		print_text(plan_text_of(plan, op->text), out);
		return;
	case PLAN_OVERLAY:
	case PLAN_PROC:
	case PLAN_SYS:
	case PLAN_ENTER:
	case PLAN_RECORD:
	case PLAN_NO_NEW_PRIVILEGES:
	case PLAN_EXEC:
		return;
	}
}

static void print_propagation(uint32_t propagation, struct strbuf *out)
{
	for (size_t i = 0; i < COUNT(propagations); i++)
		if (propagation == propagations[i].value)
			strbuf_addf(out, " %s", propagations[i].name);
}

void plan_print(const struct plan *plan, struct strbuf *out)
{
	for (size_t i = 0; i < plan->ops.n; i++) {
		const struct plan_op *op = &plan->ops.p[i];

		strbuf_add(out, shapes[op->kind].name);
		print_details(plan, op, out);
		for (size_t f = 0; f < COUNT(flag_names); f++)
			if (op->flags & flag_names[f].flag)
				strbuf_addf(out, " %s", flag_names[f].name);
		print_propagation(op->propagation, out);
		strbuf_add_char(out, '\n');
	}
}

FALLIBLE plan_encode(const struct plan *plan, struct strbuf *out)
{
	struct plan_header header = {
		.magic = PLAN_MAGIC,
		.n_ops = (uint32_t)plan->ops.n,
		.n_pool = (uint32_t)plan->pool.n,
		.n_fds = (uint32_t)plan->fds.n,
	};

	if (plan->ops.n > PLAN_OPS || plan->pool.n > PLAN_BYTES)
		return error_new(ERR_LIMIT, "a step of %zu operations and %zu bytes", plan->ops.n,
				plan->pool.n);
	if (plan->fds.n > PLAN_FDS)
		return error_new(ERR_LIMIT,
				"a step with %zu directories and files to pass; %d "
				"at most",
				plan->fds.n, PLAN_FDS);
	strbuf_add_bytes(out, &header, sizeof(header));
	strbuf_add_bytes(out, plan->ops.p, plan->ops.n * sizeof(*plan->ops.p));
	strbuf_add_bytes(out, plan->pool.p, plan->pool.n);
	return NULL;
}

static bool text_is_good(
		const struct strbuf *pool, struct plan_text text, bool is_wanted, bool is_bytes)
{
	if (!is_wanted)
		return text.at == 0 && text.n == 0;
	if (text.at >= pool->n || text.n >= pool->n - text.at || pool->p[text.at + text.n] != '\0')
		return false;
	return is_bytes || !memchr(pool->p + text.at, '\0', text.n);
}

static bool op_is_good(const struct plan_op *op, const struct strbuf *pool, size_t n_fds)
{
	if (op->kind == 0 || op->kind >= COUNT(shapes))
		return false;
	const struct shape *shape = &shapes[op->kind];

	if (op->flags & ~shape->flags || op->fd < -1 || op->fd >= (int32_t)n_fds)
		return false;
	if ((shape->parts & HAS_FD) ? op->fd < 0 : op->fd >= 0 && !(shape->parts & MAY_FD))
		return false;
	return text_is_good(pool, op->text, shape->parts & HAS_TEXT, false) &&
	       text_is_good(pool, op->more, shape->parts & (HAS_MORE | HAS_BYTES),
			       shape->parts & HAS_BYTES);
}

/* *plan is empty, and may be half filled on failure. */
static FALLIBLE fill(const void *bytes, size_t n, size_t n_fds, struct plan *plan)
{
	struct plan_header header;

	if (n < sizeof(header))
		return error_new(ERR_INVALID, "a plan of %zu bytes", n);
	memcpy(&header, bytes, sizeof(header));
	if (header.magic != PLAN_MAGIC || header.n_fds != n_fds || n_fds > PLAN_FDS)
		return error_new(ERR_INVALID, "a plan that was not made here");
	if (header.n_ops == 0 || header.n_ops > PLAN_OPS || header.n_pool > PLAN_BYTES ||
			n != sizeof(header) + header.n_ops * sizeof(struct plan_op) + header.n_pool)
		return error_new(ERR_INVALID, "a plan of the wrong size");

	const char *at = (const char *)bytes + sizeof(header);
	plan->ops.p = xmalloc(header.n_ops * sizeof(struct plan_op));
	plan->ops.n = plan->ops.capacity = header.n_ops;
	memcpy(plan->ops.p, at, header.n_ops * sizeof(struct plan_op));
	strbuf_add_bytes(&plan->pool, at + header.n_ops * sizeof(struct plan_op), header.n_pool);
	for (size_t i = 0; i < plan->ops.n; i++)
		if (!op_is_good(&plan->ops.p[i], &plan->pool, n_fds))
			return error_new(ERR_INVALID, "operation %zu of a plan is malformed", i);
	if (plan->ops.p[plan->ops.n - 1].kind != PLAN_EXEC)
		return error_new(ERR_INVALID, "a plan that runs nothing");
	return NULL;
}

FALLIBLE plan_decode(const void *bytes, size_t n, size_t n_fds, struct plan *ret)
{
	struct plan plan = { 0 };
	struct error *error = fill(bytes, n, n_fds, &plan);

	if (error) {
		plan_done(&plan);
		return error;
	}
	*ret = plan;
	return NULL;
}

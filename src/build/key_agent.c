/*
 * ssh-agent runs a command beside itself and ends some seconds after it. Ours is a shell that says
 * where the socket is, waits until its standard input ends, and then ends the agent at once, which
 * takes its socket away. When kiln dies in whatever way, the kernel closes the pipe.
 */
#include "build/key_agent.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { START_MS = 30000, ADD_MS = 30000 };

struct key_agent {
	pid_t pid; /* the shell, 0: none */
	int pid_fd, life_fd;
	char *socket;
};

static FALLIBLE not_there(struct error *error)
{
	return error_hint(error, "key files need OpenSSH's ssh-agent and ssh-add (package "
				 "openssh-client); an agent's socket does not: --ssh ID=SOCKET");
}

/* A line, or all that comes before the end. */
static FALLIBLE read_line(int fd, struct cancel *cancel, struct strbuf *out)
{
	uint64_t end_ns = clock_monotonic_ns() + UINT64_C(1000000) * START_MS;

	while (!memchr(strbuf_text(out), '\n', out->n) && out->n < LIMIT_SETTINGS_BYTES) {
		struct pollfd polls[] = { { fd, POLLIN, 0 }, { cancel_fd(cancel), POLLIN, 0 } };
		uint64_t now_ns = clock_monotonic_ns();
		char buf[1024];

		TRY(cancel_check(cancel));
		if (now_ns >= end_ns)
			return error_new(ERR_LIMIT, "it said nothing for %d s", START_MS / 1000);
		if (poll(polls, 2, (int)((end_ns - now_ns) / 1000000) + 1) < 0 && errno != EINTR)
			return error_sys("wait for it");
		if (!polls[0].revents)
			continue;
		ssize_t n = read(fd, buf, sizeof(buf));
		if (n < 0)
			return error_sys("read what it says");
		if (n == 0)
			return NULL;
		strbuf_add_bytes(out, buf, (size_t)n);
	}
	return NULL;
}

static FALLIBLE launch(struct key_agent *agent, struct cancel *cancel)
{
	static const char *const argv[] = { "ssh-agent", "sh", "-c",
		"echo \"$SSH_AUTH_SOCK\"; read -r nothing; kill \"$SSH_AGENT_PID\"", NULL };
	AUTO(strbuf) struct strbuf said = { 0 };
	int life[2] = { -1, -1 }, told[2] = { -1, -1 };
	struct str line, rest;

	if (pipe2(life, O_CLOEXEC) < 0)
		return error_sys("make a pipe");
	agent->life_fd = life[1];
	AUTO_FD int life_end = life[0];
	if (pipe2(told, O_CLOEXEC) < 0)
		return error_sys("make a pipe");
	AUTO_FD int told_fd = told[0];
	AUTO_FD int told_end = told[1];

	struct proc_spec spec = {
		.argv = argv, .stdin_fd = life_end, .stdout_fd = told_end, .stderr_fd = told_end
	};
	struct error *error = proc_spawn(&spec, &agent->pid, &agent->pid_fd);
	if (error_is(error, ERR_NOT_FOUND))
		return not_there(error);
	TRY(error);
	(void)close(TAKE_FD(told_end));
	TRY_WRAP(read_line(told_fd, cancel, &said), "start 'ssh-agent'");
	(void)str_cut(strbuf_str(&said), '\n', &line, &rest);
	if (!str_starts(line, "/"))
		return error_new(ERR_SYS, "ssh-agent did not start: %.*s", STR_ARG(line));
	agent->socket = str_dup(line);
	return NULL;
}

static struct str last_line(struct str text)
{
	struct str line = { 0 }, rest = str_trim(text);

	while (rest.n)
		(void)str_cut(rest, '\n', &line, &rest);
	return str_trim(line);
}

/* Without a terminal ssh-add would ask a program for the passphrase: 'false' knows none. */
static FALLIBLE add_key(const struct key_agent *agent, const char *key, struct cancel *cancel)
{
	const char *const argv[] = { "ssh-add", "-q", "--", key, NULL };
	const char *const fixed[] = { "SSH_ASKPASS_REQUIRE=force", "DISPLAY=none", "LANG=C.UTF-8" };
	AUTO(list) struct list env = { 0 };
	AUTO(proc_result) struct proc_result result = { 0 };
	AUTO_FREE char *program = proc_find("ssh-add");
	AUTO_FREE char *no = proc_find("false");

	if (!program)
		return not_there(error_new(ERR_NOT_FOUND, "program 'ssh-add' is not there"));
	for (size_t i = 0; i < COUNT(fixed); i++)
		list_add(&env, fixed[i]);
	list_addf(&env, "SSH_AUTH_SOCK=%s", agent->socket);
	list_addf(&env, "SSH_ASKPASS=%s", no ? no : "/bin/false");
	*vec_add(&env) = NULL;
	struct proc_spec spec = {
		.argv = argv, .env = (const char *const *)env.p, .timeout_ms = ADD_MS
	};
	struct error *error = proc_run(&spec, cancel, &result);
	env.n--; /* the NULL at the end */
	TRY(error);
	if (!result.status)
		return NULL;
	struct str why = strbuf_str(&result.err);
	if (!str_trim(why).n)
		return error_hint(error_new(ERR_INVALID, "the key '%s' has a passphrase", key),
				"add it to an agent of your own: eval $(ssh-agent); ssh-add %s; "
				"and --ssh ID without the file",
				key);
	if (strstr(strbuf_text(&result.err), "UNPROTECTED"))
		return error_hint(error_new(ERR_INVALID, "others may read the key '%s'", key),
				"chmod 0600 %s", key);
	return error_new(ERR_INVALID, "the key '%s' cannot be used: %.*s", key,
			STR_ARG(last_line(why)));
}

FALLIBLE key_agent_start(const struct list *keys, struct cancel *cancel, struct key_agent **ret)
{
	AUTO(key_agent) struct key_agent *agent = xcalloc(1, sizeof(*agent));

	agent->pid_fd = agent->life_fd = -1;
	TRY(launch(agent, cancel));
	for (size_t i = 0; i < keys->n; i++)
		TRY(add_key(agent, keys->p[i], cancel));
	*ret = TAKE(agent);
	return NULL;
}

void key_agent_stop(struct key_agent *agent)
{
	int status = 0;

	if (!agent)
		return;
	if (agent->life_fd >= 0)
		(void)close(agent->life_fd);
	if (agent->pid)
		error_ignore(proc_wait(agent->pid, agent->pid_fd, NULL, &status), "an agent's end");
	if (agent->pid_fd >= 0)
		(void)close(agent->pid_fd);
	free(agent->socket);
	free(agent);
}

const char *key_agent_socket(const struct key_agent *agent)
{
	return agent->socket;
}

FALLIBLE key_agents_start(const struct build_options *options, struct key_agent ***ret)
{
	for (size_t i = 0; i < options->agent_count; i++) {
		const struct build_agent *given = &options->agents[i];

		if (!given->keys.n)
			continue;
		if (!*ret)
			*ret = xcalloc(options->agent_count, sizeof(struct key_agent *));
		TRY_WRAP(key_agent_start(&given->keys, options->cancel, &(*ret)[i]), "--ssh %s",
				given->id);
	}
	return NULL;
}

void key_agents_stop(struct key_agent **agents, size_t n)
{
	for (size_t i = 0; agents && i < n; i++)
		key_agent_stop(agents[i]);
	free(agents);
}

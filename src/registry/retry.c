#include "registry/retry.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"

#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { LONGEST_MS = 30 * 1000, UNREACHABLE_TRIES = 2 };

bool retry_is_temporary(int status)
{
	return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
	       status == 504;
}

bool retry_is_broken(const struct error *error)
{
	return error_is(error, ERR_NETWORK) && !http_error_is_trust(error);
}

static bool is_digits(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
	return text.n > 0;
}

int64_t retry_after_ms(const char *text, int64_t now_seconds)
{
	uint64_t seconds = 0;
	struct tm date = { 0 };
	struct error *error = parse_u64(str_trim(str_of(text)), INT32_MAX, &seconds);

	if (!error)
		return (int64_t)seconds * 1000;
	error_free(error);
	if (is_digits(str_trim(str_of(text)))) /* more than a man's life */
		return INT64_MAX;
	const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date);
	if (!end || *end)
		return -1;
	int64_t then = timegm(&date);
	return then > now_seconds ? (then - now_seconds) * 1000 : 0;
}

/* Half to all of the wait, so that a thousand clients do not come back at once. */
static uint64_t jitter(uint64_t ms)
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		random = clock_monotonic_ns();
	return ms / 2 + random % (ms / 2 + 1);
}

static FALLIBLE sleep_ms(uint64_t ms, struct cancel *cancel)
{
	struct pollfd fd = { .fd = cancel_fd(cancel), .events = POLLIN };
	uint64_t end = clock_monotonic_ns() + ms * 1000000;

	for (;;) {
		TRY(cancel_check(cancel));
		uint64_t now = clock_monotonic_ns();
		if (now >= end)
			return NULL;
		(void)poll(&fd, 1, (int)((end - now + 999999) / 1000000));
	}
}

FALLIBLE retry_wait(struct retry *retry, const char *retry_after, const struct error *why,
		struct cancel *cancel, bool *ret_again)
{
	unsigned tries = retry->tries;
	uint64_t ms = retry->base_ms;
	int64_t most = retry->after_ms ? retry->after_ms : LIMIT_RETRY_AFTER_SECONDS * 1000;
	int64_t asked = retry_after ? retry_after_ms(retry_after, clock_now_seconds()) : -1;

	*ret_again = false;
	if (http_error_is_unreachable(why) && tries > UNREACHABLE_TRIES && !retry->delay_ms)
		tries = UNREACHABLE_TRIES;
	if (retry->used >= tries || asked > most ||
			(retry->silence_ends && http_error_is_silence(why)))
		return NULL;
	for (unsigned i = 0; i < retry->used && ms < LONGEST_MS; i++)
		ms *= 2;
	ms = retry->delay_ms ? retry->delay_ms : jitter(ms < LONGEST_MS ? ms : LONGEST_MS);
	if (asked >= 0 && (uint64_t)asked > ms)
		ms = (uint64_t)asked;
	retry->used++;
	retry->waited_ms += ms;
	log_debug("http: try %u of %u in %llu ms", retry->used + 1, tries + 1,
			(unsigned long long)ms);
	TRY(sleep_ms(ms, cancel));
	*ret_again = true;
	return NULL;
}

FALLIBLE retry_again(struct retry *retry, const char *retry_after, struct error *why,
		struct cancel *cancel, bool *ret_again)
{
	struct error *stop = retry_wait(retry, retry_after, why, cancel, ret_again);

	if (!stop && !*ret_again)
		return why;
	error_free(why);
	return stop;
}

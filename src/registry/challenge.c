/*
 * The grammar is a comma-separated list of challenges, each a scheme and a comma-separated list of
 * name=value; the two kinds of commas are told apart by looking whether '=' follows a name.
 */
#include "registry/challenge.h"

#include "base/strbuf.h"

#include <ctype.h>
#include <string.h>

struct cursor {
	struct str text;
	size_t at;
};

static bool at_end(const struct cursor *in)
{
	return in->at >= in->text.n;
}

static char peek(const struct cursor *in)
{
	return at_end(in) ? '\0' : in->text.p[in->at];
}

static void skip_blanks(struct cursor *in, bool commas)
{
	while (!at_end(in) && (peek(in) == ' ' || peek(in) == '\t' || (commas && peek(in) == ',')))
		in->at++;
}

/* RFC 9110 "token"; empty when there is none. */
static struct str token(struct cursor *in)
{
	size_t start = in->at;

	while (!at_end(in) && (isalnum((unsigned char)peek(in)) ||
					      (peek(in) && strchr("!#$%&'*+-.^_`|~", peek(in)))))
		in->at++;
	return str_slice(in->text, start, in->at);
}

/* A token, or text in quotes with backslash escapes. False when the quotes do not end. */
static bool value(struct cursor *in, struct strbuf *out)
{
	if (peek(in) != '"') {
		/* Bare realms with ':' and '/' are seen in the wild. */
		while (!at_end(in) && peek(in) != ',' && peek(in) != ' ' && peek(in) != '\t')
			strbuf_add_char(out, in->text.p[in->at++]);
		return true;
	}
	for (in->at++; !at_end(in); in->at++) {
		if (peek(in) == '"') {
			in->at++;
			return true;
		}
		if (peek(in) == '\\' && in->at + 1 < in->text.n)
			in->at++;
		strbuf_add_char(out, peek(in));
	}
	return false;
}

static void keep(struct challenge *challenge, struct str name, struct strbuf *text)
{
	const struct {
		const char *name;
		char **to;
	} known[] = {
		{ "realm", &challenge->realm },
		{ "service", &challenge->service },
		{ "scope", &challenge->scope },
		{ "error", &challenge->error },
	};

	/* A NUL would cut the text short behind our back. */
	if (memchr(strbuf_text(text), '\0', text->n))
		return;
	for (size_t i = 0; i < COUNT(known); i++)
		if (str_is_nocase(name, known[i].name) && !*known[i].to)
			*known[i].to = strbuf_take(text);
}

/* Parameters up to the next scheme. False at malformed text. */
static bool parameters(struct cursor *in, struct challenge *challenge)
{
	for (int i = 0; i < CHALLENGE_PARAMETERS_MAX; i++) {
		AUTO(strbuf) struct strbuf text = { 0 };
		size_t start;

		skip_blanks(in, true);
		start = in->at;
		struct str name = token(in);
		skip_blanks(in, false);
		if (at_end(in) && !name.n)
			return true;
		if (peek(in) != '=') {
			in->at = start; /* the next scheme */
			return name.n > 0;
		}
		in->at++;
		skip_blanks(in, false);
		if (!name.n || !value(in, &text))
			return false;
		keep(challenge, name, &text);
	}
	return false;
}

void challenges_parse(struct str text, struct challenges *ret)
{
	struct cursor in = { .text = text };

	while (ret->n < CHALLENGES_MAX) {
		skip_blanks(&in, true);
		struct str scheme = token(&in);
		if (!scheme.n)
			return;
		struct challenge *challenge = vec_add(ret);
		if (str_is_nocase(scheme, "Bearer"))
			challenge->kind = CHALLENGE_BEARER;
		else if (str_is_nocase(scheme, "Basic"))
			challenge->kind = CHALLENGE_BASIC;
		/* "Negotiate abc==": one token68 instead of parameters, of no interest here. */
		if (challenge->kind == CHALLENGE_OTHER && peek(&in) == ' ') {
			size_t start = in.at;

			skip_blanks(&in, false);
			(void)token(&in);
			while (peek(&in) == '=' || peek(&in) == '/')
				in.at++;
			skip_blanks(&in, false);
			if (!at_end(&in) && peek(&in) != ',')
				in.at = start;
		}
		if (!parameters(&in, challenge))
			return;
	}
}

const struct challenge *challenges_best(const struct challenges *challenges)
{
	const struct challenge *basic = NULL;

	for (size_t i = 0; i < challenges->n; i++) {
		const struct challenge *challenge = &challenges->p[i];

		if (challenge->kind == CHALLENGE_BEARER && challenge->realm)
			return challenge;
		if (challenge->kind == CHALLENGE_BASIC && !basic)
			basic = challenge;
	}
	return basic;
}

void challenges_done(struct challenges *challenges)
{
	for (size_t i = 0; i < challenges->n; i++) {
		free(challenges->p[i].realm);
		free(challenges->p[i].service);
		free(challenges->p[i].scope);
		free(challenges->p[i].error);
	}
	vec_done(challenges);
}

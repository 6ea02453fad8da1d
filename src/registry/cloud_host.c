#include "registry/cloud_host.h"

#include "base/str.h"
#include "base/xalloc.h"

#include <string.h>

enum { ACCOUNT_DIGITS = 12, LABEL_MAX = 63 };

/* One label of a name: a-z, 0-9 and - inside. */
static bool is_label(struct str s)
{
	if (!s.n || s.n > LABEL_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') &&
				s.p[i] != '-')
			return false;
	return true;
}

/* "<label><suffix>". */
static bool is_label_and(const char *host, const char *suffix)
{
	struct str s = str_of(host);

	return str_ends(s, suffix) && is_label(str_slice(s, 0, s.n - strlen(suffix)));
}

static bool drop(struct str *s, const char *start)
{
	if (!str_starts(*s, start))
		return false;
	*s = str_slice(*s, strlen(start), s->n);
	return true;
}

static bool parse_ecr(const char *host, struct cloud_host *ret)
{
	struct str rest = str_of(host), region, domain;

	for (size_t i = 0; i < ACCOUNT_DIGITS; i++)
		if (i >= rest.n || rest.p[i] < '0' || rest.p[i] > '9')
			return false;
	rest = str_slice(rest, ACCOUNT_DIGITS, rest.n);
	ret->is_dual = str_starts(rest, ".dkr-ecr");
	if (drop(&rest, ret->is_dual ? ".dkr-ecr-fips." : ".dkr.ecr-fips."))
		ret->is_fips = true;
	else if (!drop(&rest, ret->is_dual ? ".dkr-ecr." : ".dkr.ecr."))
		return false;
	str_cut(rest, '.', &region, &domain);
	ret->is_china = str_is(
			domain, ret->is_dual ? "on.amazonwebservices.com.cn" : "amazonaws.com.cn");
	if (!ret->is_china && !str_is(domain, ret->is_dual ? "on.aws" : "amazonaws.com"))
		return false;
	if (!is_label(region) || region.n >= sizeof(ret->region) ||
			ret->is_china != str_starts(region, "cn-"))
		return false;
	memcpy(ret->region, region.p, region.n);
	ret->region[region.n] = '\0';
	return true;
}

struct cloud_host cloud_host_of(const char *host)
{
	struct cloud_host found = { .kind = CLOUD_ECR };

	if (parse_ecr(host, &found))
		return found;
	found = (struct cloud_host){ .kind = CLOUD_NONE };
	if (strcmp(host, "public.ecr.aws") == 0)
		found.kind = CLOUD_ECR_PUBLIC;
	else if (strcmp(host, "gcr.io") == 0 || is_label_and(host, ".gcr.io") ||
			(is_label_and(host, ".pkg.dev") && is_label_and(host, "-docker.pkg.dev")))
		found.kind = CLOUD_GOOGLE;
	else if (is_label_and(host, ".azurecr.io") || is_label_and(host, ".azurecr.us") ||
			is_label_and(host, ".azurecr.cn"))
		found.kind = CLOUD_AZURE;
	return found;
}

const char *cloud_helper_name(enum cloud_kind kind)
{
	switch (kind) {
	case CLOUD_NONE:
		return NULL;
	case CLOUD_ECR:
	case CLOUD_ECR_PUBLIC:
		return "ecr";
	case CLOUD_GOOGLE:
		return "google";
	case CLOUD_AZURE:
		return "acr";
	}
	return NULL;
}

bool cloud_is_azure_blob(const char *host)
{
	static const char *const suffixes[] = { ".blob.core.windows.net",
		".blob.core.chinacloudapi.cn", ".blob.core.cloudapi.de",
		".blob.core.usgovcloudapi.net" };

	for (size_t i = 0; i < COUNT(suffixes); i++)
		if (is_label_and(host, suffixes[i]))
			return true;
	return false;
}

/*
 * cloud_host: which registry hosts belong to a cloud whose credentials kiln finds by itself. A host
 * is one of them by its whole name or not at all: evil-gcr.io, gcr.io.evil.example, a name with a
 * port, another case or another number of labels gets nothing.
 *
 * Floor: registry (pure).
 */
#pragma once
#include <stdbool.h>

enum cloud_kind {
	CLOUD_NONE = 0,
	/* <12 digits>.dkr.ecr[-fips].<region>.amazonaws.com[.cn], and for IPv6 too
	 * <12 digits>.dkr-ecr[-fips].<region>.on.aws (China: on.amazonwebservices.com.cn) */
	CLOUD_ECR,
	CLOUD_ECR_PUBLIC, /* public.ecr.aws */
	CLOUD_GOOGLE,     /* gcr.io, <label>.gcr.io, <label>-docker.pkg.dev */
	CLOUD_AZURE,      /* <label>.azurecr.io, .us, .cn */
};

struct cloud_host {
	enum cloud_kind kind;
	char region[40]; /* CLOUD_ECR */
	bool is_fips, is_china, is_dual;
};

struct cloud_host cloud_host_of(const char *host);
/* The name that --credential-helpers has for it: "ecr", "google", "acr"; NULL for none. */
const char *cloud_helper_name(enum cloud_kind kind);
/* <account>.blob.core.windows.net and its kin in other Azure clouds. */
bool cloud_is_azure_blob(const char *host);

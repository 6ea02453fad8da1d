#include "registry/object_sign.h"

#include "base/clock.h"
#include "registry/aws.h"
#include "registry/azure.h"
#include "registry/client.h"
#include "registry/sigv4.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>

/* What was found is looked for again: the shortest that roles give last a quarter of an hour. */
enum { FOUND_LASTS_SECONDS = 5 * 60 };

struct object_signer {
	struct registry_client *client; /* borrowed */
	bool is_s3, is_given;
	char *region;         /* S3 */
	char *account, *key;  /* Azure */
	pthread_mutex_t lock; /* guards what follows */
	int64_t found_at;     /* 0: nothing was looked for */
	struct aws_credentials aws;
	char *token; /* of Azure */
};

static char *copy(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

static struct object_signer *signer_new(struct registry_client *client)
{
	struct object_signer *signer = xcalloc(1, sizeof(*signer));

	signer->client = client;
	(void)pthread_mutex_init(&signer->lock, NULL);
	return signer;
}

struct object_signer *object_signer_s3(struct registry_client *client, const char *region,
		const char *key_id, const char *secret, const char *token)
{
	struct object_signer *signer = signer_new(client);

	signer->is_s3 = true;
	signer->is_given = key_id && secret;
	signer->region = xstrdup(region);
	if (signer->is_given)
		signer->aws = (struct aws_credentials){
			.key_id = xstrdup(key_id), .secret = xstrdup(secret), .token = copy(token)
		};
	return signer;
}

struct object_signer *object_signer_azure(
		struct registry_client *client, const char *account, const char *key)
{
	struct object_signer *signer = signer_new(client);

	signer->is_given = key != NULL;
	signer->account = xstrdup(account);
	signer->key = copy(key);
	return signer;
}

void object_signer_free(struct object_signer *signer)
{
	if (!signer)
		return;
	aws_credentials_done(&signer->aws);
	credential_text_free(signer->token);
	credential_text_free(signer->key);
	free(signer->region);
	free(signer->account);
	(void)pthread_mutex_destroy(&signer->lock);
	free(signer);
}

/* Under the lock. */
static FALLIBLE find(struct object_signer *signer)
{
	struct cloud *cloud = client_cloud(signer->client);
	int64_t now = clock_now_seconds();
	AUTO_FREE char *source = NULL;

	if (signer->is_given || (signer->found_at && now < signer->found_at + FOUND_LASTS_SECONDS))
		return NULL;
	if (signer->is_s3) {
		AUTO(aws_credentials) struct aws_credentials found = { 0 };

		TRY(aws_find_credentials(cloud, &found));
		aws_credentials_done(&signer->aws);
		signer->aws = TAKE_VALUE(found);
	} else {
		char *token = NULL;

		TRY(azure_storage_token(cloud, &token, &source));
		credential_text_free(signer->token);
		signer->token = token;
	}
	signer->found_at = now;
	return NULL;
}

static FALLIBLE sign(struct object_signer *signer, const char *method, const struct url *url,
		const struct digest *payload, uint64_t bytes, struct list *headers)
{
	TRY(find(signer));
	if (signer->is_s3) {
		const struct sigv4 sigv4 = { .key_id = signer->aws.key_id,
			.secret = signer->aws.secret,
			.token = signer->aws.token,
			.region = signer->region,
			.service = "s3" };

		sigv4_sign(&sigv4, method, url, payload, clock_now_seconds(), headers);
		return NULL;
	}
	if (signer->key)
		return azure_sign_blob(signer->key, signer->account, method, url, bytes,
				clock_now_seconds(), headers);
	azure_bear_token(signer->token, headers);
	return NULL;
}

FALLIBLE object_sign(struct object_signer *signer, const char *method, const struct url *url,
		const struct digest *payload, uint64_t bytes, struct list *headers)
{
	(void)pthread_mutex_lock(&signer->lock);
	struct error *error = sign(signer, method, url, payload, bytes, headers);
	(void)pthread_mutex_unlock(&signer->lock);
	return error;
}

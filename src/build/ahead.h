/*
 * ahead: a large layer starts its way to the registry while it is still being written. A thread
 * follows the blob's file and sends what is there; it slows nobody down and keeps nothing in
 * memory. When the digest is known the registry is asked: has it the blob already, the upload is
 * dropped, so that no more than what was sent in the meantime was sent for nothing.
 *
 * It is an aid: whatever goes wrong here is forgotten, and the blob is sent from the store as any
 * other.
 *
 * Floor: build. Start and finish on any one thread each.
 */
#pragma once
#include "base/auto.h"
#include "oci/digest.h"
#include "oci/reference.h"
#include "store/blob.h"

struct registry_client;
struct ahead;

/*
 * Follow blob, of which nothing is written yet, to the repository of to. Borrows client and to
 * until it is finished or freed. NULL when that cannot be; nothing is sent of a blob that stays
 * small. content_bytes: what its files hold, as far as it is known; much is sent from the first
 * byte, and then the caller, with the threads that it starts from here on, is a little nicer than
 * the one that sends: a registry on this machine takes what is sent by one thread, which would
 * otherwise get the smaller part of the processors and be far behind when all is compressed.
 * (Without the right to take that back, the senders of a caller's later layers are as nice as it
 * is.)
 */
struct ahead *ahead_start(struct registry_client *client, const struct reference *to,
		struct blob_writer *blob, uint64_t content_bytes);
/*
 * The blob is whole and this is its name: true when the registry has it now (takes ahead; NULL is
 * false).
 */
bool ahead_finish(struct ahead *ahead, const struct digest *digest);
/* Give up. NULL is fine. */
void ahead_free(struct ahead *ahead);

DEFINE_AUTO_PTR(ahead, ahead_free)

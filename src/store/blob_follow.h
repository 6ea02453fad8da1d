/*
 * blob_follow: reading a blob's file while it is written. Private to store/: what others use is in
 * blob.h. One follower is shared by the writer, who tells how far it is, and by the one who reads.
 *
 * Floor: store. Any thread.
 */
#pragma once
#include "store/blob.h"

/* fd of the file, readable (takes). One reference for each side. */
struct blob_follower *blob_follower_new(int fd);
/* The writer's side: so many bytes are there; there will be no more (is_whole), or it was given up.
 */
void blob_follower_grow(struct blob_follower *follower, uint64_t bytes);
void blob_follower_end(struct blob_follower *follower, bool is_whole);

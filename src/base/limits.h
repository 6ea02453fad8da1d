/*
 * limits: every bound on what comes from outside, each with its reason. A value beyond one is
 * ERR_LIMIT, never an allocation.
 *
 * Floor: base.
 */
#pragma once

enum {
	/* Registries refuse manifests over 4 MiB (distribution spec); so do we, in both directions.
	 */
	LIMIT_MANIFEST_BYTES = 4 * 1024 * 1024,
	/* An image config holds history and labels; 8 MiB is a hundred times the largest seen. */
	LIMIT_CONFIG_BYTES = 8 * 1024 * 1024,
	/* JSON nesting; jansson itself stops at 2,048, which is stack we need not give. */
	LIMIT_JSON_DEPTH = 64,
	/* Layers of an image; overlayfs takes 500 at most. */
	LIMIT_LAYERS = 500,
	/* Manifests in an index, and entries of any list in a manifest or config. */
	LIMIT_LIST_ENTRIES = 10000,
	/* A Dockerfile: BuildKit's own bound is 2 MiB for what the client sends. */
	LIMIT_DOCKERFILE_BYTES = 2 * 1024 * 1024,
	LIMIT_DOCKERFILE_LINES = 200000,
	LIMIT_STAGES = 10000,
	/* Variables, labels, volumes of one stage; steps of one plan: no image has a hundredth. */
	LIMIT_NAMES = 10000,
	LIMIT_STEPS = 10000,
	/* Variables, labels and history lines that stages hand to stages and steps: 64 MiB. */
	LIMIT_PLAN_ENTRIES = 500000,
	LIMIT_IGNORE_BYTES = 4 * 1024 * 1024,
	LIMIT_IGNORE_PATTERNS = 10000,
	/* All text one Dockerfile may expand to: nested ARGs grow exponentially. */
	LIMIT_EXPANDED_BYTES = 16 * 1024 * 1024,
	LIMIT_EXPANSION_DEPTH = 100,
	/* Heredocs opened on one line: a thousand is more than anybody reads. */
	LIMIT_HEREDOCS = 1000,
	/* Linux: PATH_MAX and NAME_MAX. */
	LIMIT_PATH_BYTES = 4096,
	LIMIT_NAME_BYTES = 255,
	LIMIT_PATH_DEPTH = 1024,
	/* One pax header block; xattrs are at most 64 KiB each in Linux. */
	LIMIT_PAX_BYTES = 1024 * 1024,
	LIMIT_XATTR_BYTES = 65536,
	LIMIT_XATTRS = 256,
	/* Entries of one layer: ten times the largest layer seen in the wild. */
	LIMIT_TAR_ENTRIES = 20 * 1000 * 1000,
	/* config.json, auth.json, registries.conf. */
	LIMIT_SETTINGS_BYTES = 4 * 1024 * 1024,
	/* A seccomp profile (Docker's has 12 KiB), a source policy. */
	LIMIT_RULES_BYTES = 1024 * 1024,
	/* A regular expression: glibc's compiler calls itself for each parenthesis (8 MiB of stack
	   end at some ten thousand) and writes out what "{n}" repeats (100 bytes a character). */
	LIMIT_REGEX_BYTES = 4096,
	LIMIT_REGEX_COPIED_BYTES = 1024 * 1024,
	LIMIT_HTTP_HEADER_BYTES = 64 * 1024,
	LIMIT_REDIRECTS = 10,
	/* A server that asks for a longer pause than this is as good as away. */
	LIMIT_RETRY_AFTER_SECONDS = 60,
	/* Tags of a repository, repositories of a registry: CI leaves a tag a commit. */
	LIMIT_TAGS = 1000 * 1000,
	/* Registries give a hundred on a page, some ten; pages may lead round in a circle. */
	LIMIT_TAG_PAGES = 10 * 1000,
	LIMIT_TOKEN_BYTES = 1024 * 1024,
	/* /etc/passwd and /etc/group of a rootfs. */
	LIMIT_PASSWD_BYTES = 16 * 1024 * 1024,
	/* --mount flags of one RUN: each may need an fd, of which a message carries 253. */
	LIMIT_STEP_MOUNTS = 100,
	/* BuildKit's bound of one --secret, and more of them than anybody has. */
	LIMIT_SECRET_BYTES = 500 * 1024,
	LIMIT_SECRETS = 100,

	/* What mounts.conf gives to every step: certificates and the like, not a disk. */
	LIMIT_HOST_COPY_FILES = 20000,
	LIMIT_HOST_COPY_BYTES = 256 * 1024 * 1024,
	LIMIT_HOST_COPY_DEPTH = 64,
	/* What is signed names one manifest: some hundred bytes, with certificates some thousand.
	   Signatures of one image: containers/image looks at as many. */
	LIMIT_SIGNATURE_BYTES = 1024 * 1024,
	LIMIT_SIGNATURES = 128,
	/* What an encrypted layer says of its key: 600 bytes for each recipient with RSA of 2048
	   bits, or as many keys as a command is given. */
	LIMIT_SEAL_BYTES = 256 * 1024,
	LIMIT_SEAL_KEYS = 128,
	/* What one RUN may pass as argument (MAX_ARG_STRLEN is 128 KiB). */
	LIMIT_ARG_BYTES = 131072,
	LIMIT_LOG_LINE_BYTES = 65536,
	/* What one decompressor may hold: zstd --ultra -22 writes windows of 2^27; xz -9 needs 65
	   MiB to decode. */
	LIMIT_ZSTD_WINDOW_LOG = 27,
	LIMIT_XZ_MEMORY_BYTES = 128 * 1024 * 1024,
	/* A layer's table of contents, packed and unpacked: some 100 bytes for each entry. */
	LIMIT_TOC_BYTES = 64 * 1024 * 1024,
	LIMIT_TOC_PLAIN_BYTES = 256 * 1024 * 1024,
	/* Files of a base layer that are kept as names in memory: some 300 bytes each. */
	LIMIT_VIEW_NAMES = 100 * 1000,
	/* Podman's lists of layers and images: some 600 bytes an item. One line of a tar-split: a
	   megabyte of padding in base64, or the pax header of one entry. */
	LIMIT_PODMAN_LIST_BYTES = 128 * 1024 * 1024,
	/* Different owners, and groups, of one layer: all are in Podman's list of layers, and a
	   user's subordinate ids are as many. */
	LIMIT_PODMAN_IDS = 65536,
	LIMIT_SPLIT_LINE_BYTES = 4 * 1024 * 1024,
};

/* A layer's uncompressed size: 1 TiB; a gzip bomb needs a bound even where nothing is declared. */
#define LIMIT_LAYER_BYTES (1ull << 40)
/* Holes of the sparse files of one archive, 256 GiB: a kilobyte may claim any size, and somebody
 * has to read that as zeros. The disk of a machine has tens of GiB, a lastlog with the ids of a
 * directory a hundred.
 */
#define LIMIT_HOLES_BYTES (1ull << 38)
/* The end of the year 9999: what RFC 3339 can say. */
#define LIMIT_TIME_SECONDS 253402300799ll
/* A build context that comes as an archive or download, unpacked: 64 GiB is no source tree any
 * more.
 */
#define LIMIT_CONTEXT_BYTES (1ull << 36)

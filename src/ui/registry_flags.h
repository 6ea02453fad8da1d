/*
 * registry_flags: rows of the options that commands speaking to registries share. All are settings
 * (ui/config.h), so a command has nothing to do for them: who we are and whom we trust, the policy
 * that images must meet, and the keys that sign what is pushed.
 *
 * Floor: ui.
 */
#pragma once
#include "ui/options.h"

/* For every program's own table. */
#define REGISTRIES_CONF_ROWS                                                                       \
	OPT_SETTING(0, "registries-conf", "PATH",                                                  \
			"instead of the user's or the system's registries.conf", .is_path = true), \
			OPT_SETTING(0, "registries-conf-dir", "DIR",                               \
					"instead of their registries.conf.d", .is_path = true)

/* For whatever reads or writes a registry. */
#define REGISTRY_REACH_ROWS                                                                    \
	OPT_SETTING(0, "authfile", "PATH", "read credentials from this file alone",            \
			.is_path = true),                                                      \
			OPT_SETTING(0, "creds", "USER:PASSWORD",                               \
					"log in so, whatever the files say"),                  \
			OPT_SETTING(0, "cert-dir", "DIR",                                      \
					"certificates for every registry, instead of certs.d", \
					.is_path = true),                                      \
			OPT_SETTING(0, "tls-verify", NULL,                                     \
					"check certificates of registries (the default)")

/* The same, where Buildah has no such option. */
#define INSECURE_REGISTRY_ROW                              \
	OPT_SETTING(0, "insecure-registry", "HOST[:PORT]", \
			"speak to it without TLS, or without checking it")

/* For Buildah's commands that do. */
#define RETRY_ROWS                                                                          \
	OPT_SETTING(0, "retry", "N", "how often what fails for the moment is tried again"), \
			OPT_SETTING(0, "retry-delay", "TIME",                               \
					"the wait between tries: 2s; else they grow")

/* For what brings images in. */
#define SIGNATURE_POLICY_ROW                                                                \
	OPT_SETTING(0, "signature-policy", "PATH", "the policy.json that images must meet", \
			.is_path = true)

/* For what reads the layers of images. */
#define DECRYPTION_ROW                                      \
	OPT_SETTING(0, "decryption-key", "FILE[:PASSWORD]", \
			"open encrypted layers with this private key")

/* Buildah's own cache of blobs beside its store, which has nothing to do here: the store keeps
 * every blob that was fetched, and what is pushed goes out of it. */
#define BLOB_CACHE_ROW \
	OPT_TEXT(0, "blob-cache", blob_cache, "DIR", "taken", .is_path = true, .is_hidden = true)

/* For what pushes. */
#define SIGN_ROWS                                                                            \
	OPT_SETTING(0, "sign-by", "FINGERPRINT", "sign what is pushed with this GPG key"),   \
			OPT_SETTING(0, "sign-by-sigstore-private-key", "PATH",               \
					"sign what is pushed with this key, as cosign does", \
					.is_path = true),                                    \
			OPT_SETTING(0, "sign-passphrase-file", "PATH",                       \
					"the passphrase of that key", .is_path = true)

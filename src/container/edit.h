/*
 * edit: changing a container's config by the words of 'config': what is added, what a trailing "-"
 * takes away, what a lone "-" clears.
 *
 * Floor: container (pure, but for edit_merge_file).
 */
#pragma once
#include "oci/image_config.h"

/* Environment, labels, annotations: "NAME=VALUE", "NAME" (empty), "NAME-", "-". */
void edit_pair(struct list *pairs, const char *text);
/* Ports, volumes, features: "NAME", "NAME-", "-". */
void edit_name(struct list *names, const char *text);
/* A text that "" or "-" clears. */
void edit_text(char **field, const char *text);
/* Words as a shell splits them: quotes and backslashes. ERR_INVALID: an open quote. */
FALLIBLE edit_words(const char *text, struct list *ret);
/* A list of words; a JSON array of texts is taken as it is. "" empties. */
FALLIBLE edit_command(struct list *list, const char *text);
/* Entrypoint: a JSON array, or a text for "/bin/sh -c"; "" empties. */
FALLIBLE edit_entrypoint(struct image_config *config, const char *text);
/* "CMD curl …", "CMD-SHELL …", "none"; anything else is for a shell. "" takes it away. */
FALLIBLE edit_healthcheck(struct image_healthcheck *check, const char *text);
/* "30s", "1m30s", "1h": nanoseconds. ERR_INVALID. */
FALLIBLE edit_duration(const char *text, int64_t *ret);
/*
 * The fields that a JSON file has (those of "config" in an image config) are merged into the
 * config's as Buildah does it: variables, labels, ports and volumes are added, entrypoint and
 * command are replaced together, all else one by one where it is not empty. A
 * command that is [] is taken away.
 */
FALLIBLE edit_merge_file(struct image_config *config, const char *path);

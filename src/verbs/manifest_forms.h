/*
 * manifest_forms: a list as it goes to a registry when that is to be another form than the one that
 * is here: other media types, layers compressed in another way, or a second image of each that is.
 *
 * Floor: verbs.
 */
#pragma once
#include "image/convert.h"
#include "verbs/destination.h"
#include "verbs/manifest_list.h"

struct list_form {
	struct image_form form; /* of the images that it lists */
	/* Each image is there in these, too, behind those that are listed; COMPRESSION_… */
	VEC(enum compression) added;
};

void list_form_done(struct list_form *form);
bool list_form_is_as_it_is(const struct list_form *form);
/*
 * The index in that form (new); the list stays as it is, and what is new is in the store, for this
 * process. Artifacts are as they are; ERR_UNSUPPORTED where Docker's format has no place for one.
 */
FALLIBLE manifest_list_in_form(struct session *session, const struct manifest_list *list,
		const struct list_form *form, struct image_index *ret);
/* Send it so, with all that it lists. text: its name, for messages. *ret: the digest there. */
FALLIBLE manifest_list_send(struct session *session, const struct manifest_list *list,
		const char *text, const struct list_form *form, const struct destination *to,
		bool quiet, struct digest *ret);

DEFINE_AUTO_VALUE(list_form)

#include "build/containerenv.h"

#include "base/xalloc.h"

char *containerenv_text(
		const char *engine, const struct container *container, const struct userns *userns)
{
	bool has_image = container && container->image_name[0];
	char hex[DIGEST_HEX];

	if (!engine)
		return NULL;
	return xasprintf("engine=\"%s\"\nname=\"%s\"\nid=\"%s\"\nimage=\"%s\"\nimageid=\"%s\"\n"
			 "rootless=%d\n",
			engine, container ? container->name : "", container ? container->id : "",
			has_image ? container->image_name : "",
			has_image ? digest_hex(&container->image_id, hex) : "",
			userns->outer_uid != 0);
}

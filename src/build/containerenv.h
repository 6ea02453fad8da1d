/*
 * containerenv: what /run/.containerenv holds while a command runs, as Podman and Buildah write it.
 * In a build it names neither container nor image: a step's result is for all who say the same.
 *
 * Private to build/. Floor: build (pure).
 */
#pragma once
#include "container/container.h"
#include "sys/userns.h"

/* engine: "buildah-1.0"; NULL makes NULL. container: or NULL. New; free(). */
char *containerenv_text(
		const char *engine, const struct container *container, const struct userns *userns);

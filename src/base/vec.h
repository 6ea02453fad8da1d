/*
 * vec: a growable array, typed by the struct that holds it.
 *
 *	struct names { char **p; size_t n, capacity; };
 *	vec_push(&names, xstrdup("a"));
 *
 * { 0 } is empty. vec_done frees the array, not what the elements own.
 *
 * struct list: the commonest case, owned C strings.
 *
 * Floor: base.
 */
#pragma once
#include "base/auto.h"
#include "base/xalloc.h"
#include <stdbool.h>

#define VEC(type)                   \
	struct {                    \
		type *p;            \
		size_t n, capacity; \
	}

/* Make room for one more and return its address, zeroed. */
#define vec_add(vec)                                                                               \
	({                                                                                         \
		__typeof__(vec) vec_ = (vec);                                                      \
		if (vec_->n == vec_->capacity) {                                                   \
			vec_->capacity = vec_->capacity ? vec_->capacity * 2 : 8;                  \
			vec_->p = xrealloc(vec_->p, vec_->capacity, sizeof(__typeof__(*vec_->p))); \
		}                                                                                  \
		__builtin_memset(&vec_->p[vec_->n], 0, sizeof(__typeof__(*vec_->p)));              \
		&vec_->p[vec_->n++];                                                               \
	})

#define vec_push(vec, value)                                \
	do {                                                \
		__typeof__(*(vec)->p) vec_value_ = (value); \
		*vec_add(vec) = vec_value_;                 \
	} while (0)

#define vec_done(vec)                           \
	do {                                    \
		free((vec)->p);                 \
		(vec)->p = NULL;                \
		(vec)->n = (vec)->capacity = 0; \
	} while (0)

struct list {
	char **p;
	size_t n, capacity;
};

void list_done(struct list *list);
void list_add(struct list *list, const char *text); /* copies */
void list_addf(struct list *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
void list_add_all(struct list *list, const struct list *other);
/* Its texts with a NULL behind the last, good until it changes; NULL when there are none. */
const char *const *list_ended(struct list *list);
bool list_has(const struct list *list, const char *text);
void list_remove(struct list *list, size_t i);
void list_sort(struct list *list); /* bytewise */
/*
 * For lists of "NAME=value": the value of name, or NULL; set replaces in place or adds at the end;
 * unset removes.
 */
const char *list_env_get(const struct list *list, const char *name);
void list_env_set(struct list *list, const char *name, const char *value);
void list_env_unset(struct list *list, const char *name);

DEFINE_AUTO_VALUE(list)

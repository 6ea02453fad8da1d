/*
 * csv: options whose value is a record of fields: "type=oci,dest=app.tar", as Docker writes them.
 *
 * Floor: ui (pure).
 */
#pragma once
#include "base/str.h"

/*
 * The next field; quoted ones lose their quotes ("" inside is one). What is malformed is
 * error_usage naming the option. New; free().
 */
FALLIBLE csv_next_field(struct str *rest, const char *option, char **ret);

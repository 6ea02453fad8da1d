/*
 * meter: how many bytes went through, readable by another thread while they do (for progress).
 *
 * Floor: stream. The counter may be shared by many streams and read at any time.
 */
#pragma once
#include "stream/reader.h"
#include "stream/writer.h"

struct meter {
	_Atomic uint64_t bytes;
};

uint64_t meter_bytes(const struct meter *meter);
/* Count what is read or written (takes below, borrows meter, which must outlive it). */
struct reader *meter_reader(struct reader *below, struct meter *meter);
struct writer *meter_writer(struct writer *below, struct meter *meter);

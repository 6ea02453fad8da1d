/*
 * pipe: a bounded, blocking byte queue between two threads that carries the writer's error to the
 * reader.
 *
 * Bytes travel in blocks of 128 KiB: the reader sees them when a block is full or the writer
 * closed. Each end belongs to one thread at a time; freeing either end wakes the other.
 *
 * Floor: stream.
 */
#pragma once
#include "stream/reader.h"
#include "stream/writer.h"

enum { PIPE_BLOCK_BYTES = 128 * 1024, PIPE_BLOCKS_DEFAULT = 8 };

/*
 * A pipe of `blocks` (at least 2) x 128 KiB. Closing the writer with success ends the reader's
 * stream; freeing the writer without close gives the reader ERR_CANCELED, writer_fail() a copy of
 * its own error, both behind the bytes that came before. A writer whose reader is gone gets
 * ERR_CANCELED, and so does its close, unless the reader had taken every byte before it went.
 */
void pipe_open(unsigned blocks, struct reader **ret_reader, struct writer **ret_writer);
